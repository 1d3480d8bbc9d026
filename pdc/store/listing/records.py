"""What is kept for lists: one row an image as everybody sees it, and one more for each reader who sees it differently.

A room is a set of rows: what nobody in particular sees of all images, what one reader sees differently, and what was retired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

Facet = tuple[str, str]
"""what a number is about: a kind and a name, such as ("label", "polyp")"""
EVERYTHING: Facet = ("", "")
LABEL, READER, HELD, MINE, FOUND, NOTHING, DOUBT, DOUBTED = (
    *("label", "reader", "held", "mine"),
    *("found", "nothing", "doubt", "doubted"),
)


class Mode(StrEnum):
    """Who sees what: all see all, only what is their own of reads, or only their own images."""

    SHARED = "shared"
    BLIND = "blind"
    PRIVATE = "private"

    @property
    def room(self) -> str:
        """What whoever has said nothing sees."""
        return f"{self} all"

    def own(self, reader: str) -> str:
        """What this reader sees otherwise; where images are private all that they see."""
        return f"{self} of {reader}"

    def retired(self, reader: str) -> str:
        return f"{self} retired of {reader}" if self is Mode.PRIVATE else f"{self} retired"

    def rooms(self, reader: str) -> tuple[str, ...]:
        """A reader's rooms; a row of the second stands in place of one of the first."""
        return (self.own(reader),) if self is Mode.PRIVATE else (self.room, self.own(reader))


@dataclass(frozen=True, slots=True)
class ListedRow:
    """An image as one room sees it.

    `place` orders by time, `name_key` by name, and `agreement` by how far reader and model are apart, the furthest first. `rank`
    and `doubt` order by how unsure the model is: an unusual image 0, one with a doubt 1, one without 2, one without an answer 3.
    `edits` is the doubt in millionths, and `doubt` the same below 0, where it orders. `found`: 1 where the model found something,
    0 where nothing, None without an answer. `told` is what else a list shows, as JSON.
    """

    room: str
    image_sha256: str
    place: int
    name: str
    name_key: str
    stage: str
    open: bool
    reader: str
    rank: int
    doubt: int
    edits: int | None
    agreement: int
    found: int | None
    mine: bool
    held: bool
    told: str
    labels: tuple[str, ...] = ()


Key = tuple[int | str, ...]
"""where a row stands in an order"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows are wanted. `reader` "": assigned to nobody; None: to whomever. `text` is a part of the name in small letters.
    `only` these images, in the order of time; `skip`: none of these."""

    stage: str = ""
    open: bool = False
    mine: bool = False
    held: bool = False
    reader: str | None = None
    label: str = ""
    text: str = ""
    found: int | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def facets(self) -> tuple[Facet, ...]:
        """What numbers are kept about, of what is asked for beside the stage."""
        return (
            *(((READER, self.reader),) if self.reader is not None else ()),
            *(((LABEL, self.label),) if self.label else ()),
            *(((HELD, ""),) if self.held else ()),
            *(((MINE, ""),) if self.mine else ()),
        )


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a list that is read by one index, of the order that it names, sorted by `keys`. Of one `rank`; of a `doubt`
    (below 0), or of those below `most` or above `least`, where they are told."""

    order: str
    keys: tuple[str, ...]
    rank: int | None = None
    doubt: int | None = None
    most: float | None = None
    least: float | None = None


COLUMNS = tuple(name for name in ListedRow.__dataclass_fields__ if name != "labels")
values_of = attrgetter(*COLUMNS)


@dataclass(frozen=True, slots=True)
class Change:
    """An image about which something was written; `seq` is another each time."""

    seq: int
    sha256: str


def numbers(rows: Iterable[ListedRow]) -> Counter[tuple[str, str, str, str]]:
    """(room, kind, name, stage) -> how many, as the reader of each room sees it, of all the rows of one image. A reader's row
    takes the place of everybody's."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    listed = list(rows)
    under = next((row for row in listed if row.room in _SHARED), None)
    for row in listed:
        found.update(_keyed(row.room, facets(row), row.stage, 1))
        if under and row is not under and row.room.startswith(_OVER):
            found.update(_keyed(row.room, facets(under), under.stage, -1))
    return found


_SHARED = tuple(mode.room for mode in (Mode.SHARED, Mode.BLIND))
_OVER = tuple(mode.own("") for mode in (Mode.SHARED, Mode.BLIND))


def _keyed(room: str, said: Mapping[Facet, int], stage: str, by: int) -> dict[tuple[str, str, str, str], int]:
    return {(room, *facet, stage): by * n for facet, n in said.items()}


def facets(row: ListedRow) -> dict[Facet, int]:
    """What an image adds to the numbers of its room."""
    said = {EVERYTHING: 1, (READER, row.reader): 1, **{(LABEL, label): 1 for label in row.labels}}
    if row.held:
        said[HELD, ""] = 1
    if row.mine:
        said[MINE, ""] = 1
    if row.found is not None:
        said[(FOUND if row.found else NOTHING), ""] = 1
    if row.edits is not None:
        said |= {(DOUBT, ""): row.edits, (DOUBTED, ""): 1}
    return said
