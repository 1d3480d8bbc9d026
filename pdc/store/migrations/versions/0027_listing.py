"""The state of each image as lists show it, and which images were written about. It is worked out after the first start."""

import sqlalchemy as sa
from alembic import op

from pdc.store.listing.triggers import on_postgresql, on_sqlite

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

ORDERS = {
    "time": ("place",),
    "name": ("name_key", "place"),
    "agreement": ("agreement", "place"),
    "doubt": ("rank", "doubt", "place"),
}
INDEXES = {
    **{f"{order}": ("room", *key) for order, key in ORDERS.items()},
    **{f"{order}_open": ("room", "open", *key) for order, key in ORDERS.items()},
    **{f"{order}_stage": ("room", "stage", *key) for order, key in ORDERS.items()},
    "found": ("room", "open", "found", "rank", "doubt", "place"),
    **{name: ("room", name, "place") for name in ("reader", "held", "mine")},
}
WANTED = {"drafts": "image_sha256", "owners": "image_sha256", "signatures": "image_sha256", "reader_events": "opens_at"}
"""columns by which the rows about some images are found"""


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    _tables(sa.Text() if sqlite else sa.Text(collation="C"))
    for table, column in WANTED.items():
        op.create_index(f"ix_{table}_{column}", table, [column], if_not_exists=True)
    for statement in on_sqlite() if sqlite else on_postgresql():
        op.execute(statement)
    op.execute("INSERT INTO image_changes (image_sha256) SELECT sha256 FROM images ORDER BY seq")


def _tables(by_code: sa.Text) -> None:
    op.create_table(
        "image_changes",
        sa.Column("seq", sa.Integer, nullable=False),
        text("image_sha256"),
        sa.PrimaryKeyConstraint("seq", name="pk_image_changes"),
        sa.UniqueConstraint("image_sha256", name="uq_image_changes_image_sha256"),
        sqlite_autoincrement=True,
    )
    _keyed("list_state", [text("name")], text("value"))
    _keyed(
        "list_rows",
        [text("image_sha256"), text("room")],
        *(big("place"), text("name"), sa.Column("name_key", by_code, nullable=False), text("stage"), flag("open")),
        *(text("reader"), number("rank"), big("doubt"), sa.Column("edits", sa.BigInteger), number("agreement")),
        *(sa.Column("found", sa.Integer), flag("mine"), flag("held"), text("told")),
    )
    for name, columns in INDEXES.items():
        op.create_index(f"ix_list_rows_{name}", "list_rows", list(columns))
    _keyed("list_labels", [text("image_sha256"), text("room"), text("label")])
    op.create_index("ix_list_labels_label", "list_labels", ["room", "label", "image_sha256"])
    _keyed("list_names", [sa.Column("id", sa.Integer, nullable=False)], text("home"), text("image_sha256"), text("name"))
    op.create_index("ix_list_names_image", "list_names", ["image_sha256", "home"], unique=True)
    _keyed(
        "list_name_parts", [text("home"), sa.Column("part", by_code, nullable=False), number("name_id")], sqlite_with_rowid=False
    )
    _keyed("list_counts", [text("room"), text("kind"), text("name"), text("stage")], big("n"))
    _keyed("list_batches", [text("room")], text("images"))


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=False)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer, nullable=False)


def big(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger, nullable=False)


def flag(name: str) -> sa.Column:
    return sa.Column(name, sa.Boolean, nullable=False)


def _keyed(table: str, key: list[sa.Column], *columns: sa.Column, **told: bool) -> None:
    op.create_table(table, *key, *columns, sa.PrimaryKeyConstraint(*(c.name for c in key), name=f"pk_{table}"), **told)


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
