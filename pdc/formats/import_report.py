"""The account of an import, for the terminal and the browser: how much of each label came in, what was left out, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pdc.domain.values import Review
from pdc.formats.contents import SILENT, LeftOut, What, counted, grouped, told_left_out
from pdc.spool import Once

SAME = "the same is stored already"
STAYS = "the image has another review of this question, which stays (--replace takes this one instead)"


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One line of the table: in how many images a label was asked, its marks, how many images say "none", and the objects that
    were only counted."""

    label: str
    images: int
    marks: int
    none: int
    counted: int


@dataclass(frozen=True)
class Imported:
    """What an import stored, or with `dry_run` would store, and what it left out. `renamed`: labels of the file that became a
    known label of which they are spellings; `spelled`: those that stayed, with it. `replaced`: how many reviews follow an
    older one. `doubtful`: images to look at.
    """

    path: Path
    reviews: Collection[Review]
    left_out: Collection[LeftOut]
    renamed: Mapping[str, str] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    doubtful: Collection[LeftOut] = ()
    dry_run: bool = False

    @cached_property
    def images(self) -> int:
        met = Once()
        return sum(met.add(r.image_sha256) for r in self.reviews)

    @property
    def replaced(self) -> int:
        return sum(r.revision > 1 for r in self.reviews)

    @cached_property
    def table(self) -> tuple[LabelRow, ...]:
        """A row for each label, as the labels come."""
        found: dict[str, _Sums] = {}
        for review in self.reviews:
            for label in review.question.labels:
                found.setdefault(label, _Sums(label)).add(review)
        return tuple(sums.row() for sums in found.values())

    def told(self) -> str:
        """In one line: images, marks, "none" answers, counts, new names, and what was left out, by reason."""
        marks, none, number = (sum(getattr(row, key) for row in self.table) for key in ("marks", "none", "counted"))
        traced = sum(bool(m.outline) for r in self.reviews for m in r.findings.marks)
        outlined = f" ({traced} with an outline)" if traced else ""
        parts = [
            f"{counted(marks, 'mark')}{outlined}",
            f'{counted(none, "answer")} "none"',
            *([counted(number, "count")] if number else []),
        ]
        added = "Would add" if self.dry_run else "Added"
        said = f"{added} {counted(len(self.reviews), 'review')} of {counted(self.images, 'image')} from {self.path}"
        again = f" {counted(self.replaced, 'review')} of them instead of an older one." if self.replaced else ""
        renamed = "".join(f" Label {old} -> {new}." for old, new in self.renamed.items())
        spelled = "".join(
            f" Label {own} stays as it is; the model is asked for it as {known} (--known-names takes it in as that)."
            for own, known in self.spelled.items()
        )
        doubtful = "".join(f" Look at {which}: {reason}." for which, reason in _doubts(self.doubtful))
        return f"{said}: {', '.join(parts)}.{again}{renamed}{spelled}{doubtful} {told_left_out(self.left_out)}".rstrip()


@dataclass(slots=True)
class _Sums:
    """A row as it is added up. `counted` is the number of images whose objects were only counted."""

    label: str
    images: Once = field(default_factory=Once)
    marks: int = 0
    none: int = 0
    counted: int = 0

    def add(self, review: Review) -> None:
        label, findings = self.label, review.findings
        self.images.add(review.image_sha256)
        self.marks += sum(m.label == label for m in findings.marks)
        self.none += findings.counts(review.question.task).get(label, 0) == 0
        self.counted += findings.stated.get(label, 0) > 0

    def row(self) -> LabelRow:
        return LabelRow(self.label, len(self.images), self.marks, self.none, self.counted)


def _doubts(doubtful: Iterable[LeftOut]) -> list[tuple[str, str]]:
    return [(", ".join(group.first), reason) for (_, reason), group in grouped(doubtful).items()]


def is_loss(entry: LeftOut) -> bool:
    """Whether something is not stored that a file says, or an image. Silence and what is stored already are no loss."""
    silent = entry.what is What.ANSWER and entry.reason == SILENT
    return entry.what is not What.LABEL and entry.reason != SAME and not silent
