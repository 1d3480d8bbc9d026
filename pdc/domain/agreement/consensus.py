"""What several readers of one image say together, as a proposal: an adjudicator looks it over and decides. Pure; pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median, median_low
from typing import TypeVar
from zlib import crc32

from pdc.domain.agreement.objects import Group, Reads, group_marks
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Question, Shape, Status

T = TypeVar("T")


class Standing(StrEnum):
    """How the readers stand to one object."""

    AGREED = "agreed"  # everybody marked it, with one label
    MAJORITY = "majority"  # more than half marked it, and one label has the most votes
    MINORITY = "minority"  # fewer than half marked it
    TIED = "tied"  # half marked it, or two labels have the most votes


STATUS = {
    Standing.AGREED: Status.OPEN,
    Standing.MAJORITY: Status.OPEN,
    Standing.MINORITY: Status.REJECTED,
    Standing.TIED: Status.DOUBTFUL,
}
"""what a proposed mark is until somebody decides: counted, not counted, or still to be decided"""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One object: the proposed mark, how the readers stand to it, and their own marks."""

    mark: Mark
    standing: Standing
    group: Group


@dataclass(frozen=True, slots=True)
class Proposal:
    """A whole image. `findings` hold the mark of every object in order; when counting, the number of each label."""

    objects: tuple[Proposed, ...]
    findings: Findings


def propose(reads: Reads, question: Question) -> Proposal:
    """The consensus by majority, each object at the median place of those who marked it.

    A reader whose read is not complete has a say only in what they marked. A number is the one that more than half stated, else
    the median (the lower one of two).
    """
    objects = tuple(_proposed(group, reads, f"c{i}-{_digits(group)}") for i, group in enumerate(group_marks(reads), 1))
    stated = {} if question.task.has_marks else {label: _number(reads, label) for label in question.labels}
    complete = all(findings.complete for findings in reads.values())
    return Proposal(objects, Findings(tuple(o.mark for o in objects), stated, complete=complete))


def _proposed(group: Group, reads: Reads, id: str) -> Proposed:
    standing = _standing(group, sum(reader in group.marks or findings.complete for reader, findings in reads.items()))
    marks = list(group.marks.values())
    label = most_common([m.label for m in marks])
    extents = [m.extent for m in marks if m.extent]
    shape = _middle([m.shape for m in marks])
    extent = _middle(extents) if extents and isinstance(shape, Point) else None
    outline = marks[0].outline if len(marks) == 1 else ()
    mark = Mark(id, shape, label, Origin.HUMAN, STATUS[standing], outline=outline, extent=_box(extent))
    return Proposed(mark, standing, group)


def _digits(group: Group) -> str:
    """Four hex digits that tell whose marks these are: with other reads the same number never means another object."""
    members = sorted((reader, mark.id) for reader, mark in group.marks.items())
    return f"{crc32(repr(members).encode()) & 0xFFFF:04x}"


def undecided(findings: Findings) -> int:
    """How many objects of a consensus nobody has decided: what the readers were tied about."""
    return sum(mark.status is Status.DOUBTFUL for mark in findings.marks)


def _standing(group: Group, of: int) -> Standing:
    found, votes = len(group.marks), group.votes.most_common(2)
    if 2 * found < of:
        return Standing.MINORITY
    if 2 * found == of or (len(votes) > 1 and votes[0][1] == votes[1][1]):
        return Standing.TIED
    return Standing.AGREED if found == of and len(votes) == 1 else Standing.MAJORITY


def most_common(values: Iterable[T]) -> T:
    """The one that is there most often; of several, the first."""
    return Counter(values).most_common(1)[0][0]


def _middle(shapes: Sequence[Shape]) -> Shape:
    """The median corner by corner, of those of the most common kind."""
    kind = most_common(map(type, shapes))
    if kind is Box:
        return Box(*map(median, zip(*(s.xyxy for s in shapes if isinstance(s, Box)), strict=True)))
    points = [s for s in shapes if isinstance(s, Point)]
    return Point(median(p.x for p in points), median(p.y for p in points))


def _box(shape: Shape | None) -> Box | None:
    return shape if isinstance(shape, Box) else None


def _number(reads: Reads, label: str) -> int:
    said = [findings.stated.get(label, 0) for findings in reads.values()]
    value, votes = Counter(said).most_common(1)[0]
    return value if 2 * votes > len(said) else median_low(said)
