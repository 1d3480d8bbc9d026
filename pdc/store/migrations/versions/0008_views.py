"""What an image's picture shows of its file, and what of it the model saw."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    image = sa.ForeignKey("images.sha256", name="fk_views_image_sha256")
    op.create_table(
        "views",
        sa.Column("image_sha256", sa.Text, image, nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("image_sha256", name="pk_views"),
    )
    op.add_column("predictions", sa.Column("view", sa.Text, nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER views_refuse_{verb.lower()} BEFORE {verb} ON views "
                "BEGIN SELECT RAISE(ABORT, 'views are never changed'); END"
            )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
