"""Run by alembic. The connection comes from pdc.store.schema; the log is left to the program."""

from alembic import context

from pdc.store.tables import Row

context.configure(connection=context.config.attributes["connection"], target_metadata=Row.metadata)
with context.begin_transaction():
    context.run_migrations()
