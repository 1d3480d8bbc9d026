"""Which images were compared with all others, and which of them are near copies. They are compared before the next training."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compared_images",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column(
            "image_sha256", sa.Text, sa.ForeignKey("images.sha256", name="fk_compared_images_image_sha256"), nullable=False
        ),
        sa.Column("rule", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_compared_images"),
        sa.UniqueConstraint("image_sha256", name="uq_compared_images_image_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "near_copies",
        sa.Column("one", sa.Text, sa.ForeignKey("images.sha256", name="fk_near_copies_one"), nullable=False),
        sa.Column("other", sa.Text, sa.ForeignKey("images.sha256", name="fk_near_copies_other"), nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("one", "other", name="pk_near_copies"),
    )
    op.create_index("ix_near_copies_other", "near_copies", ["other"])


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
