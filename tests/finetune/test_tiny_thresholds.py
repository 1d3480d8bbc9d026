"""One command chooses a finished model's thresholds and measures it, with what it says where nothing is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune.cli.main import main
from finetune.data.drawings import mucosa, smear
from finetune.evaluate.conformal import STEPS
from finetune.tiny import LABELS, SOURCES
from finetune.tiny.prompts import OWN
from pdc.inference.adapter_folder import thresholds_of
from pdc.inference.answer_settings import sizes_of
from pdc.settings import EMBEDDED_MODEL


def _source(folder: Path, name: str) -> None:
    """Drawings as a kind of image, with a box of that kind's first label."""
    folder.mkdir()
    boxes, images = [], []
    for i, corner in enumerate((10, 180) if name == "polyps" else (10,), start=1):
        draw = mucosa if name == "polyps" else smear
        Image.fromarray(draw(np.random.default_rng(5 + i), (256, 256)).image).save(folder / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 256, "height": 256})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [corner, corner, 60, 60]})
    names = [{"id": i, "name": label} for i, label in enumerate(OWN[name], start=1)]
    for split in ("train", "dev"):
        (folder / f"{split}.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": names}))


@pytest.mark.nightly  # a tower looks at many images
def test_one_command_chooses_thresholds_for_a_finished_model_and_keeps_what_else_its_folder_says(tmp_path: Path):
    data, model, out = (tmp_path / name for name in ("data", "model", "out"))
    shutil.copytree(EMBEDDED_MODEL, model, ignore=shutil.ignore_patterns("adapters", "*.webp"))
    data.mkdir()
    for name in SOURCES:
        _source(data / name, name)
    before = json.loads((model / "pdc.json").read_text())
    noted = {**before.get("notes", {}), "kept": "so"}
    (model / "pdc.json").write_text(json.dumps({**before, "thresholds": {"something old": 0.9}, "notes": noted}))
    common = ["--start", str(model), "--data", str(data), "--out", str(out), "--limit", "0"]
    assert main(["tiny", "--stages", "thresholds", "--stages", "measure", *common]) == 0
    after = json.loads((model / "pdc.json").read_text())
    anew = {"thresholds": 0, "notes": 0, "sizes": 0}
    assert {**after, **anew} == {**before, **anew}
    assert set(after["sizes"]) == {OWN[name][0] for name in SOURCES} and sizes_of(str(model))["polyp"][0] > 0.05
    rows = json.loads((out / "thresholds.json").read_text())
    assert set(rows) == set(LABELS) and thresholds_of(model) == {}  # an image or two promise nothing
    assert [r["threshold"] for r in rows["polyp"]] == list(STEPS)
    assert rows["polyp"][0]["alarms"] is not None and rows["nucleus"][0]["alarms"] is None
    evidence = after["notes"]["thresholds"]
    assert after["notes"]["kept"] == "so" and set(evidence) == set(LABELS)
    assert evidence["polyp"]["n"] == 4 and evidence["polyp"]["negatives"] == 2 and evidence["polyp"]["most"] is None
    measured = json.loads((out / "measured.json").read_text())
    assert measured["polyps"]["n"] == 2 and measured["negatives"]["pieces"]["painted over"]["pairs"] == 2
    assert set(measured["negatives"]["none"]) >= {"text", "empty fields", "out of focus", "all"}
