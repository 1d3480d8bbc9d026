"""Replay (rehearsal): images of what the model knew before, mixed into every training against catastrophic forgetting.

For the embedded model they are drawn, with exact boxes and nothing to download; for others they come from a COCO file.
Blank images among them teach that there may be nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from finetune.data.coco import read_coco
from finetune.data.dataset import Row
from finetune.data.drawings import LABELS, fluorescence, mucosa, smear
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Mark, Question, Task

DRAWN = "drawn"
EACH = 12  # drawings of each kind
BLANKS = 6
BLANK_WH = (320, 240)
SEED = 5000


def replay_rows(source: str | None, folder: Path) -> list[Row]:
    """The rows `source` names: `drawn` (into `folder`), a COCO file, or None for none. BadSetting when it is neither."""
    if source is None:
        return []
    if source == DRAWN:
        return drawn_rows(folder)
    if not Path(source).is_file():
        raise BadSetting(f"replay_data is {source!r}; it needs `drawn` or the path of a COCO file.")
    return read_coco(Path(source), Task.COUNT_AND_BOX)


def drawn_rows(folder: Path, each: int = EACH, blanks: int = BLANKS, seed: int = SEED) -> list[Row]:
    """`each` smears, fields of nuclei and views of mucosa, and blank images asked for all of that; written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds: list[tuple[str, Callable, tuple[str, ...]]] = [
        ("smear", smear, LABELS[:3]),
        ("nuclei", fluorescence, LABELS[3:4]),
        ("mucosa", mucosa, LABELS[4:]),
    ]
    rows = []
    for kind, draw, labels in kinds:
        for i in range(each):
            sample = draw(np.random.default_rng(seed + i))
            marks = [(LABELS[c], box) for c, box in zip(sample.classes, sample.boxes, strict=True)]
            rows.append(_row(folder / f"{kind}-{i}.png", sample.image, labels, marks))
    return rows + [_row(folder / f"blank-{i}.png", image, LABELS, []) for i, image in enumerate(blank_images(blanks))]


def blank_images(n: int) -> list[np.ndarray]:
    """uint8 RGB [h, w, 3]: even fields from black to white, every other one with faint noise."""
    rng = np.random.default_rng(SEED)
    levels = np.linspace(0, 255, n)
    return [_blank(level, 3.0 if i % 2 else 0.0, rng) for i, level in enumerate(levels)]


def _blank(level: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    field = np.full((BLANK_WH[1], BLANK_WH[0], 3), level) + rng.normal(0, 1, (BLANK_WH[1], BLANK_WH[0], 3)) * noise
    return np.clip(field, 0, 255).astype(np.uint8)


def _row(path: Path, image: np.ndarray, labels: tuple[str, ...], found: list[tuple[str, np.ndarray]]) -> Row:
    from PIL import Image

    Image.fromarray(image).save(path)
    marks = tuple(Mark(f"m{i}", Box(*map(float, box)), label) for i, (label, box) in enumerate(found, start=1))
    question = Question(Task.COUNT_AND_BOX, labels)
    return Row(path, image.shape[1], image.shape[0], path.stem, question, Findings(marks))
