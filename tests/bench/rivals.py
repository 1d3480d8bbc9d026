"""What else a user could count with, on the same dev images as the embedded model: classical image analysis, and the
convolutional detector that taught the embedded model's vision tower.

    python -m tests.bench.rivals --data DATA [--teacher OUT]

`detector`: the teacher of `python -m finetune tiny`, whose teach.pt is in OUT: EfficientNet-Lite0 from ImageNet's weights with
the same dense head, trained on the same images, three quarters of them polyps. It answers one question and speaks no JSON.

`distance`: Otsu's threshold on the channel with most contrast, opened, holes filled, split between the peaks of its
distance transform, as a watershed would. `blobs`: Laplacian-of-Gaussian over scales (Lindeberg 1998), boxes 2 sqrt(2) sigma wide.
Neither knows labels: every object of a blood smear counts as a red blood cell.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from finetune.tiny.measure import Field, fields, format_estimate, ratio
from pdc.domain.matching import match
from pdc.domain.values import Box, Mark

SIDE = 384  # images are shrunk or grown to this longer side
LABELS_OF = {"blood_cells": "red blood cell", "nuclei": "nucleus", "nuclei, full fields": "nucleus"}
Boxes = list[tuple[float, float, float, float]]
Finder = Callable[[np.ndarray], list[Mark]]  # BGR image -> marks in its pixels


def distance(gray: np.ndarray) -> Boxes:
    """Boxes (x1, y1, x2, y2) of bright objects in a float image 0..1."""
    _, mask = cv2.threshold((gray * 255).astype(np.uint8), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)  # red blood cells are pale in the middle
    depth = cv2.GaussianBlur(cv2.distanceTransform(mask, cv2.DIST_L2, 5), (0, 0), 1.5)
    reach = 2 * round(float(np.percentile(depth[mask == 1], 90)) if mask.any() else 5) + 1
    peaks = (depth == cv2.dilate(depth, np.ones((reach, reach)))) & (depth > 3)
    _, nearest = cv2.distanceTransformWithLabels((~peaks).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    regions = [(nearest == i) & (mask == 1) for i in range(1, int(nearest.max()) + 1)] if peaks.any() else []
    return [_bounds(region) for region in regions if region.sum() > 30]


def blobs(gray: np.ndarray) -> Boxes:
    """Boxes (x1, y1, x2, y2) of bright blobs in a float image 0..1."""
    sigmas = np.geomspace(3, 40, 12)
    stack = np.stack([-(s**2) * cv2.Laplacian(cv2.GaussianBlur(gray, (0, 0), s), cv2.CV_32F) for s in sigmas])
    local = stack.max(0)
    peaks = (local == cv2.dilate(local, np.ones((7, 7)))) & (local > 0.12)
    found = []
    for y, x in sorted(zip(*np.nonzero(peaks), strict=True), key=lambda at: -local[at]):
        r = sigmas[stack[:, y, x].argmax()] * 2**0.5
        if all((x - u) ** 2 + (y - v) ** 2 > (0.8 * max(r, q)) ** 2 for u, v, q in found):
            found.append((float(x), float(y), float(r)))
    return [(x - r, y - r, x + r, y + r) for x, y, r in found]


def _bounds(mask: np.ndarray) -> tuple[float, float, float, float]:
    ys, xs = np.nonzero(mask)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def bright_objects(image: np.ndarray) -> tuple[np.ndarray, float]:
    """(float image 0..1 in which objects are bright, the factor it was scaled by); BGR in."""
    scale = SIDE / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    channel = image[..., image.reshape(-1, 3).std(0).argmax()].astype(np.float32)
    channel = (channel - channel.min()) / max(np.ptp(channel), 1.0)
    return (1 - channel if np.median(channel) > 0.5 else channel), scale


def classical(find: Callable[[np.ndarray], Boxes], label: str) -> Finder:
    def marks(image: np.ndarray) -> list[Mark]:
        gray, scale = bright_objects(image)
        return [Mark(str(i), Box(*(v / scale for v in box)), label) for i, box in enumerate(find(gray))]

    return marks


def detector(checkpoint: Path) -> Finder:
    import torch

    from finetune.tiny import TOKEN_PX
    from finetune.tiny.dense_scores import as_marks, fit
    from finetune.tiny.teacher import load_teacher
    from pdc.inference.dense_head import dense_boxes

    teacher = load_teacher(checkpoint)

    @torch.no_grad()
    def marks(image: np.ndarray) -> list[Mark]:
        seen, scale = fit(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        logits, boxes = (t[0] for t in teacher.look([seen]))
        xyxy, labels, _ = dense_boxes(logits, boxes, tuple(side // TOKEN_PX for side in seen.shape[:2]))
        return as_marks(xyxy.numpy() / scale, labels.numpy())

    return marks


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--data", type=Path, required=True)
    top.add_argument("--teacher", type=Path, help="working folder of `python -m finetune tiny`")
    top.add_argument("--limit", type=int, default=60)
    arguments = top.parse_args()
    print(f"{'kind':<22}{'by':<12}{'n':>4}  {'F1, IoU 0.5':<22}{'count MAE / mean':<22}{'s an image':>10}")
    for kind, some in fields(arguments.data, arguments.limit).items():
        finders = {f.__name__: classical(f, LABELS_OF[kind]) for f in (distance, blobs)} if kind in LABELS_OF else {}
        if arguments.teacher:
            finders["detector"] = detector(arguments.teacher / "teach.pt")
        for name, find in finders.items():
            print(f"{kind:<22}{name:<12}{len(some):>4}  {_row(find, some)}")


def _row(find: Finder, some: Sequence[Field]) -> str:
    boxes, counts, started = [], [], time.perf_counter()
    for field in some:
        found, true = find(cv2.imread(str(field.path), cv2.IMREAD_COLOR)), field.true.marks
        boxes.append((2 * len(match(found, true)), len(found) + len(true)))
        counts.append((abs(len(found) - len(true)), len(true)))
    seconds = (time.perf_counter() - started) / max(len(some), 1)
    return f"{format_estimate(ratio(boxes)):<22}{format_estimate(ratio(counts)):<22}{seconds:>10.2f}"


if __name__ == "__main__":
    main()
