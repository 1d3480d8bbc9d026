"""A detector of ultralytics in its own file stands beside the model; weights are random, so only its boxes' frame is known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from pdc.__main__ import main
from pdc.domain.errors import BadModel
from pdc.domain.values import Box
from pdc.inference.experts.registry import Experts
from pdc.inference.experts.ultralytics_expert import names_in


def test_without_the_library_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(BadModel, match="pip install ultralytics"):
        names_in(tmp_path / "cells.pt")


@pytest.mark.slow
def test_its_boxes_lie_in_the_image_and_carry_the_files_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ultralytics = pytest.importorskip("ultralytics", exc_type=ImportError)
    monkeypatch.setenv("PDC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    ultralytics.YOLO("yolov8n.yaml").save(str(tmp_path / "cells.pt"))
    names = names_in(tmp_path / "cells.pt")
    add = ["experts", "add", str(tmp_path / "cells.pt"), "--size", "64", "--least", "0.000001"]
    assert main([*add, "--labels", "platelet"]) == 1 and f"{len(names)} classes" in capsys.readouterr().err
    assert main(add) == 0
    experts = Experts("", tmp_path / "home", lambda folder: True)
    experts.load()
    (manifest,) = experts.manifests
    expert = experts.expert(manifest)
    assert expert and manifest.labels == tuple(names)
    (marks,) = expert.find([Image.new("RGB", (96, 48), (120, 20, 60))], manifest.labels)
    assert marks and all(isinstance(m.shape, Box) and m.label in names and m.expert == "cells" for m in marks)
    assert all(0 <= m.shape.xyxy[0] < m.shape.xyxy[2] <= 96 and 0 <= m.shape.xyxy[1] < m.shape.xyxy[3] <= 48 for m in marks)
