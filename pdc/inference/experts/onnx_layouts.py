"""How detectors write their boxes into the outputs of an ONNX file. Arrays in, (boxes, classes, scores) out; pure.

yolo      one output [1, 4 + classes, n], as ultralytics exports YOLOv8 and 11: centre, width and height in pixels of the input,
          then a score a class. Boxes that overlap are suppressed here.
yolov5    one output [1, n, 5 + classes]: the same with the score of there being an object before those of the classes.
yolo-nms  one output [1, n, 6]: corners in pixels of the input, score, class; as YOLOv10, YOLO26 and `nms=True` write them.
detr      two outputs: logits [1, n, classes] or [1, n, classes + 1] with "nothing" last, and boxes [1, n, 4]: centre, width and
          height as shares of the input; as transformers exports DETR and RT-DETR.
boxes     three outputs: corners [n, 4] in pixels of the input, scores [n] and classes [n], with or without a batch in front; as
          torchvision exports its detectors. Their order does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from pdc.domain.errors import BadModel
from pdc.domain.geometry import Size

NMS_IOU = 0.5
DOES_NOT_FIT = "its outputs have the shapes {shapes}, which are not those of the layout {layout} with {n} classes"


class Found(NamedTuple):
    """Boxes xyxy float [n, 4] in pixels of the input, classes int [n], scores [n]."""

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


Outputs = Mapping[str, np.ndarray]


def read(layout: str, outputs: Outputs, classes: int, wh: Size, least: float) -> Found:
    """What the outputs say about an input of (width, height), of at least this score; surest first. BadModel when they have
    other shapes than the layout says."""
    try:
        found = LAYOUTS[layout](list(outputs.values()), outputs, classes, wh, least)
    except (ValueError, IndexError, StopIteration):
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items())
        raise BadModel(DOES_NOT_FIT, shapes=shapes, layout=layout, n=classes) from None
    kept = (found.scores >= least) & (found.classes >= 0) & (found.classes < classes) & np.isfinite(found.boxes).all(1)
    order = np.argsort(-found.scores[kept], kind="stable")
    return Found(*(part[kept][order] for part in found))


def _yolo(arrays: Sequence[np.ndarray], named: Outputs, classes: int, wh: Size, least: float) -> Found:
    rows = _single(arrays, 4 + classes)
    return _suppressed(_corners(rows[:, :4]), rows[:, 4:], least)


def _yolov5(arrays: Sequence[np.ndarray], named: Outputs, classes: int, wh: Size, least: float) -> Found:
    rows = _single(arrays, 5 + classes)
    return _suppressed(_corners(rows[:, :4]), rows[:, 5:] * rows[:, 4:5], least)


def _yolo_nms(arrays: Sequence[np.ndarray], named: Outputs, classes: int, wh: Size, least: float) -> Found:
    rows = _single(arrays, 6)
    return Found(rows[:, :4], rows[:, 5].round().astype(int), rows[:, 4])


def _detr(arrays: Sequence[np.ndarray], named: Outputs, classes: int, wh: Size, least: float) -> Found:
    shares = next(a for name, a in named.items() if a.shape[-1] == 4 and "box" in name.lower())
    logits = next(a for a in arrays if a is not shares and a.ndim == 3 and a.shape[-1] in (classes, classes + 1))
    scores = _sigmoid(logits[0]) if logits.shape[-1] == classes else _softmax(logits[0])[:, :-1]
    best = scores.argmax(1)
    return Found(_corners(shares[0]) * np.array([*wh, *wh]), best, scores.max(1))


def _boxes(arrays: Sequence[np.ndarray], named: Outputs, classes: int, wh: Size, least: float) -> Found:
    corners = next(a for a in arrays if a.shape[-1] == 4 and a.ndim > 1).reshape(-1, 4)
    lists = {name: a.reshape(-1) for name, a in named.items() if a.size == len(corners)}
    kinds = next(name for name, a in lists.items() if np.issubdtype(a.dtype, np.integer) or "label" in name or "class" in name)
    scores = next(a for name, a in lists.items() if name != kinds)
    return Found(corners, lists[kinds].astype(int), scores)


LAYOUTS: Mapping[str, Callable[[Sequence[np.ndarray], Outputs, int, Size, float], Found]] = {
    "yolo": _yolo,
    "yolov5": _yolov5,
    "yolo-nms": _yolo_nms,
    "detr": _detr,
    "boxes": _boxes,
}


def _single(arrays: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """The only output as rows of so many columns, whichever way round it lies."""
    (array,) = arrays
    _, a, b = array.shape
    if columns not in (a, b):
        raise ValueError("no axis has as many entries as there are columns")
    return array[0] if b == columns and a != columns else array[0].T if a == columns else array[0]


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Corners of boxes that are given by centre, width and height."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1)


def _suppressed(boxes: np.ndarray, scores: np.ndarray, least: float) -> Found:
    """Of boxes of one class that overlap by NMS_IOU or more the surest."""
    best, surest = scores.argmax(1), scores.max(1)
    kept = np.flatnonzero((surest >= least) & np.isfinite(boxes).all(1))
    boxes, best, surest = boxes[kept], best[kept], surest[kept]
    corner_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    chosen = np.array(cv2.dnn.NMSBoxesBatched(corner_size.tolist(), surest.tolist(), best.tolist(), least, NMS_IOU), int).ravel()
    return Found(boxes[chosen], best[chosen], surest[chosen])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
