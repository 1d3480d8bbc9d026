"""What the dense head alone scores on whole images, as the vision stage and the teacher watch it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from finetune.data.drawings import Sample
from finetune.tiny import LABELS, TOKEN_PX
from pdc.domain.matching import match
from pdc.domain.values import Box, Mark
from pdc.inference.dense_head import dense_boxes

Look = Callable[[list[np.ndarray]], tuple[torch.Tensor, torch.Tensor]]  # equal-size images -> dense logits, boxes
SERVING_PIXELS = 280 * 280  # area to which whole images are resized when measured here


@torch.no_grad()
def measure_dense(look: Look, dev: dict[str, list[Sample]], limit: int = 40) -> dict[str, float]:
    """F1 at IoU 0.5 of a dense head alone per source, on the first `limit` whole dev images of 60 objects or fewer."""
    scores = {}
    for source, samples in dev.items():
        hits = predicted = true = 0
        for sample in [s for s in samples if len(s.boxes) <= 60][:limit]:
            image, scale = fit(sample.image)
            with torch.autocast("cpu", torch.bfloat16):
                logits, boxes = (t[0].float().cpu() for t in look([image]))
            xyxy, labels, _ = dense_boxes(logits, boxes, (image.shape[0] // TOKEN_PX, image.shape[1] // TOKEN_PX))
            found = as_marks(xyxy.numpy(), labels.numpy())
            truth = as_marks(sample.boxes * scale, sample.classes)
            hits, predicted, true = hits + len(match(found, truth)), predicted + len(found), true + len(truth)
        scores[source] = round(2 * hits / max(predicted + true, 1), 3)
    return scores


def as_marks(boxes: np.ndarray, classes: np.ndarray) -> list[Mark]:
    return [Mark(str(i), Box(*map(float, b)), LABELS[c]) for i, (b, c) in enumerate(zip(boxes, classes, strict=True))]


def fit(image: np.ndarray, area: int = SERVING_PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """The image at about `area` pixels, both sides whole tokens, and the factors (x, y, x, y) that boxes grow by."""
    h, w = image.shape[:2]
    grow = (area / (h * w)) ** 0.5
    new_h, new_w = (max(1, round(side * grow / TOKEN_PX)) * TOKEN_PX for side in (h, w))
    resized = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_AREA if grow < 1 else cv2.INTER_CUBIC)
    return resized, np.array([new_w / w, new_h / h] * 2, np.float32)
