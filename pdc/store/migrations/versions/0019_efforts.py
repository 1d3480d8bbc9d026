"""What a saved review took its reader: active seconds, moves of the pointer, keys, edits by kind."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "efforts",
        sa.Column("review_id", sa.Text, sa.ForeignKey("reviews.id", name="fk_efforts_review_id"), nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("moves", sa.Integer, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("edits", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("review_id", name="pk_efforts"),
    )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
