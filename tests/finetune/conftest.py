from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from reviewed_rows import three_rows

from finetune.data.dataset import Row
from pdc.inference.qwen import Qwen, load


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


@pytest.fixture
def rows(tmp_path) -> list[Row]:
    return three_rows(tmp_path)
