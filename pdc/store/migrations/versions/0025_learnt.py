"""What reviews have shown, kept as sums: scores that were right or wrong, edits of each image."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

WHOSE = ("task", "adapter", "looks", "label")


def upgrade() -> None:
    _keyed("learnt_until", [text("source")], number("seq"))
    _keyed("score_shares", [text("image_sha256", "images.sha256", "score_shares")], text("share"))
    whose = [number(name) if name == "looks" else text(name) for name in WHOSE]
    _keyed("score_sums", [*whose, number("score")], number("right"), number("wrong"))
    whose = [number(name) if name == "looks" else text(name) for name in WHOSE]
    _keyed("score_neighbours", [*whose, text("other")], number("images"))
    edits = [text("review_id", "reviews.id", "edit_counts"), number("edits"), sa.Column("mean", sa.Double, nullable=False)]
    _keyed("edit_counts", [number("number")], *edits, sa.Column("adapter", sa.Text))
    op.create_index("ix_edit_counts_review_id", "edit_counts", ["review_id"], unique=True)


def text(name: str, points_to: str | None = None, table: str = "") -> sa.Column:
    link = [sa.ForeignKey(points_to, name=f"fk_{table}_{name}")] if points_to else []
    return sa.Column(name, sa.Text, *link, nullable=False)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer, nullable=False, autoincrement=False)


def _keyed(table: str, key: list[sa.Column], *columns: sa.Column) -> None:
    op.create_table(table, *key, *columns, sa.PrimaryKeyConstraint(*(c.name for c in key), name=f"pk_{table}"))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
