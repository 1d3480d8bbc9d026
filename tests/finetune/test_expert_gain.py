"""A detector beside the model is kept on only where it surely gains; the sentence holds the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from finetune.__main__ import main
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.sets.expert_gain import FEWEST, ExpertGain
from pdc.inference.experts.own import own_folder, standing

SCORES = Estimate(0.5, 0.4, 0.6), Estimate(0.7, 0.6, 0.8)


@pytest.mark.parametrize(
    ("n", "change", "gains"),
    [
        (60, Estimate(0.2, 0.1, 0.3), True),
        (60, Estimate(0.1, -0.01, 0.2), False),
        (60, Estimate(-0.1, -0.2, -0.01), False),
        (60, Estimate(0.0, 0.0, 0.0), False),
        (FEWEST - 1, Estimate(0.2, 0.1, 0.3), False),
        (0, None, False),
    ],
)
def test_an_expert_answers_only_where_the_whole_interval_is_a_gain_on_enough_images(n: int, change: Estimate | None, gains: bool):
    found = ExpertGain(n, *SCORES, change)
    assert found.gains is gains
    said = found.sentence("the held-out reviews")
    assert ("it answers" in said) is gains and f"{n} images" in said
    assert change is None or f"{100 * change.low:+.1f} to {100 * change.high:+.1f}" in said


def squares(folder: Path, n: int) -> Path:
    """Images with a red square each, as a COCO file; whole cells of the detector."""
    folder.mkdir()
    images, annotations = [], []
    for i in range(n):
        image = Image.new("RGB", (128, 128), (40 + 9 * i, 90, 60))
        x, y = 16 * (i % 7), 16 * (i // 2 % 7)
        ImageDraw.Draw(image).rectangle((x, y, x + 15, y + 15), fill="red")
        ImageDraw.Draw(image).text((100 - 3 * i, 112), f"no {i}", fill="white")
        image.save(folder / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 128, "height": 128})
        annotations.append({"id": i + 1, "image_id": i, "category_id": 1, "bbox": [x, y, 16, 16]})
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "red square"}]}))
    return path


@pytest.mark.slow
def test_an_expert_that_finds_what_the_model_does_not_is_switched_on_by_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx_files import write_detector

    from pdc.__main__ import main as pdc

    monkeypatch.setenv("PDC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PDC_DEVICE", "cpu")
    detector = write_detector(tmp_path / "reds.onnx", "yolo", names="{0: 'red square'}")
    assert pdc(["experts", "add", str(detector), "--threshold", "0.5"]) == 0
    assert main(["sets", "add", "squares", str(squares(tmp_path / "squares", 12))]) == 0
    assert main(["expert", "measure", "reds", "--set", "squares"]) == 0
    state = standing(own_folder(tmp_path / "home", "reds"))
    assert state.on and state.measured["n"] == 12 and "it answers" in state.why
    assert state.why in capsys.readouterr().out
    assert main(["expert", "measure", "reds"]) == 1
    assert "held out" in capsys.readouterr().err and standing(own_folder(tmp_path / "home", "reds")).on
