"""The annotated images that the embedded model is trained on, read from COCO folders or from one packed file.

A packed folder holds `images.bin`, WebP files end to end, and `index.json`, which says where each begins and what is in it.
It is about a fifteenth of the images, so that it travels to a machine with a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from finetune.data.coco import read_coco
from finetune.data.dataset import Row
from finetune.data.drawings import Sample, fluorescence, mucosa, smear
from finetune.tiny import LABELS, SOURCES
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Task

KEEP_SIDE = 512  # stored copies are shrunk to this longer side, in pixels: nothing is seen larger than that
IMAGES, INDEX = "images.bin", "index.json"
WEBP_QUALITY = 92


def is_packed(data: Path) -> bool:
    return (data / INDEX).is_file()


def load_split(data: Path, split: str) -> dict[str, list[Sample]]:
    """Every image of a split ("train" or "dev") per source, shrunk to KEEP_SIDE; `data` holds COCO folders or is packed."""
    if is_packed(data):
        return _unpack(data, split)
    return {source: _load_source(data / source, source, split) for source in SOURCES}


def pack(data: Path, folder: Path) -> None:
    """Write the train and dev images of the COCO folders in `data` as a packed folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with (folder / IMAGES).open("wb") as file:
        for split in ("train", "dev"):
            for source, samples in load_split(data, split).items():
                for s in samples:
                    ok, webp = cv2.imencode(".webp", s.image[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
                    assert ok, "OpenCV writes WebP"
                    where = {"at": file.tell(), "bytes": file.write(webp.tobytes())}
                    what = {"boxes": s.boxes.round(2).tolist(), "classes": s.classes.tolist()}
                    rows.append({"split": split, "source": source, **where, **what})
    (folder / INDEX).write_text(json.dumps(rows), encoding="utf-8")


def drawn_samples(count: int, seed: int) -> list[Sample]:
    """`count` drawings of smears, nuclei and mucosa, some of them of mucosa without a polyp."""
    return list(_drawn(count, seed))


def _drawn(count: int, seed: int) -> Iterator[Sample]:
    for i in range(count):
        rng, wh = np.random.default_rng([seed, i]), (420, 420)
        draw = (smear, fluorescence, mucosa)[rng.integers(3)]
        sample = mucosa(rng, wh, 0) if draw is mucosa and rng.random() < 0.3 else draw(rng, wh)
        yield sample if len(sample.boxes) else Sample(sample.image, sample.boxes, sample.classes, "blank")


def _unpack(data: Path, split: str) -> dict[str, list[Sample]]:
    rows = [r for r in json.loads((data / INDEX).read_text("utf-8")) if r["split"] == split]
    blob = np.memmap(data / IMAGES, np.uint8, "r")

    def load(row: dict) -> Sample:
        image = cv2.imdecode(np.asarray(blob[row["at"] : row["at"] + row["bytes"]]), cv2.IMREAD_COLOR)
        if image is None:
            raise BadSetting(f"{data / IMAGES} is damaged; pack the images again with `--stages pack`.")
        boxes = np.array(row["boxes"], np.float32).reshape(-1, 4)
        return Sample(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), boxes, np.array(row["classes"], np.int64), row["source"])

    with ThreadPoolExecutor(8) as pool:
        samples = list(pool.map(load, rows))
    return {source: [s for s in samples if s.source == source] for source in SOURCES}


def _load_source(folder: Path, source: str, split: str) -> list[Sample]:
    def load(row: Row) -> Sample:
        image = _read_image(row.path)
        boxes = np.array([m.shape.xyxy for m in row.findings.marks if isinstance(m.shape, Box)], np.float32).reshape(-1, 4)
        classes = np.array([LABELS.index(m.label) for m in row.findings.marks], np.int64)
        scale = min(1.0, KEEP_SIDE / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return Sample(image, boxes * scale, classes, source)

    rows = read_coco(folder / f"{split}.json", Task.BOUNDING)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(load, rows))


def _read_image(path: Path) -> np.ndarray:
    """uint8 RGB [h, w, 3]; BadSetting when the file is no image."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise BadSetting(f"The image {path} cannot be read; get the file again.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
