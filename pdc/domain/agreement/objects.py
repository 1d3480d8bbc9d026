"""Whose marks are one object: the marks that several readers made of one image, grouped. Pure; pixels."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pdc.domain.geometry import distance, iou
from pdc.domain.matching import EVALUATION, Threshold
from pdc.domain.values import Box, Findings, Mark, Shape

Reads = Mapping[str, Findings]
"""reader -> what they say of one image and question"""
Place = tuple[str, int]  # a reader, and which of their counted marks
Edge = tuple[bool, float, Place, Place]  # other label?, cost: sorted, the best pair comes first


@dataclass(frozen=True, slots=True)
class Group:
    """One object: reader -> their mark of it. Who is not named did not mark it."""

    marks: Mapping[str, Mark]

    @property
    def votes(self) -> Counter[str]:
        """Label -> how many readers gave it."""
        return Counter(m.label for m in self.marks.values())


def group_marks(reads: Reads, rule: Threshold = EVALUATION) -> tuple[Group, ...]:
    """Every counted mark in one group; of each reader at most one a group. In order of appearance, reader by reader.

    Marks of two readers are one object when their places agree by `rule`, one-to-one: pairs of the same label first, then the
    best agreement, as in `pdc.domain.diff`. A third reader's mark joins where it agrees with one of the group.
    """
    counted = {reader: [m for m in findings.marks if m.counts] for reader, findings in reads.items()}
    of = {(reader, i): {reader: i} for reader, marks in counted.items() for i in range(len(marks))}
    for _, _, one, other in sorted(_edges(counted, rule)):
        mine, theirs = of[one], of[other]
        if mine is not theirs and not mine.keys() & theirs.keys():
            mine |= theirs
            of |= dict.fromkeys(theirs.items(), mine)
    joined = {id(members): members for members in of.values()}.values()
    return tuple(Group({r: counted[r][members[r]] for r in reads if r in members}) for members in joined)


def _edges(counted: Mapping[str, Sequence[Mark]], rule: Threshold) -> Iterator[Edge]:
    """Every pair of marks of two readers at one place."""
    for a, b in combinations(counted, 2):
        near = _Neighbours(counted[b], rule)
        for i, mark in enumerate(counted[a]):
            for j in near.of(mark.shape):
                other = counted[b][j]
                if rule.same(mark.shape, other.shape):
                    yield mark.label != other.label, _cost(mark.shape, other.shape, rule), (a, i), (b, j)


class _Neighbours:
    """Marks by the x of their centres, so that each is compared with those near it only."""

    def __init__(self, marks: Sequence[Mark], rule: Threshold) -> None:
        self.order = sorted((m.shape.center.x, j) for j, m in enumerate(marks))
        self.widest = max((_width(m.shape) for m in marks), default=0.0)
        self.rule = rule

    def of(self, shape: Shape) -> list[int]:
        """The indices of those that may be at this place."""
        reach = max((_width(shape) + self.widest) / 2, self.rule.distance)
        x = shape.center.x
        first, last = (bisect_left(self.order, (end, at)) for end, at in ((x - reach, -1), (x + reach, len(self.order))))
        return [j for _, j in self.order[first:last]]


def _width(shape: Shape) -> float:
    return shape.width if isinstance(shape, Box) else 0.0


def _cost(a: Shape, b: Shape, rule: Threshold) -> float:
    """From 0, the same place, to about 1, just agreeing."""
    if isinstance(a, Box) and isinstance(b, Box):
        return 1 - iou(a, b)
    return distance(a, b) / max(rule.distance, 1e-9)
