"""The teacher speaks per visual token, and only about the kinds it knows better."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from finetune.data.drawings import POLYP
from finetune.tiny import LABELS, SOURCES
from finetune.tiny.crops.batch import Crops
from finetune.tiny.crops.sources import load_split
from finetune.tiny.model import HIDDEN
from finetune.tiny.targets import dense_targets
from finetune.tiny.teacher import FROZEN, Distillation, Teacher
from pdc.domain.errors import BadSetting


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    return Teacher().eval()


def crops(hinted: list[int]) -> Crops:
    noise = torch.rand(2, 224, 308, 3, generator=torch.Generator().manual_seed(0))
    none = dense_targets(torch.zeros(2, 1, 4), torch.full((2, 1), -1), (8, 11))
    return Crops(noise, none, (8, 11), torch.tensor(hinted, dtype=torch.long))


def seen() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a tower gives for two crops: features, heat and boxes."""
    return tuple(torch.randn(2, 88, n, requires_grad=True) for n in (HIDDEN, len(LABELS), 4))  # type: ignore[return-value]


def test_a_vector_for_every_visual_token(teacher):
    logits, boxes = teacher.look(crops([]).images)
    assert teacher(crops([]).images)[1].shape == (2, 8 * 11, HIDDEN)
    assert logits.shape[:2] == boxes.shape[:2] == (2, 8 * 11)


def test_the_teacher_teaches_the_tower_about_the_kinds_it_knows_and_learns_nothing_itself(teacher):
    distillation, (features, logits, boxes) = Distillation(teacher), seen()
    distillation(features, logits, boxes, crops([0])).backward()
    assert features.grad is not None and logits.grad is not None
    assert features.grad[0].abs().sum() > 0 and features.grad[1].abs().sum() == 0
    assert logits.grad[0, :, POLYP].abs().sum() > 0 and logits.grad[..., :POLYP].abs().sum() == 0
    assert all(p.grad is None for p in teacher.parameters())
    assert set(distillation.state_dict()) == {"map.weight", "map.bias"}


def test_a_tower_that_says_what_the_teacher_says_has_no_loss_of_heat(teacher):
    with torch.no_grad():
        logits, boxes = teacher.look(crops([]).images)
    features = torch.zeros(2, 88, HIDDEN)
    same = Distillation(teacher)(features, logits, boxes, crops([0, 1]))
    other = Distillation(teacher)(features, logits + 3, boxes, crops([0, 1]))
    assert other > same + 0.1


def test_the_first_blocks_stay_as_imagenet_made_them(teacher):
    teacher.look(crops([]).images)[0].sum().backward()
    blocks = teacher.backbone._blocks
    assert all(p.grad is None for block in blocks[:FROZEN] for p in block.parameters())
    assert any(p.grad is not None for p in blocks[FROZEN].parameters())
    teacher.zero_grad(set_to_none=True)


@pytest.mark.parametrize("known", [True, False])
def test_nothing_is_distilled_without_a_teacher_or_a_kind_it_knows(teacher, known):
    distillation = Distillation(teacher if known else None)
    assert distillation(*seen(), crops([] if known else [0])).item() == 0


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
