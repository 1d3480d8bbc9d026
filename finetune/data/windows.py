"""Training windows: small things are learnt in square parts of the image in which the model sees them large enough.

The side of a label's windows, in image pixels, follows from its corrected marks: the largest in which the typical object covers
one visual token of the model's frame, and which mostly holds no more objects than a look lists well. An object that a look
at the whole image shows nearly as large is learnt there, and so are labels that a dense head proposes: it plans their tiles.

The size of a box is the square root of its area. That of points is the diameter of the blobs under them: the scale at which
the normalized Laplacian, t * |Laplacian of a Gaussian of variance t|, is strongest on average (Lindeberg 1998, IJCV 30(2)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pdc.domain.geometry import Size
from pdc.domain.values import Box, Findings, Mark, Point
from pdc.inference.predictors.looks import group_sides
from pdc.inference.predictors.tiling import FULL, LEAST_SIDE, Tile, median_spacing, plan_by_size, plan_by_window, plan_tiles

if TYPE_CHECKING:
    from finetune.data.dataset import Row
    from pdc.inference.qwen import Qwen

TOKEN_PX = 28  # one visual token of Qwen2.5-VL covers 28 x 28 pixels of the resized image
ENOUGH = 0.75  # of a token: an object that covers so much of one in a look at the whole image is learnt there
CROWDED = 0.9  # quantile over images: in so many of them a window holds at most FULL objects
GAIN = 1.3  # times as large as in a look at the whole image: windows that show a small object less enlarged are no help
LEAST_SHARE = 3.0  # object sides: a window is not smaller
NEARLY = 0.8  # of the most that any window shows of an object: the largest window that shows so much is taken
STEP = 0.97  # from one side that is tried to the next
KEPT = 1.25  # times as large: a parent's window that is kept, so that a label's windows do not drift
EMPTY = 0.2  # of the windows of images with objects show none, where that can be; and so many windows of an empty image count
JITTER = 1.25  # times smaller to times larger a window is than its label's
ASPECT = 1.2  # times wider than high, or higher than wide, at most
TRIES = 16  # places that are looked at for an empty window
FINEST, FINER = 1.5, 1.15  # pixels of the narrowest Gaussian that blobs are looked for with, and the ratio to the next
LOOKED_AT = 12  # images in which blobs are measured


def plan_windows(rows: Sequence[Row], qwen: Qwen, before: Mapping[str, float] | None = None) -> dict[str, float]:
    """Side of the windows, in image pixels, of each label of the rows that is learnt in windows; `before`: its parent's."""
    proposed = set(qwen.head.labels) if qwen.head else set()
    labels = sorted({label for row in rows for label in row.question.labels} - proposed)
    found = {label: side for label in labels if (side := _side([r for r in rows if label in r.question.labels], label, qwen))}
    return group_sides({label: _kept(side, (before or {}).get(label)) for label, side in found.items()})


def by_window(rows: Sequence[Row], windows: Mapping[str, float]) -> list[Row]:
    """The rows, each with the window of its labels; one whose labels have different ones becomes a row for each of them."""
    return [part for row in rows for part in _parts(row, windows)]


def views_of(row: Row) -> int:
    """How many examples a row stands for: one for each window that its image is cut into when it is asked about."""
    tiles = len(plan_by_window((row.width, row.height), row.window)) if row.window else 1
    return tiles if row.findings.marks else max(1, round(EMPTY * tiles))


