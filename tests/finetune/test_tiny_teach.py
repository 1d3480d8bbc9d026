"""The teacher speaks per visual token, and only about the kinds it knows better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from finetune.data.drawings import Sample
from finetune.tiny import SOURCES
from finetune.tiny.data import load_split
from finetune.tiny.model import HIDDEN
from finetune.tiny.teacher import DistillationHint, Teacher
from pdc.domain.errors import BadSetting


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    return Teacher().eval()


def a_sample(source: str) -> Sample:
    noise = np.random.default_rng(0).integers(0, 255, (224, 308, 3), np.uint8)
    return Sample(noise, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), source)


def test_a_vector_for_every_visual_token(teacher):
    images = [a_sample("polyps").image] * 2
    logits, boxes = teacher.look(images)
    assert teacher(images)[1].shape == (2, 8 * 11, HIDDEN)
    assert logits.shape[:2] == boxes.shape[:2] == (2, 8 * 11)


def test_the_hint_teaches_the_tower_and_not_the_teacher(teacher):
    hint, seen = DistillationHint(teacher), torch.randn(2, 88, HIDDEN, requires_grad=True)
    hint(seen, [a_sample("polyps"), a_sample("blood_cells")]).backward()
    assert seen.grad[0].abs().sum() > 0
    assert seen.grad[1].abs().sum() == 0
    assert all(p.grad is None for p in teacher.parameters())
    assert set(hint.state_dict()) == {"map.weight", "map.bias"}


@pytest.mark.parametrize("known", [True, False])
def test_no_hint_without_a_teacher_or_a_kind_it_knows(teacher, known):
    hint = DistillationHint(teacher if known else None)
    source = "nuclei" if known else "polyps"
    assert hint(torch.randn(1, 88, HIDDEN), [a_sample(source)]).item() == 0


def test_a_training_image_that_cannot_be_read_is_a_sentence(tmp_path: Path):
    folder = tmp_path / SOURCES[0]
    folder.mkdir()
    (folder / "torn.png").write_bytes(b"not a picture")
    about = {
        "images": [{"id": 1, "file_name": "torn.png", "width": 40, "height": 40}],
        "categories": [{"id": 1, "name": "platelet"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [3, 4, 5, 6]}],
    }
    (folder / "train.json").write_text(json.dumps(about))
    with pytest.raises(BadSetting, match=r"torn\.png cannot be read"):
        load_split(tmp_path, "train")
