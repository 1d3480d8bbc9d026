"""The tables of lists. Everything in them follows from other tables, and may be worked out anew."""

from __future__ import annotations

from itertools import product

from sqlalchemy import BigInteger, Boolean, ColumnElement, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row

BY_CODE = Text().with_variant(Text(collation="C"), "postgresql")
"""text that every database sorts by its characters' numbers"""
ORDERS = {
    "time": ("place",),
    "name": ("name_key", "place"),
    "agreement": ("agreement", "place"),
    "doubt": ("rank", "doubt", "place"),
}
WITHIN = {"": (), "open": ("open",), "stage": ("stage",)}


SHORT, LONG = 3, 40  # letters of the parts of a name
LAST = "\U0010ffff"  # sorts behind all that may follow in a name


def parts_of(name: str) -> set[str]:
    """`ListNamePartRow`'s of a name."""
    return {name[i : i + n] for n in (*range(1, SHORT + 1), LONG) for i in range(len(name))}


def holding(home: str, words: str) -> list[ColumnElement[bool]]:
    """The parts that a name with these words in it has: one, in the order of time, where they are short; else maybe several, and
    where they are longer than `LONG` letters, other names may have them too."""
    of, start = ListNamePartRow, words[:LONG]
    same = [of.part == words] if len(words) <= SHORT else [of.part >= start, of.part < start + LAST]
    return [of.home == home, *same]


def index_of(order: str, within: str = "") -> str:
    """The name of the index by which a room, or a part of it, is read in an order."""
    return f"ix_list_rows_{order}_{within}".rstrip("_")


class ImageChangeRow(Row):
    """An image whose rows are to be worked out anew; triggers write it."""

    __tablename__ = "image_changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: Mapped[int] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(unique=True)


class ListStateRow(Row):
    """By which rules the rows were worked out, and until when reads were opened."""

    __tablename__ = "list_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class ListRow(Row):
    """An image as one room sees it, as `pdc.store.listing.records.ListedRow`."""

    __tablename__ = "list_rows"
    __table_args__ = (
        *(
            Index(index_of(order, within), "room", *first, *key)
            for (order, key), (within, first) in product(ORDERS.items(), WITHIN.items())
        ),
        Index("ix_list_rows_found", "room", "open", "found", "rank", "doubt", "place"),
        Index("ix_list_rows_reader", "room", "reader", "place"),
        Index("ix_list_rows_held", "room", "held", "place"),
        Index("ix_list_rows_mine", "room", "mine", "place"),
    )

    image_sha256: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(BY_CODE)
    stage: Mapped[str]
    open: Mapped[bool] = mapped_column(Boolean)
    reader: Mapped[str]
    rank: Mapped[int]
    doubt: Mapped[int] = mapped_column(BigInteger)
    edits: Mapped[int | None] = mapped_column(BigInteger)
    agreement: Mapped[int]
    found: Mapped[int | None]
    mine: Mapped[bool] = mapped_column(Boolean)
    held: Mapped[bool] = mapped_column(Boolean)
    told: Mapped[str]


class ListLabelRow(Row):
    """A label of which an image has objects, as a room sees it."""

    __tablename__ = "list_labels"
    __table_args__ = (Index("ix_list_labels_label", "room", "label", "image_sha256"),)

    image_sha256: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)


class ListNameRow(Row):
    """The name of an image in small letters, for searching; `home`: whose image it is where images are private."""

    __tablename__ = "list_names"
    __table_args__ = (Index("ix_list_names_image", "image_sha256", "home", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    home: Mapped[str]
    image_sha256: Mapped[str]
    name: Mapped[str]


class ListNamePartRow(Row):
    """What a name, `ListNameRow`, holds from each of its letters on: the first one, two and three letters, and the first `LONG`,
    which whatever is longer begins. `place` is the image's in the order of time."""

    __tablename__ = "list_name_parts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    home: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(BY_CODE, primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class ListCountRow(Row):
    """How many images of a room have something in common, by stage. In a reader's own room: how many more than in everybody's."""

    __tablename__ = "list_counts"

    room: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class ListBatchRow(Row):
    """The images that were chosen together as worth a look next, as JSON; they stay until they are worked off."""

    __tablename__ = "list_batches"

    room: Mapped[str] = mapped_column(primary_key=True)
    images: Mapped[str]
