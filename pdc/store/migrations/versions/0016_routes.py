"""Of a promotion the labels it is about, of a roll-back the promotion it undoes; several adapters may serve at once.

NULL in lines from before: a promotion took the place of whatever served, and a roll-back undid the last one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("activations", sa.Column("labels", sa.Text, nullable=True))
    op.add_column("activations", sa.Column("undoes", sa.Integer, nullable=True))
    op.drop_index("uq_adapters_active", "adapters")


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
