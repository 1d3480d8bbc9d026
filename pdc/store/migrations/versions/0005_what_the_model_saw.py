"""Of an answer: whether it was cut by its length, the most pixels the model was shown, and whether memory was short."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("cut", "short_of_memory"):
        op.add_column("predictions", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("predictions", sa.Column("max_pixels", sa.Integer, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
