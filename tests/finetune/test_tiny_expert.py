"""The teacher's weights serve without its packages, and an expert is written only where it answers better than the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from expert_files import write_expert
from PIL import Image
from torch import Tensor

from finetune.data.dataset import Row
from finetune.evaluate.compare import compare
from finetune.evaluate.views import Answers
from finetune.tiny.experts.export import keep_if_better, shown
from finetune.tiny.experts.export import write_expert as export
from finetune.tiny.experts.folding import folded
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.experts.base import ExpertManifest, Mode
from pdc.inference.experts.efficientnet import TAPS, DenseDetector, on_grid
from pdc.inference.experts.registry import Experts
from pdc.inference.predictors.base import Answer
from pdc.inference.qwen import load
from pdc.settings import EMBEDDED_MODEL

SIDE = 80
POLYP = Question(Task.COUNT_AND_BOX, ("polyp",))


class Says:
    """A model that says the same of every image."""

    def __init__(self, *marks: Mark) -> None:
        self.found = Findings(marks, {"polyp": len(marks)})

    def predict(self, image, question) -> Answer:
        return Answer(self.found, "[]", "tiny", None, "compact-1", 0.1)


@pytest.mark.parametrize("wh", [(280, 280), (308, 224), (84, 56)])
def test_the_folded_network_gives_the_teachers_numbers(wh):
    pytest.importorskip("efficientnet_lite_pytorch")
    from finetune.tiny.teacher import Teacher

    torch.manual_seed(0)
    teacher = Teacher().eval()
    detector = DenseDetector(teacher.mix[0].out_channels, teacher.head.classes)
    detector.load_state_dict(folded(teacher))
    image = torch.randint(0, 255, (1, 3, wh[1], wh[0])).float()
    with torch.inference_mode():
        theirs = _taps(teacher.backbone, image.sub(127).div(128))
        torch.testing.assert_close(detector.backbone(image), theirs, atol=1e-4, rtol=1e-4)
        seen = teacher.head(teacher.mix(theirs).flatten(2).transpose(1, 2))
        torch.testing.assert_close(detector(image), seen, atol=1e-4, rtol=1e-4)


def _taps(net, x: Tensor) -> Tensor:
    """What the package's own network computes, on the grid of tokens."""
    grid, found = (x.shape[2] // 28, x.shape[3] // 28), []
    x = net._swish(net._bn0(net._conv_stem(x)))
    for i, block in enumerate(net._blocks):
        x = block(x)
        if i in TAPS:
            found.append(on_grid(x, grid))
    return torch.cat(found, 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Frames that are one polyp each, 20 of them."""
    folder = tmp_path / "data"
    for source in ("blood_cells", "nuclei", "polyps"):
        (folder / source).mkdir(parents=True)
        n = 20 if source == "polyps" else 0
        for i in range(n):
            pixels = np.random.default_rng(i).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
            Image.fromarray(pixels).save(folder / source / f"{i}.png")
        about = {
            "images": [{"id": i, "file_name": f"{i}.png", "width": SIDE, "height": SIDE} for i in range(n)],
            "categories": [{"id": 1, "name": "polyp"}],
            "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, SIDE, SIDE]} for i in range(n)],
        }
        (folder / source / "dev.json").write_text(json.dumps(about))
    return folder


def test_an_expert_that_is_surely_better_than_the_model_is_written_with_its_numbers(data, tmp_path):
    staged, said = write_expert(tmp_path / "staged", "polyp"), []
    assert keep_if_better(staged, tmp_path / "model", Answers(Says()), *shown(data), said.append)
    manifest = ExpertManifest.read(tmp_path / "model" / "experts" / "polyp")
    assert manifest.mode is Mode.INSTEAD and manifest.least == 0.1 and manifest.thresholds["polyp"] < 0.89
    assert manifest.about["measured"]["n"] == 20 and manifest.about["measured"]["change"] == "1.000 [1.000, 1.000]"
    assert Experts(str(tmp_path / "model")).labels == {"polyp"} and "is written" in said[-1]


def test_an_expert_that_does_not_surely_gain_is_not_written_and_it_is_said(data, tmp_path):
    staged, said = write_expert(tmp_path / "staged", "polyp"), []
    model = Says(Mark("m1", Box(0, 0, SIDE, SIDE), "polyp", score=0.9))
    assert not keep_if_better(staged, tmp_path / "model", Answers(model), *shown(data), said.append)
    assert not (tmp_path / "model").exists() and "is not written" in said[-1]


def test_without_a_teacher_the_stage_says_which_comes_first(tmp_path):
    with pytest.raises(BadSetting, match="run the stage teach first"):
        export(tmp_path / "teach.pt", tmp_path / "expert")


@pytest.mark.slow
def test_what_is_measured_beside_the_model_is_the_expert_and_the_table_names_it(data, tmp_path):
    write_expert(tmp_path / "model" / "experts" / "polyp", "polyp")
    truth = Findings((Mark("t", Box(0, 0, SIDE, SIDE), "polyp"),), {"polyp": 1})
    rows = [Row(data / "polyps" / f"{i}.png", SIDE, SIDE, str(i), POLYP, truth) for i in range(2)]
    beside = Experts(str(tmp_path / "model"))
    found = compare(load(EMBEDDED_MODEL), rows, {"base": AdapterRef()}, experts=beside).evaluations["base"]
    assert found.model == "pdc-tiny + finder" and found.overall.f1.value == 1
