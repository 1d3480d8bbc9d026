"""What a reader changed: the difference between what a model found and what a review says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pdc.domain.matching import CORRECTION, match
from pdc.domain.values import Box, Findings, Mark, Shape, Status

SAME_PIXELS = 0.01  # a side that differs by less has not moved


class CorrectionKind(StrEnum):
    KEPT = "kept"
    MOVED = "moved"
    RELABELLED = "relabelled"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Correction:
    """One object's fate. `before` is None for an added one, `after` for a removed one.

    A mark that was both moved and relabelled is relabelled; its two shapes still differ.
    """

    kind: CorrectionKind
    before: Mark | None
    after: Mark | None


def diff(predicted: Findings, reviewed: Findings) -> tuple[Correction, ...]:
    """Each predicted mark's fate in order, then what was added, in the review's order.

    Marks are the same object when they share an id; those left over, when the shapes agree by `CORRECTION`,
    the same label first. A rejected mark counts as not there. A shape that differs by less than 0.01 pixel
    has not moved.
    """
    before = [m for m in predicted.marks if m.counts]
    after = [m for m in reviewed.marks if m.counts]
    rejected = {m.id for m in reviewed.marks if m.status is Status.REJECTED}
    partner = _partners(before, after, rejected)
    fates = [_fate(m, after[partner[i]] if i in partner else None) for i, m in enumerate(before)]
    found = set(partner.values())
    added = [Correction(CorrectionKind.ADDED, None, m) for j, m in enumerate(after) if j not in found]
    return (*fates, *added)


def _partners(before: Sequence[Mark], after: Sequence[Mark], rejected: set[str]) -> dict[int, int]:
    """Index in `before` -> index in `after`: by id, then by place with the same label, then by place alone."""
    by_id = {m.id: j for j, m in enumerate(after)}
    partner = {i: by_id[m.id] for i, m in enumerate(before) if m.id in by_id}
    for any_label in (False, True):
        found = set(partner.values())
        left = [i for i, m in enumerate(before) if i not in partner and m.id not in rejected]
        free = [j for j in range(len(after)) if j not in found]
        pairs = _same_place([before[i] for i in left], [after[j] for j in free], any_label)
        partner |= {left[i]: free[j] for i, j in pairs}
    return partner


def _same_place(before: Sequence[Mark], after: Sequence[Mark], any_label: bool) -> list[tuple[int, int]]:
    if any_label:
        before, after = ([replace(m, label="") for m in marks] for marks in (before, after))
    boxes = match(before, after, min_iou=CORRECTION.iou)
    p, a = [i for i, m in enumerate(before) if not _is_box(m)], [j for j, m in enumerate(after) if not _is_box(m)]
    points = match([before[i] for i in p], [after[j] for j in a], max_distance=CORRECTION.distance)
    return boxes + [(p[i], a[j]) for i, j in points]


def _is_box(mark: Mark) -> bool:
    return isinstance(mark.shape, Box)


def _fate(before: Mark, after: Mark | None) -> Correction:
    if after is None:
        return Correction(CorrectionKind.REMOVED, before, None)
    if before.label != after.label:
        return Correction(CorrectionKind.RELABELLED, before, after)
    same = _same_shape(before.shape, after.shape)
    return Correction(CorrectionKind.KEPT if same else CorrectionKind.MOVED, before, after)


def _same_shape(a: Shape, b: Shape) -> bool:
    return type(a) is type(b) and all(abs(p - q) < SAME_PIXELS for p, q in zip(_numbers(a), _numbers(b), strict=True))


def _numbers(shape: Shape) -> tuple[float, ...]:
    return shape.xyxy if isinstance(shape, Box) else (shape.x, shape.y)
