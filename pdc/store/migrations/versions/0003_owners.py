"""Who brought an image, and under which name."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    image = sa.ForeignKey("images.sha256", name="fk_owners_image_sha256")
    op.create_table(
        "owners",
        text("owner"),
        text("image_sha256", image),
        text("name"),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("owner", "image_sha256", name="pk_owners"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER owners_refuse_{verb.lower()} BEFORE {verb} ON owners "
                "BEGIN SELECT RAISE(ABORT, 'owners are never changed'); END"
            )


def text(name: str, *args: sa.ForeignKey) -> sa.Column:
    return sa.Column(name, sa.Text, *args, nullable=False)


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
