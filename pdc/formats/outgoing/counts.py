"""The table of counts: a line per image and question, a column per label. As rows for a page and as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pdc import files
from pdc.domain.values import USABLE, Image, Review, Verdict
from pdc.formats.csv_table import as_text
from pdc.formats.outgoing.file_names import Names, caller
from pdc.spool import spooled
from pdc.store import Store
from pdc.store.reading.records import Signature

FILE = "counts.csv"
BEFORE = ("image", "group", "task")
AFTER = ("none", "unsure", "complete", "verdict", "reviewed_by", "reviewed_at", "revision", "signed_by", "signed_at", "sha256")


@dataclass(frozen=True, slots=True)
class CountRow:
    """What one review says, or the model where its answer was auto-accepted.

    `counts`: label -> number, also 0, of the labels that were asked; empty where the reader was unsure or rejected the answer.
    `none`: labels that are said not to be there. Numbers are the least where it is not `complete`.
    """

    image: Image
    review: Review
    signed: Signature | None = None

    @property
    def usable(self) -> bool:
        return self.review.verdict in USABLE or self.auto_accepted

    @property
    def auto_accepted(self) -> bool:
        """Whether nobody has looked at it."""
        return self.review.verdict is Verdict.AUTO_ACCEPTED

    @property
    def complete(self) -> bool:
        return self.review.findings.complete

    @property
    def counts(self) -> dict[str, int]:
        found = self.review.findings.counts(self.review.question.task)
        return {label: found.get(label, 0) for label in self.review.question.labels} if self.usable else {}

    @property
    def none(self) -> list[str]:
        return [label for label, n in self.counts.items() if not n and self.complete]

    @property
    def unsure(self) -> bool:
        """Whether the reader skipped it."""
        return self.review.verdict is Verdict.SKIPPED


@dataclass(frozen=True)
class Counts:
    """The current reviews of these images, by one author or by anybody: all of one moment, read once."""

    store: Store
    images: Collection[Image]
    author: str | None = None

    def rows(self) -> Collection[CountRow]:
        return self._rows

    @cached_property
    def _rows(self) -> Collection[CountRow]:
        found = self.store.current_by_image(self.images, self.author)
        return spooled(CountRow(one.image, r, one.signed.get(r.id)) for one in found for r in one.reviews)

    def labels(self) -> list[str]:
        return labels_of(self.rows())


def labels_of(rows: Iterable[CountRow]) -> list[str]:
    """All that were asked, alphabetical: the columns of the table."""
    return sorted({label for row in rows for label in row.review.question.labels}, key=str.casefold)


def write_counts(store: Store, place: Path, names: Names = Names.KEPT) -> Path:
    """The table of all images that are not held back, as a CSV file: `place` itself when it is called so, else counts.csv in it.
    Returns where it is."""
    held, call = store.held_back(), caller(names)
    table = Counts(store, spooled(call(i) for i in store.each_image() if i.sha256 not in held))
    path = place if place.suffix.lower() == ".csv" else place / FILE
    files.write_pieces(path, (text.encode() for text in csv_text(table.rows(), table.labels())))
    return path


def csv_text(rows: Iterable[CountRow], labels: Collection[str]) -> Iterator[str]:
    """The table as CSV, in pieces, with the mark by which Excel knows UTF-8. Text that looks like a formula is quoted."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([*BEFORE, *map(as_text, labels), *AFTER])
    yield f"\ufeff{_taken(buffer)}"
    for row in rows:
        writer.writerow(_cells(row, labels))
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cells(row: CountRow, labels: Iterable[str]) -> list[object]:
    review, image, counts = row.review, row.image, row.counts
    return [
        as_text(image.name),
        as_text(image.group),
        str(review.question.task),
        *(counts.get(label, "") for label in labels),
        as_text(", ".join(row.none)),
        _yes(row.unsure),
        _yes(row.complete),
        str(review.verdict),
        as_text(review.author),
        when(review.created_at),
        review.revision,
        as_text(row.signed.by) if row.signed else "",
        when(row.signed.at) if row.signed else "",
        image.sha256,
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def when(at: datetime) -> str:
    """A time as every spreadsheet reads it, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
