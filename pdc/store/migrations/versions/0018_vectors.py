"""What a model's vision tower saw of each image, as one vector: like images are found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vectors",
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("image_sha256", sa.Text, sa.ForeignKey("images.sha256", name="fk_vectors_image_sha256"), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_vectors"),
        sa.UniqueConstraint("model", "image_sha256", name="uq_vectors_model"),
    )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
