"""Which image is open at whom."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claims",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("image_sha256", "reader")),
        sa.Column("until", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("image_sha256", "reader", name="pk_claims"),
    )
    op.create_index("ix_claims_until", "claims", ["until"])


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