def random_window(row: Row, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window (x1, y1, x2, y2) of about the row's side, in whole image pixels, around one of its marks or at times without."""
    assert row.window is not None
    stretch = ASPECT ** rng.uniform(-0.5, 0.5)
    side = row.window * JITTER ** rng.uniform(-1, 1)
    wh = min(row.width, max(1, round(side * stretch))), min(row.height, max(1, round(side / stretch)))
    marks = [m for m in row.findings.marks if m.counts]
    if marks and rng.random() >= (EMPTY if row.findings.complete else 0):
        return _around(marks[rng.integers(len(marks))].shape.center, wh, row, rng)
    places = (_anywhere(wh, row, rng) for _ in range(TRIES))
    found = next((place for place in places if not _within(row.findings.marks, Box(*map(float, place)))), None)
    return found or _anywhere(wh, row, rng)


def known_tiles(row: Row, qwen: Qwen) -> tuple[Tile, ...]:
    """As the predictor would cut the image, had it seen every mark: by labels that its dense head knows, or by size."""
    if qwen.head is None:
        return plan_by_size((row.width, row.height), qwen.tile_pixels)
    if not set(row.question.labels) <= set(qwen.head.labels):
        return ()
    return plan_tiles((row.width, row.height), partial(_boxes_within, row.findings.marks))


def typical_size(rows: Sequence[Row], label: str) -> float | None:
    """Side or diameter of the label's usual object, in image pixels; None where no mark tells."""
    marks = [m.shape for row in rows for m in _counted(row, label)]
    sides = [m.area**0.5 for m in marks if isinstance(m, Box) and m.area]
    return float(np.median(sides)) if sides else _blob_size([r for r in rows if _counted(r, label)][:LOOKED_AT], label)


def _side(rows: Sequence[Row], label: str, qwen: Qwen) -> float | None:
    """Side of the label's windows; None where looks at whole images show its objects well."""
    if (size := typical_size(rows, label)) is None:
        return None
    shown = [row for row in rows if _counted(row, label)]
    most = FULL if qwen.head else np.inf  # objects that a look lists well
    number = float(np.quantile([len(_counted(row, label)) for row in shown], CROWDED))
    seen = float(np.median([size * _scale(qwen, (row.width, row.height)) for row in shown]))
    clear = _clear_side(size, seen, max(max(row.width, row.height) for row in shown), qwen)
    if clear is None and number <= most:
        return None
    room = most / float(np.quantile([len(_counted(row, label)) / (row.width * row.height) for row in shown], CROWDED))
    side = max(min(clear or np.inf, room**0.5), LEAST_SHARE * size)
    return round(side, 1) if any(len(plan_by_window((row.width, row.height), side)) > 1 for row in shown) else None


def _clear_side(size: float, seen: float, largest: float, qwen: Qwen) -> float | None:
    """The largest side in which an object covers a token, or covers as much as it can; None where it does so nearly when the
    whole image is looked at, `seen` in so many pixels, or where windows enlarge it little."""
    sides = list(_sides(largest, max(LEAST_SHARE * size, LEAST_SIDE)))
    pixels = [size * _scale(qwen, (round(side), round(side))) for side in sides]
    if seen >= ENOUGH * TOKEN_PX or max(pixels) < GAIN * seen:
        return None
    return next(side for side, shown in zip(sides, pixels, strict=True) if shown >= min(TOKEN_PX, NEARLY * max(pixels)))


def _sides(largest: float, least: float) -> Iterator[float]:
    side = largest
    while side > least:
        yield side
        side *= STEP
    yield least


def _scale(qwen: Qwen, wh: Size) -> float:
    """Pixels of the model's frame per pixel of an image or window of (width, height)."""
    seen = qwen.frame(*wh).model_wh
    return (seen[0] * seen[1] / (wh[0] * wh[1])) ** 0.5


def _blob_size(rows: Sequence[Row], label: str) -> float | None:
    """Diameter of what lies under the label's points, in image pixels: the median over images."""
    found = [_diameter(row, [m.shape.center for m in _counted(row, label)]) for row in rows]
    return float(np.median(found)) if found else None


def _diameter(row: Row, points: Sequence[Point]) -> float:
    """Of the blobs under the points of one image; at most the usual gap between them."""
    import cv2

    grey = np.asarray(row.image().convert("L"), np.float32)
    gap = median_spacing([Mark("", p, "") for p in points]) or min(grey.shape) / 4
    sigmas = FINEST * FINER ** np.arange(max(1, int(np.log(max(gap / _across(FINEST), 1)) / np.log(FINER)) + 1))
    xs, ys = (np.array([int(min(max(v, 0), end - 1)) for v in along]) for along, end in _axes(points, row))
    strength = []
    for sigma in sigmas:
        answer = sigma**2 * np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), sigma), cv2.CV_32F))
        strength.append(cv2.dilate(answer, np.ones((2 * int(sigma) + 1,) * 2, np.uint8))[ys, xs].mean())
    return float(_across(sigmas[int(np.argmax(strength))]))


def _axes(points: Sequence[Point], row: Row) -> tuple[tuple[list[float], int], tuple[list[float], int]]:
    return ([p.x for p in points], row.width), ([p.y for p in points], row.height)


def _across(sigma: float) -> float:
    """Diameter of the disc to which a Laplacian of this width answers most."""
    return 2 * 2**0.5 * sigma


def _counted(row: Row, label: str) -> list[Mark]:
    return [m for m in row.findings.marks if m.counts and m.label == label]


def _kept(side: float, before: float | None) -> float:
    return before if before and before / KEPT <= side <= before * KEPT else side


def _parts(row: Row, windows: Mapping[str, float]) -> list[Row]:
    if not row.question.task.has_marks:
        return [row]
    sides = dict.fromkeys(windows.get(label) for label in row.question.labels)
    return [_about(row, tuple(n for n in row.question.labels if windows.get(n) == side), side) for side in sides]


def _about(row: Row, labels: tuple[str, ...], side: float | None) -> Row:
    """The part of the row that is about these labels."""
    if labels == row.question.labels:
        return replace(row, window=side)
    question, found = replace(row.question, labels=labels), _only(row.findings, labels)
    return replace(row, question=question, findings=found, predicted=row.predicted and _only(row.predicted, labels), window=side)


def _only(findings: Findings, labels: tuple[str, ...]) -> Findings:
    return replace(findings, marks=tuple(m for m in findings.marks if m.label in labels))


def _around(center: Point, wh: Size, row: Row, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window of (width, height) that holds the point, anywhere in it, as far as the image allows."""
    sides = zip((center.x, center.y), wh, (row.width, row.height), strict=True)
    x, y = (int(min(max(at - rng.uniform(0, side), 0), end - side)) for at, side, end in sides)
    return x, y, x + wh[0], y + wh[1]


def _anywhere(wh: Size, row: Row, rng: np.random.Generator) -> tuple[int, int, int, int]:
    x, y = int(rng.integers(row.width - wh[0] + 1)), int(rng.integers(row.height - wh[1] + 1))
    return x, y, x + wh[0], y + wh[1]


def _within(marks: Sequence[Mark], window: Box) -> list[Mark]:
    """The marks whose centre lies in the window."""
    centers = [(m, m.shape.center) for m in marks]
    return [m for m, c in centers if window.x1 <= c.x < window.x2 and window.y1 <= c.y < window.y2]


def _boxes_within(marks: Sequence[Mark], window: Box) -> list[Box]:
    return [m.shape for m in _within(marks, window) if isinstance(m.shape, Box)]
