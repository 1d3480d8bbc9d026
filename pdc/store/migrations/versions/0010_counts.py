"""Of an answer: per label the probability of each count, as JSON; unknown (null) of answers from before."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("counts", sa.Text, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
