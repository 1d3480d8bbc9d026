"""Drawn smears as COCO files, for tests of named test sets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from finetune.data.drawings import LABELS, smear


def smears(folder: Path, seeds: Iterable[int], extra: dict | None = None) -> Path:
    """A COCO file of one smear a seed; `extra` is one more annotation."""
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], [extra] if extra else []
    for seed in seeds:
        drawn = smear(np.random.default_rng(seed))
        h, w = drawn.image.shape[:2]
        Pillow.fromarray(drawn.image).save(folder / f"{seed}.png")
        images.append({"id": seed, "file_name": f"{seed}.png", "width": w, "height": h})
        for c, (x1, y1, x2, y2) in zip(drawn.classes, drawn.boxes.tolist(), strict=True):
            place = {"image_id": seed, "category_id": int(c) + 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            annotations.append({"id": len(annotations) + 1, **place})
    categories = [{"id": i, "name": name} for i, name in enumerate(LABELS[:3], start=1)]
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path
