"""Of an answer how many looks at the image it was voted from, and how many of them had no vote; one look in older answers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("looks", sa.Integer, nullable=False, server_default="1"))
    op.add_column("predictions", sa.Column("lost_looks", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
