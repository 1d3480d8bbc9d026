"""How an answered image compares with those that the model was trained on, per label."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("likeness", sa.Text, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
