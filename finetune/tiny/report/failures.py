"""The card's picture of failures, failures.webp: `python -m finetune tiny --stages gallery`.

The worst of some drawings, since the real images may not be shown: each asked for all labels of the model at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from finetune.data.dataset import Row
from finetune.data.replay import drawn_rows
from finetune.evaluate.compare import ask
from finetune.evaluate.gallery import COLOURS, JudgedImage, gallery_table, worst_images
from finetune.tiny import LABELS
from pdc.domain.values import Box, Mark, Question, Task
from pdc.inference.predictors.base import Predictor

FILE = "failures.webp"
EACH, SHOWN, ACROSS = 8, 6, 3  # drawings of each kind, pictures of the worst, pictures in a row
SIDE, GAP, LINE = 320, 8, 2  # pixels
SEED = 9000  # the drawings that are replayed in training have others


def draw_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Write failures.webp into a finished model's folder and print its images; `data` and `limit` play no part."""
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    qwen = load(str(model), quantization=quantization)
    found = find_failures(LocalPredictor(lambda: qwen), out)
    print(gallery_table(found))
    tile(found).save(model / FILE, quality=80, method=6)


def find_failures(predictor: Predictor, out: Path, each: int = EACH) -> list[JudgedImage]:
    """The worst of `each` drawings of each kind; the drawings are written into `out`."""
    asked = [_all_labels(row) for row in drawn_rows(out / "drawn", each, 0, SEED)]
    return worst_images(ask(predictor, asked))[:SHOWN]


def _all_labels(row: Row) -> Row:
    return replace(row, question=Question(Task.COUNT_AND_BOX, LABELS))


def tile(found: Sequence[JudgedImage]) -> Image.Image:
    """The pictures side by side, each with the boxes found, missed and wrong."""
    down = -(-len(found) // ACROSS)
    page = Image.new("RGB", (ACROSS * (SIDE + GAP) - GAP, down * (SIDE + GAP) - GAP), "white")
    for i, judged in enumerate(found):
        page.paste(_picture(judged), (i % ACROSS * (SIDE + GAP), i // ACROSS * (SIDE + GAP)))
    return page


def _picture(judged: JudgedImage) -> Image.Image:
    with Image.open(judged.case.image) as file:
        image = file.convert("RGB")
    scale = SIDE / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    for fate, colour in COLOURS.items():
        for mark in getattr(judged, fate):
            pen.rectangle(_scaled(mark, scale), outline=colour, width=LINE)
    return image


def _scaled(mark: Mark, scale: float) -> tuple[float, float, float, float]:
    box = mark.shape
    assert isinstance(box, Box), "drawings are asked for boxes"
    return box.x1 * scale, box.y1 * scale, box.x2 * scale, box.y2 * scale
