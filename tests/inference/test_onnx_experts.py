"""A detector in an ONNX file stands beside the model: its boxes are in the image's pixels whatever its layout and input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pdc.__main__ import main
from pdc.cli.experts import commands
from pdc.domain.errors import BadModel
from pdc.domain.values import Box, Mark, Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.experts.own import own_folder, standing
from pdc.inference.experts.registry import Experts
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.experts import ExpertPredictor

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from typing import get_args

from onnx_files import write_detector

RED = Box(32, 16, 64, 48)  # of an image of 128 x 64: whole cells of the detector, whose input shows it at half its size


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PDC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def picture(wh: tuple[int, int] = (128, 64), box: Box = RED) -> Image.Image:
    image = Image.new("RGB", wh, (60, 90, 60))
    ImageDraw.Draw(image).rectangle((box.x1, box.y1, box.x2 - 1, box.y2 - 1), fill="red")
    return image


def around(marks: tuple[Mark, ...]) -> tuple[float, float, float, float]:
    """What the sure marks cover together."""
    boxes = [m.shape.xyxy for m in marks if (m.score or 0) > 0.5]
    return (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))


def add(tmp_path: Path, layout: str = "yolo", *more: str, name: str = "reds") -> int:
    path = write_detector(tmp_path / f"{name}.onnx", layout)
    return main(["experts", "add", str(path), "--labels", "platelet", "--output", layout, *more])


def loaded(home: Path, name: str = "reds"):
    experts = Experts("", home, lambda folder: True)
    experts.load()
    assert experts.trouble() is None
    return next(found for m in experts.manifests if m.name == name and (found := experts.expert(m)))


@pytest.mark.parametrize("layout", get_args(commands.Layout))
def test_boxes_of_every_layout_are_in_pixels_of_the_image(home: Path, tmp_path: Path, layout: str):
    assert add(tmp_path, layout) == 0
    (marks,) = loaded(home).find([picture()], ["platelet"])
    assert around(marks) == pytest.approx(RED.xyxy, abs=0.1)
    assert {m.label for m in marks} == {"platelet"} and {m.expert for m in marks} == {"reds"}


@pytest.mark.parametrize("wh", [(128, 64), (64, 128), (64, 64), (300, 100), (100, 260)])
def test_whatever_the_images_shape_grey_bars_around_it_move_no_box(home: Path, tmp_path: Path, wh: tuple[int, int]):
    add(tmp_path)
    box = Box(wh[0] // 4, wh[1] // 4, wh[0] // 2, wh[1] // 2)
    (marks,) = loaded(home).find([picture(wh, box)], ["platelet"])
    cell = 8 * max(wh) / 64
    assert around(marks) == pytest.approx(box.xyxy, abs=cell)
    assert all(0 <= m.shape.x1 < m.shape.x2 <= wh[0] and 0 <= m.shape.y1 < m.shape.y2 <= wh[1] for m in marks)


def test_a_stretched_image_has_no_bars(home: Path, tmp_path: Path):
    add(tmp_path, "yolo", "--stretch")
    (marks,) = loaded(home).find([picture()], ["platelet"])
    assert around(marks) == pytest.approx(RED.xyxy, abs=0.1)


def test_the_classes_names_are_read_from_the_file_and_a_dash_leaves_one_out(home: Path, tmp_path: Path):
    path = write_detector(tmp_path / "named.onnx", names="{0: 'platelet'}")
    assert main(["experts", "add", str(path)]) == 0
    assert loaded(home, "named").manifest.labels == ("platelet",)
    nameless = write_detector(tmp_path / "nameless.onnx", names=None)
    assert main(["experts", "add", str(nameless)]) == 1
    assert main(["experts", "add", str(nameless), "--labels", "-"]) == 1


@pytest.mark.parametrize(
    ("layout", "labels", "why"), [("detr", "platelet", "have the shapes"), ("yolo", "platelet,red blood cell", "with 2 classes")]
)
def test_a_file_that_answers_otherwise_than_it_was_said_to_is_refused_and_not_kept(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str, labels: str, why: str
):
    path = write_detector(tmp_path / "reds.onnx", "yolo")
    assert main(["experts", "add", str(path), "--labels", labels, "--output", layout]) == 1
    assert why in capsys.readouterr().err
    assert [p for p in (home / "experts").iterdir()] == []


def test_a_file_that_is_no_onnx_is_a_sentence(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "cat.onnx").write_bytes(b"meow")
    assert main(["experts", "add", str(tmp_path / "cat.onnx"), "--labels", "platelet"]) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_an_expert_answers_only_once_it_was_switched_on_and_its_reason_is_kept(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    add(tmp_path)
    experts = Experts("", home)
    assert experts.labels == frozenset()
    assert main(["experts", "on", "reds"]) == 1 and "--reason" in capsys.readouterr().err
    assert main(["experts", "on", "reds", "--reason", "no held-out images yet", "--author", "ada"]) == 0
    assert experts.labels == {"platelet"}  # without another start
    state = standing(own_folder(home, "reds"))
    assert (state.on, state.by, state.why) == (True, "ada", "no held-out images yet")
    main(["experts", "off", "reds"])
    assert experts.labels == frozenset()
    main(["experts", "remove", "reds"])
    capsys.readouterr()
    assert main(["experts", "list"]) == 0 and "No expert" in capsys.readouterr().out


class Model:
    """A model that says there is nothing."""

    loaded, labels = True, frozenset({"nucleus"})

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def predict_many(self, asked) -> list[Answer]:
        from pdc.domain.values import Findings

        self.asked += [question for _, question in asked]
        return [Answer(Findings(), "{}", "model", None, "compact-1", 0.0) for _ in asked]

    def compared(self, image, question) -> dict:
        return {}


@pytest.fixture
def on(home: Path, tmp_path: Path) -> Iterator[Path]:
    add(tmp_path)
    main(["experts", "on", "reds", "--reason", "test"])
    yield own_folder(home, "reds")


def test_the_model_is_asked_for_the_rest_and_the_marks_name_the_expert(on: Path, home: Path):
    model = Model()
    predictor = ExpertPredictor(model, Experts("", home), AdapterRef, "model")  # type: ignore[arg-type]
    answer = predictor.predict(picture(), Question(Task.COUNT_AND_BOX, ("platelet", "nucleus")))
    assert answer.experts == ("reds",) and [q.labels for q in model.asked] == [("nucleus",)]
    assert answer.findings and around(answer.findings.marks) == pytest.approx(RED.xyxy, abs=0.1)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"meow")])
def test_where_its_file_is_missing_or_changed_the_model_answers_and_says_so(on: Path, home: Path, spoil):
    spoil(on / "model.onnx")
    experts, model = Experts("", home), Model()
    predictor = ExpertPredictor(model, experts, AdapterRef, "model")  # type: ignore[arg-type]
    answer = predictor.predict(picture(), Question(Task.COUNT_AND_BOX, ("platelet",)))
    assert answer.experts == () and len(model.asked) == 1
    assert "The expert reds cannot be used, so the model answers for it" in (experts.trouble() or "")


def test_two_outputs_that_do_not_belong_together_are_a_sentence(home: Path, tmp_path: Path):
    add(tmp_path)
    manifest = own_folder(home, "reds") / "expert.json"
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "options": {**said["options"], "output": "cubist"}}))
    experts = Experts("", home, lambda folder: True)
    experts.load()
    assert "no output layout that this PDC knows" in (experts.trouble() or "")


def test_the_layouts_of_the_command_are_those_there_are():
    from pdc.inference.experts.onnx_layouts import LAYOUTS

    assert set(get_args(commands.Layout)) == set(LAYOUTS)


def test_without_onnxruntime_it_is_said_what_to_install(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from pdc.inference.experts.onnx_expert import names_in

    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(BadModel, match="pip install"):
        names_in(write_detector(tmp_path / "reds.onnx"))
