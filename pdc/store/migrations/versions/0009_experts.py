"""Of an answer: which experts answered for some of its labels."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("experts", sa.Text, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
