"""What fitting is worth for a kind of object: boxes that people approved are displaced as a hasty hand would, and fitted.

A way of fitting is taken up where it brings back far more boxes than the hasty hand got right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pdc.domain.geometry import Size, clip, iou
from pdc.domain.values import Box
from pdc.inference.fitting.fitter import LEAST_SIDE, Scene
from pdc.inference.fitting.rules import UNMEASURED, Rule, Way

if TYPE_CHECKING:
    import numpy as np

    from pdc.inference.fitting.detector import Look

ERROR = 0.12  # standard deviation of a hasty hand's sides, in sides of the box
GOOD = 0.7  # IoU with the approved box
LEAST_BOXES, LEAST_IMAGES = 30, 5  # fewer show nothing
BETTER = 0.1  # the share of good boxes has to rise by so much
WAYS = (Rule(Way.COLOUR), Rule(Way.COLOUR, (0.3, 0.42)), Rule(Way.DETECTOR, (0.3, 0.42), 0.3, 0.2))
Examples = Iterable[tuple["np.ndarray", Sequence[Box]]]
"""images as uint8 RGB [h, w, 3], each with approved boxes"""


def displaced(true: Box, rng: np.random.Generator, wh: Size) -> Box:
    """The box of an image of (width, height) as a hasty hand would draw it."""
    sides = true.width, true.height, true.width, true.height
    x1, y1, x2, y2 = (float(v + e * side) for v, e, side in zip(true.xyxy, rng.normal(0, ERROR, 4), sides, strict=True))
    return clip(Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), wh)


def choose(examples: Examples, look: Look | None) -> Rule:
    """The rule that serves these boxes best; UNMEASURED where they are too few, or none helps."""
    import numpy as np

    rng, pairs, images = np.random.default_rng(0), [], 0
    for image, boxes in examples:
        wh = image.shape[1], image.shape[0]
        large = [box for box in boxes if min(box.width, box.height) >= LEAST_SIDE]
        pairs += [(image, displaced(box, rng, wh), box) for box in large]
        images += bool(large)
    if len(pairs) < LEAST_BOXES or images < LEAST_IMAGES:
        return UNMEASURED
    good = {way: sum(_is_good(Scene(image, way, look), rough, true) for image, rough, true in pairs) for way in _ways(look)}
    best = max(good, key=lambda way: good[way])
    before = sum(iou(rough, true) >= GOOD for _, rough, true in pairs)
    helps = good[best] - before >= BETTER * len(pairs)
    return replace(best, release=True, click=True) if helps else UNMEASURED


def _ways(look: Look | None) -> Sequence[Rule]:
    return WAYS if look else WAYS[:1]


def _is_good(scene: Scene, rough: Box, true: Box) -> bool:
    found = scene.fit(rough)
    return iou(found.box if found else rough, true) >= GOOD
