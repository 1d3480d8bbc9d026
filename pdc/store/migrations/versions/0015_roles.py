"""Roles of users; whoever there is already keeps every right."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("role", sa.Text, nullable=False, server_default="admin"))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
