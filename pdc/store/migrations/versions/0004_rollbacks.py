"""Whether an activation was a roll-back: a promotion of the adapter before looked the same. NULL in lines from before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("activations", sa.Column("rolled_back", sa.Boolean, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
