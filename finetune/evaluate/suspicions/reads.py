"""One reader's review beside an answer to the same question, mark by mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

from pdc.domain.doubt import opened
from pdc.domain.geometry import distance, iou
from pdc.domain.matching import SUSPECTED
from pdc.domain.values import Box, Findings, Mark, Shape


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mark of the model: `after` is the reviewed mark of the same object, None where it was removed."""

    before: Mark
    after: Mark | None

    @property
    def other(self) -> str | None:
        """The label that it has now, where that is another one."""
        return self.after.label if self.after and self.after.label != self.before.label else None


@dataclass(frozen=True)
class Comparison:
    """An answer and the review of the same image: each counted mark's fate, and the marks that fit none of the answer.

    A doubtful mark of the answer has no fate, but a reviewed mark in its place was not added.
    """

    answered: Findings
    reviewed: Findings

    @cached_property
    def fates(self) -> tuple[Fate, ...]:
        return tuple(Fate(m, self._after(i)) for i, m in enumerate(self.answered.marks) if m.counts)

    @cached_property
    def added(self) -> tuple[Mark, ...]:
        found = set(self._partners.values())
        return tuple(m for j, m in enumerate(self._left) if j not in found)

    @cached_property
    def is_changed(self) -> bool:
        """Whether a mark was removed, relabelled or added; where exactly the others lie is no matter."""
        return bool(self.added) or any(f.after is None or f.other for f in self.fates)

    def _after(self, i: int) -> Mark | None:
        return self._left[self._partners[i]] if i in self._partners else None

    @cached_property
    def _left(self) -> tuple[Mark, ...]:
        return tuple(m for m in self.reviewed.marks if m.counts)

    @cached_property
    def _partners(self) -> dict[int, int]:
        """Index in the answer -> index in what was left, one to one, best agreement first, whatever the labels say."""
        return match_places(opened(self.answered).marks, self._left)


def match_places(some: Sequence[Mark], others: Sequence[Mark]) -> dict[int, int]:
    """Index in `some` -> index in `others` of marks at the same place, whatever their labels; one to one, best first."""
    close = [(c, i, j) for i, a in enumerate(some) for j, b in enumerate(others) if (c := _closeness(a, b)) is not None]
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(close, key=lambda pair: -pair[0]):
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    return partner


def _closeness(a: Mark, b: Mark) -> float | None:
    """How well two marks agree on a place; None when they are not about one object."""
    if isinstance(a.shape, Box) and isinstance(b.shape, Box):
        overlap = iou(a.shape, b.shape)
        return overlap if overlap >= SUSPECTED.iou else None
    apart = distance(a.shape, b.shape)
    return -apart if apart <= max(SUSPECTED.distance, _radius(a.body), _radius(b.body)) else None


def _radius(shape: Shape) -> float:
    return sqrt(shape.area) / 2 if isinstance(shape, Box) else 0.0


@dataclass(frozen=True)
class Read:
    """A reader's review of one image. `labels` are those it is about; `answered` is what the base model says about them, and
    `judged` those of them that it knows on such an image. `shown` is the answer that the reader corrected, if any, and
    `corrects_base` says that it was the base model's. Without `complete` a missing mark says nothing.
    """

    reader: str
    image: str
    labels: tuple[str, ...]
    reviewed: Findings
    answered: Findings | None = None
    judged: frozenset[str] = frozenset()
    shown: Findings | None = None
    corrects_base: bool = False

    @property
    def complete(self) -> bool:
        return self.reviewed.complete

    @cached_property
    def against_base(self) -> Comparison | None:
        return self.answered and Comparison(self.answered, self.reviewed)

    @cached_property
    def against_shown(self) -> Comparison | None:
        return self.shown and Comparison(self.shown, self.reviewed)
