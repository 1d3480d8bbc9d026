"""Golden images: the answers of the day an adapter was made, asked again before it may serve."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_registry import base, write_adapter  # noqa: F401

from pdc.adapters import golden_images
from pdc.adapters.routing import AdapterRouting
from pdc.domain.errors import BadModel
from pdc.domain.prompts import parse
from pdc.domain.values import Adapter, AdapterStatus, Findings, Question, Task
from pdc.files import sha256, write_json
from pdc.inference.adapter_folder import AdapterManifest, verify
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.local import LocalPredictor
from pdc.settings import EMBEDDED_MODEL

ASK = Question(Task.BOUNDING, ("cell",))
IMAGES = [Image.fromarray(np.full((30, 40, 3), level, np.uint8)) for level in (10, 200)]


class Says:
    """A predictor that says what it is told to."""

    def __init__(self, *boxes: list[int]) -> None:
        self.raw = json.dumps([{"label": "cell", "bbox_2d": list(boxes)}])

    def predict(self, image: Image.Image, question: Question) -> Answer:
        findings: Findings = parse(question, self.raw)
        return Answer(findings, self.raw, "small", "one", "compact-1", 0.1)


@pytest.fixture
def folder(tmp_path: Path, base: Path) -> Path:  # noqa: F811
    folder = write_adapter(tmp_path / "one", base)
    golden_images.record(folder, Says([1, 1, 30, 20], [5, 5, 9, 9]), IMAGES, ASK)
    return folder


def test_what_was_recorded_belongs_to_the_adapter(folder, base):  # noqa: F811
    assert {"golden.json", "golden-1.png", "golden-2.png"} <= set(verify(folder, "small", base).files)
    (folder / "golden-1.png").write_bytes(b"another image")
    with pytest.raises(BadModel, match=r"golden-1\.png was changed"):
        verify(folder, "small", base)


@pytest.mark.parametrize(
    ("now", "fine"),
    [
        (Says([1, 1, 30, 20], [5, 5, 9, 9]), True),
        (Says([5, 5, 9, 9], [1, 1, 31, 20]), True),  # another order, a pixel beside: rounding of another machine
        (Says([1, 1, 30, 20]), False),
        (Says([1, 1, 30, 20], [5, 5, 9, 9], [5, 5, 9, 9]), False),
        (Says([1, 1, 30, 20], [15, 5, 19, 9]), False),
        (Says(), False),
    ],
)
def test_other_answers_are_seen(folder, now, fine):
    assert (golden_images.check(folder, now) is None) == fine


def test_an_unreadable_answer_is_another_answer(folder):
    broken = Says()
    broken.predict = lambda image, question: Answer(None, "[{", "small", "one", "compact-1", 0.1)
    assert "otherwise than when it was made" in golden_images.check(folder, broken)


def test_an_adapter_without_golden_images_is_not_asked(tmp_path, base):  # noqa: F811
    assert golden_images.check(write_adapter(tmp_path / "old", base), Says()) is None


def test_looks_at_tiles_are_compared_window_by_window():
    box, moved = (Says([x, 1, 60, 50]).raw for x in (1, 2))
    two = f"[0, 0, 90, 90] {box}\n[60, 0, 150, 90] {box}"
    assert golden_images._alike(ASK, two.replace(box, moved), two, "compact-1") and golden_images._alike(
        ASK, moved, box, "compact-1"
    )
    assert not golden_images._alike(ASK, two.replace("[60, 0", "[61, 0"), two, "compact-1")
    assert not golden_images._alike(ASK, box, two, "compact-1")


@pytest.fixture(scope="module")
def app() -> tuple[LocalPredictor, AdapterRouting]:
    """The embedded model serving alone, as the app wires it."""
    from pdc.inference.qwen import load

    serving = AdapterRouting(EMBEDDED_MODEL.name, AdapterRef)
    return LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), serving), serving


def an_adapter(folder: Path) -> Adapter:
    return Adapter("one", "", str(folder), AdapterStatus.CANDIDATE, None, "", {}, datetime.now(UTC))


def weakened(folder: Path) -> None:
    """Weights of a tenth of the size, and a manifest that vouches for them: only its answers give it away."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({k: v * 0.1 for k, v in load_file(path).items()}, path)
    manifest = AdapterManifest.read(folder)
    write_json(folder / "pdc.json", replace(manifest, files={**manifest.files, path.name: sha256(path)}).to_json())


@pytest.mark.slow
def test_the_app_asks_an_adapter_before_it_serves_and_goes_on_with_the_one_that_does(app, tmp_path):
    predictor, serving = app
    folder = shutil.copytree(next((EMBEDDED_MODEL / "adapters").iterdir()), tmp_path / "one")
    kept = [Image.open(path).convert("RGB") for path in sorted(folder.glob("golden-*.png"))]
    with serving.instead(AdapterRef("one", str(folder))):
        labels = tuple(json.loads((folder / "golden.json").read_text())["labels"])
        golden_images.record(folder, predictor, kept, Question(Task.COUNT_AND_BOX, labels))
    probe = golden_images.probe(predictor, serving.instead)
    assert probe(an_adapter(folder)) is None
    weakened(shutil.copytree(folder, tmp_path / "two"))
    assert "otherwise than when it was made" in probe(an_adapter(tmp_path / "two"))
    assert predictor.predict(IMAGES[0], ASK).adapter is None  # the next answer is again the base's
