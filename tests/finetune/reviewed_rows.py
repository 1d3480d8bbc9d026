"""Small pictures with known marks, for tests of training."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from finetune.data.dataset import Row
from pdc.domain.values import Box, Findings, Mark, Question, Task

LABELS = ("red blood cell", "platelet")


def make_row(path: Path, boxes: list[tuple[int, int, int, int, str]], wh=(120, 90), task=Task.COUNT_AND_BOX) -> Row:
    """An image with a filled rectangle per box on a ground of its own, and the row that says so."""
    ground = np.random.default_rng(crc32(path.stem.encode())).integers(0, 150, (wh[1] // 4 + 1, wh[0] // 4 + 1, 3), np.uint8)
    pixels = ground.repeat(4, 0).repeat(4, 1)[: wh[1], : wh[0]]
    for i, (x1, y1, x2, y2, _) in enumerate(boxes, start=1):
        pixels[y1:y2, x1:x2] = (255 - 40 * i, 60 * i, 128)
    Image.fromarray(pixels).save(path)
    marks = tuple(Mark(f"m{i}", Box(*b[:4]), b[4]) for i, b in enumerate(boxes, start=1))
    return Row(path, *wh, path.stem, Question(task, LABELS), Findings(marks))


def three_rows(folder: Path) -> list[Row]:
    """Two cells and a platelet, one platelet, nothing."""
    cell, platelet = LABELS
    three = [(10, 10, 40, 40, cell), (60, 20, 100, 70, cell), (5, 60, 20, 80, platelet)]
    return [
        make_row(folder / "a.png", three),
        make_row(folder / "b.png", [(30, 5, 70, 45, platelet)]),
        make_row(folder / "c.png", []),
    ]
