"""On PostgreSQL too the database refuses to change what was said once; on SQLite it always did."""

from alembic import op

from pdc.store.migrations.append_only import refuse_changes

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    *("images", "predictions", "reviews", "activations", "groups"),
    *("events", "owners", "label_events", "views", "looks"),
    *("reader_events", "reads", "signatures"),
    *("count_sessions", "count_events", "count_sheets"),
    *("audit_events", "audit_links"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        refuse_changes(*APPEND_ONLY)


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
