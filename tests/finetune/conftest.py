from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune.dataset import Row
from pdc.domain import Box, Findings, Mark, Question, Task
from pdc.qwen import Qwen, load

LABELS = ("red blood cell", "platelet")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """A real Qwen2.5-VL of the embedded model's shape with random weights, saved as it would ship."""
    import torch
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from finetune.tiny.model import build_model, load_tokenizer
    from finetune.tiny.tokenizer import build_tokenizer

    folder = tmp_path_factory.mktemp("models") / "random"
    build_tokenizer(folder)
    build_model(load_tokenizer(folder), seed=1).to(torch.bfloat16).save_pretrained(folder)
    Qwen2VLImageProcessorPil(size={"shortest_edge": 56 * 56, "longest_edge": 140 * 140}).save_pretrained(folder)
    return folder


@pytest.fixture
def qwen(model_folder) -> Iterator[Qwen]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(str(model_folder), quantization="none", device="cpu")
    torch.set_num_threads(threads)


def make_row(path: Path, boxes: list[tuple[int, int, int, int, str]], wh=(120, 90), task=Task.COUNT_AND_BOX) -> Row:
    """An image with a filled rectangle per box, and the row that says so."""
    pixels = np.zeros((wh[1], wh[0], 3), np.uint8)
    for i, (x1, y1, x2, y2, _) in enumerate(boxes, start=1):
        pixels[y1:y2, x1:x2] = (255 - 40 * i, 60 * i, 128)
    Image.fromarray(pixels).save(path)
    marks = tuple(Mark(f"m{i}", Box(*b[:4]), b[4]) for i, b in enumerate(boxes, start=1))
    return Row(path, *wh, path.stem, Question(task, LABELS), Findings(marks))


@pytest.fixture
def rows(tmp_path) -> list[Row]:
    cell, platelet = LABELS
    three = [(10, 10, 40, 40, cell), (60, 20, 100, 70, cell), (5, 60, 20, 80, platelet)]
    return [
        make_row(tmp_path / "a.png", three),
        make_row(tmp_path / "b.png", [(30, 5, 70, 45, platelet)]),
        make_row(tmp_path / "c.png", []),
    ]
