"""COCO mean average precision by pycocotools (Lin et al. 2014, arXiv 1405.0312), with a bootstrap over images or groups.

COCO looks at the 100 surest detections of an image and class. A field of cells holds more, and then even perfect answers
get less than 1. So the limit is a number of the result, and shown beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from finetune.evaluate.bootstrap import SEED, Estimate, Group, draws, interval, units

RESAMPLES = 200  # a draw costs a few milliseconds
COCO_DETECTIONS = 100  # an image and class; COCO's own limit


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of one image: xyxy float [n, 4] in pixels, class number and score of each."""

    xyxy: np.ndarray
    classes: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, xyxy: Sequence[Sequence[float]], classes: Sequence[int] = (), scores: Sequence[float] = ()) -> Boxes:
        """One class and every score 1 where nothing is said."""
        n = len(xyxy)
        return cls(
            np.asarray(xyxy, np.float32).reshape(n, 4),
            np.asarray(classes if len(classes) else np.ones(n), int),
            np.asarray(scores if len(scores) else np.ones(n), float),
        )


@dataclass(frozen=True, slots=True)
class Precision:
    """mAP over IoU 0.5 to 0.95, at 0.5 and at 0.75; None where there is no true box. At most `max_detections` an image and
    class were looked at."""

    map: Estimate | None
    map_50: Estimate | None
    map_75: Estimate | None
    max_detections: int = COCO_DETECTIONS


def mean_average_precision(
    true: Sequence[Boxes],
    predicted: Sequence[Boxes],
    *,
    groups: Sequence[Group] | None = None,
    max_detections: int = COCO_DETECTIONS,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Precision:
    """COCO's mAP, averaged over the classes that have true boxes. `groups` of images are drawn whole."""
    if not sum(len(t.classes) for t in true):
        return Precision(None, None, None, max_detections)
    evaluator = _evaluated(true, predicted, max_detections)
    value = _accumulated(evaluator, np.arange(len(true)))
    members = units(groups or [None] * len(true))
    chosen = (np.concatenate([members[i] for i in d]) for d in draws(len(members), resamples, seed))
    drawn = np.array([_accumulated(evaluator, images) for images in chosen])
    return Precision(*(_estimate(value[i], drawn[:, i]) for i in range(3)), max_detections=max_detections)


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    return Estimate(float(value), *interval(drawn[drawn >= 0]))  # -1: no true box in the draw


def _evaluated(true: Sequence[Boxes], predicted: Sequence[Boxes], max_detections: int) -> Any:
    """A COCOeval whose images are matched and only need to be accumulated."""
    from pycocotools.cocoeval import COCOeval

    classes = sorted({int(c) for b in (*true, *predicted) for c in b.classes})
    with redirect_stdout(StringIO()):
        evaluator = COCOeval(_coco(true, classes), _coco(predicted, classes, scored=True), iouType="bbox")
        evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluator.params.maxDets = [max_detections]
        evaluator.evaluate()
    return evaluator


def _coco(images: Sequence[Boxes], classes: Sequence[int], scored: bool = False) -> Any:
    from pycocotools.coco import COCO

    found = COCO()
    annotations = [a for i, boxes in enumerate(images) for a in _annotations(i, boxes, scored)]
    found.dataset = {  # pyright: ignore[reportAttributeAccessIssue]  # its stub asks for more than it reads
        "images": [{"id": i} for i in range(len(images))],
        "categories": [{"id": c} for c in classes],
        "annotations": [{**a, "id": n} for n, a in enumerate(annotations, start=1)],
    }
    with redirect_stdout(StringIO()):
        found.createIndex()
    return found


def _annotations(image: int, boxes: Boxes, scored: bool) -> list[dict[str, Any]]:
    rows = []
    for (x1, y1, x2, y2), label, score in zip(boxes.xyxy, boxes.classes, boxes.scores, strict=True):
        bbox = [float(v) for v in (x1, y1, x2 - x1, y2 - y1)]
        row = {"image_id": image, "category_id": int(label), "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0}
        rows.append({**row, "score": float(score)} if scored else row)
    return rows


def _accumulated(evaluator: Any, images: np.ndarray) -> tuple[float, float, float]:
    """mAP, at 0.5 and at 0.75, as if the data set were these images (a number may come several times)."""
    drawn, n = copy.copy(evaluator), len(evaluator.params.imgIds)
    drawn.params = drawn._paramsEval = copy.copy(evaluator.params)
    drawn.params.imgIds = list(range(len(images)))  # groups differ in size, so draws differ in the number of images
    drawn.evalImgs = [evaluator.evalImgs[c * n + i] for c in range(len(evaluator.params.catIds)) for i in images]
    with redirect_stdout(StringIO()):
        drawn.accumulate()
    precision = drawn.eval["precision"][:, :, :, 0, 0]  # [IoU, recall, class]
    return _mean(precision), _mean(precision[:1]), _mean(precision[5:6])


def _mean(precision: np.ndarray) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else -1.0
