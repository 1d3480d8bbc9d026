"""When two marks are the same object: one table of thresholds, one-to-one matching, non-maximum suppression. Pure; pixels.

A number of the table changes only by a measurement. Which comparisons include the number itself is part of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pdc.domain.geometry import distance, iou
from pdc.domain.values import Box, Findings, Mark, Shape

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which agreement on two shapes are the same object: boxes by IoU, others by pixels between their centres.

    The numbers themselves agree too, unless it is `strict`: then only more overlap, or less distance, does.
    """

    purpose: str
    iou: float
    distance: float
    strict: bool = False

    def same(self, a: Shape, b: Shape) -> bool:
        """Whether the shapes are the same object, labels aside."""
        if isinstance(a, Box) and isinstance(b, Box):
            overlap = iou(a, b)
            return overlap > self.iou if self.strict else overlap >= self.iou
        apart = distance(a, b)
        return apart < self.distance if self.strict else apart <= self.distance


@dataclass(frozen=True, slots=True)
class LookThreshold:
    """Threshold of marks from two overlapping looks at one image. All comparisons are strict.

    A box cut by a window lies `inside` the whole one (share of the smaller box). A point and a box are one object where the box
    holds the point. Points agree within `spacing` times the typical gap between points, along both axes.
    """

    purpose: str
    iou: float
    inside: float
    spacing: float

    def same(self, a: Shape, b: Shape, gap: float) -> bool:
        """Whether two looks show one object, labels aside; `gap` is the median spacing of all points, in pixels."""
        if isinstance(a, Box) and isinstance(b, Box):
            return iou(a, b) > self.iou or _inside(a, b) > self.inside
        if isinstance(a, Box) or isinstance(b, Box):
            return _holds(a, b) or _holds(b, a)
        p, q = a.center, b.center
        return max(abs(p.x - q.x), abs(p.y - q.y)) < self.spacing * gap


WITHIN_ANSWER = Threshold("one answer names an object twice: the surer mark stays", 0.6, 6.0, strict=True)
DENSE_HEAD = Threshold("non-maximum suppression of the dense head's boxes; it has no points", 0.5, 0.0)
DRAFT = Threshold("a proposal was already written into the answer, so the draft leaves it out", 0.4, 8.0, strict=True)
LOOKS = LookThreshold("tiles and a closer look show one object again", 0.4, 0.75, 0.3)
VOTES = Threshold("looks at an image and its mirror images show one object, before they vote", 0.5, 10.0)
CORRECTION = Threshold("a reviewed mark is the predicted one, moved or relabelled", 0.5, 10.0)
CALIBRATION = Threshold("a moved mark was right all the same, so its score counts as right", 0.5, 10.0)
GOLDEN = Threshold("an adapter answers a golden image as when it was made", 0.9, 5.0)
EVALUATION = Threshold("a predicted mark is right: the one rule of every F1, precision and recall", 0.5, 10.0)
PAPER = Threshold("matching accuracy as the paper counts it; it matches points alone", 0.5, 10.0, strict=True)
CARD = Threshold("points of the model card, kept to compare with its earlier versions; polyps count inside the box", 0.5, 12.0)
UNJUDGED = Threshold("an answer is about a mark that the reader left doubtful, so it is neither right nor wrong", 0.3, 12.0)
COUNTED = Threshold("a mark stands for an object in the fit of P(count): where exactly is no matter", 0.05, 12.0)
SUSPECTED = Threshold("a review is compared with what the base says at a place, whatever label and size it has there", 0.1, 10.0)
EDITOR = Threshold("the editor's hint that an object may be marked twice", 0.6, 5.0, strict=True)
EDITOR_SHARE = 0.004  # of the image's longer side: the editor's distance in a large image
EDITOR_SIZE = 0.5  # of the shorter side of the usual object: centres of two that touch are a whole side apart
AGREEMENT_PIXELS = 20.0  # confidence: a point and the dense head's centre this far apart agree by nothing


def match(
    predicted: Sequence[Mark], true: Sequence[Mark], *, min_iou: float = EVALUATION.iou, max_distance: float | None = None
) -> list[tuple[int, int]]:
    """Pairs (index in predicted, index in true) of the same label, one-to-one, best agreement first.

    With `max_distance` (pixels) marks match by the distance of their centres, else boxes match by IoU. Greedy by
    agreement, as in COCO's evaluation but without its order by score.
    """
    pairs = []
    for i, p in enumerate(predicted):
        for j, t in enumerate(true):
            if p.label == t.label and (cost := _cost(p.shape, t.shape, min_iou, max_distance)) is not None:
                pairs.append((cost, i, j))
    used_p: set[int] = set()
    used_t: set[int] = set()
    matched = []
    for _, i, j in sorted(pairs):
        if i not in used_p and j not in used_t:
            used_p.add(i)
            used_t.add(j)
            matched.append((i, j))
    return sorted(matched)


def match_inside(points: Sequence[Mark], boxes: Sequence[Mark]) -> list[tuple[int, int]]:
    """Pairs (index in points, index in boxes): each point with the first box of its label that holds it and is free."""
    free, matched = list(range(len(boxes))), []
    for i, point in enumerate(points):
        holder = next((j for j in free if boxes[j].label == point.label and _holds(boxes[j].shape, point.shape)), None)
        if holder is not None:
            free.remove(holder)
            matched.append((i, holder))
    return matched


def _cost(a: Shape, b: Shape, min_iou: float, max_distance: float | None) -> float | None:
    if max_distance is not None:
        d = distance(a, b)
        return d if d <= max_distance else None
    if isinstance(a, Box) and isinstance(b, Box):
        overlap = iou(a, b)
        return -overlap if overlap >= min_iou else None
    return None


def _holds(box: Shape, shape: Shape) -> bool:
    c = shape.center
    return isinstance(box, Box) and box.x1 <= c.x <= box.x2 and box.y1 <= c.y <= box.y2


def _inside(a: Box, b: Box) -> float:
    """The share of the smaller box that lies in the other."""
    w, h = min(a.x2, b.x2) - max(a.x1, b.x1), min(a.y2, b.y2) - max(a.y1, b.y1)
    return max(w, 0.0) * max(h, 0.0) / max(min(a.area, b.area), 1e-9)


def suppress(ranked: Iterable[T], same: Callable[[T, T], bool]) -> list[T]:
    """Non-maximum suppression: those that are not the `same` as an earlier one that was kept, in order, best first."""
    kept: list[T] = []
    for item in ranked:
        if not any(same(item, k) for k in kept):
            kept.append(item)
    return kept


def without_duplicates(findings: Findings, rule: Threshold = WITHIN_ANSWER) -> Findings:
    """The findings without marks that say the same object of the same label again; of two, the surer one stays.

    A model that reads a list out can name an object twice, like a detector before non-maximum suppression. The order is
    kept.
    """
    ranked = sorted(findings.marks, key=lambda m: -(m.score or 0.0))
    ids = {m.id for m in suppress(ranked, lambda m, k: m.label == k.label and rule.same(m.shape, k.shape))}
    return replace(findings, marks=tuple(m for m in findings.marks if m.id in ids))
