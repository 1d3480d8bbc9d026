"""The short parts of names, in the order of time. They are worked out anew after the first start."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    by_code = sa.Text() if op.get_bind().dialect.name == "sqlite" else sa.Text(collation="C")
    op.drop_table("list_name_parts")
    op.create_table(
        "list_name_parts",
        sa.Column("home", sa.Text, nullable=False),
        sa.Column("part", by_code, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("name_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("home", "part", "place", "name_id", name="pk_list_name_parts"),
        sqlite_with_rowid=False,
    )
    op.execute("DELETE FROM list_names")
    op.execute(
        "INSERT INTO image_changes (image_sha256) SELECT sha256 FROM images"
        " WHERE sha256 NOT IN (SELECT image_sha256 FROM image_changes) ORDER BY seq"
    )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
