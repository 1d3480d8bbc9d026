"""Of an answer: what tells the model's weights from others of its name; unknown (null) of answers from before."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("version", sa.Text, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
