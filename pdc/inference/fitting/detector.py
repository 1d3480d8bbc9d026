"""The object in a rough box or under a click, as a dense detector sees it in an enlarged window around it.

The detector says a box at every token of its grid. Those that agree with the rough box are averaged, by their score and by how
far they agree: together they lie better than the surest one alone. Which class it is said to be does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pdc.domain.values import Box, Point

Look = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""uint8 RGB [h, w, 3] -> per token the score of an object [n], and its box [n, 4] as (x1, y1, x2, y2) in the image's pixels"""

AGREE = 0.35  # IoU with the rough box from which on a box may be of the same object
TOGETHER = 0.6  # IoU with the best box from which on two are of the same object
WEAK = 0.05  # scores below are noise
SURE = 0.15  # score from which on there is an object under a click
GUESSES = 0.12, 0.3, 0.8  # sides of an object, as shares of the image's shorter side, where no usual one is known


def by_detector(look: Look, image: np.ndarray, rough: Box, shares: Sequence[float]) -> Box | None:
    """The object in a rough box, seen so large that its longer side takes each of these shares of the window; None where none is
    seen."""
    seen = [_seen(look, image, window_of(rough, share, image.shape[1::-1])) for share in shares]
    scores, boxes = (np.concatenate(part) for part in zip(*seen, strict=True))
    overlap = overlaps(rough.xyxy, boxes)
    weight = np.where((overlap >= AGREE) & (scores >= WEAK), scores * overlap**2, 0.0)
    return _together(boxes, weight)


def under_click(look: Look, image: np.ndarray, at: Point, sides: Sequence[float], share: float) -> Box | None:
    """Roughly the object at a place; `sides` are longer sides that it may have, in pixels. None where none is seen."""
    found = [_at(look, image, at, side, share) for side in sides]
    score, rough = max(found, key=lambda one: one[0])
    return rough if score >= SURE else None


def guessed_sides(wh: tuple[int, int]) -> tuple[float, ...]:
    """Longer sides that an object in an image of (width, height) may have."""
    return tuple(share * min(wh) for share in GUESSES)


def window_of(box: Box, share: float, wh: tuple[int, int]) -> Box:
    """The square around a box in which its longer side is `share` of the side; moved, then cut, where the image ends."""
    side, centre = max(box.width, box.height, 4.0) / share, box.center
    w, h = min(side, wh[0]), min(side, wh[1])
    x, y = min(max(centre.x - w / 2, 0.0), wh[0] - w), min(max(centre.y - h / 2, 0.0), wh[1] - h)
    return Box(x, y, x + w, y + h)


def overlaps(box: Sequence[float], others: np.ndarray) -> np.ndarray:
    """IoU of a box with each of [n, 4]."""
    x1, y1, x2, y2 = others.T
    w = np.clip(np.minimum(box[2], x2) - np.maximum(box[0], x1), 0, None)
    h = np.clip(np.minimum(box[3], y2) - np.maximum(box[1], y1), 0, None)
    union = (box[2] - box[0]) * (box[3] - box[1]) + (x2 - x1) * (y2 - y1) - w * h
    return w * h / np.maximum(union, 1e-9)


def _at(look: Look, image: np.ndarray, at: Point, side: float, share: float) -> tuple[float, Box]:
    """(score, box) of the surest object whose box holds the place, nearer to its middle rather than to its rim."""
    guess = Box(at.x - side / 2, at.y - side / 2, at.x + side / 2, at.y + side / 2)
    scores, boxes = _seen(look, image, window_of(guess, share, image.shape[1::-1]))
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) / 2
    away = (np.abs(middle - (at.x, at.y)) / half).max(1)  # 1 on the rim
    scores = scores * np.clip(1.2 - away, 0, 1)
    best = int(scores.argmax())
    return float(scores[best]), Box(*map(float, boxes[best]))


def _seen(look: Look, image: np.ndarray, window: Box) -> tuple[np.ndarray, np.ndarray]:
    """What the detector says of a window, in pixels of the image."""
    x1, y1 = int(window.x1), int(window.y1)
    x2, y2 = int(np.ceil(window.x2)), int(np.ceil(window.y2))
    scores, boxes = look(image[y1:y2, x1:x2])
    return scores, boxes + np.array([x1, y1, x1, y1])


def _together(boxes: np.ndarray, weight: np.ndarray) -> Box | None:
    """The mean of the boxes that show the same object as the one with most weight; None without any weight."""
    if not weight.any():
        return None
    weight = np.where(overlaps(boxes[weight.argmax()], boxes) >= TOGETHER, weight, 0.0)
    return Box(*map(float, weight @ boxes / weight.sum()))
