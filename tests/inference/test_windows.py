"""A label that was learnt in windows of some size is asked in tiles of that size, by the model here and behind a server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from model_servers import serving

from pdc.domain.errors import BadModel
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.adapter_folder import windows_of
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.openai.http import HttpClient
from pdc.inference.openai.remote import RemotePredictor
from pdc.inference.openai.server import ModelServer
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.looks import plan_looks, put_question
from pdc.inference.predictors.tiling import MOST_CUTS, Tile, merge_tiles, plan_by_window, whole_tile
from pdc.inference.qwen import load
from pdc.settings import EMBEDDED_MODEL

SHIPPED = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]
RODS = Question(Task.COUNT_AND_BOX, ("bacterium",))
WINDOW = 200.0


def with_window(folder: Path, side: object = WINDOW) -> Path:
    """The shipped adapter, whose manifest says that "bacterium" was learnt in windows of that side."""
    shutil.copytree(SHIPPED, folder)
    described = json.loads((folder / "pdc.json").read_text())
    (folder / "pdc.json").write_text(json.dumps({**described, "windows": {"bacterium": side}}))
    return folder


def windows_in(raw: str) -> list[list[int]]:
    """The windows of an answer of several looks, in image pixels."""
    return [json.loads(line[: line.index("]") + 1]) for line in raw.splitlines()]


@pytest.mark.parametrize(("wh", "side", "tiles"), [((698, 528), 176, 20), ((256, 256), 200, 4), ((220, 180), 200, 1)])
def test_windows_are_about_as_large_as_those_that_were_learnt(wh, side, tiles):
    plan = plan_by_window(wh, side)
    assert len(plan) == tiles and sum(t.core.area for t in plan) == pytest.approx(wh[0] * wh[1])
    assert all(max(t.window.width, t.window.height) < 1.3 * side for t in plan)


def test_however_large_the_image_its_tiles_are_not_more_than_the_most():
    assert len(plan_by_window((20_000, 15_000), 30)) == MOST_CUTS**2


def test_each_label_is_asked_in_its_own_windows_and_those_of_much_the_same_size_together():
    question = Question(Task.BOUNDING, ("sperm", "cell", "pinhead", "clump"))
    windows = {"sperm": 150.0, "pinhead": 170.0, "clump": 400.0}
    looks = plan_looks((600, 600), question, windows, lambda q: [whole_tile((600, 600))])
    asked = {t.labels: t.window.width for t in looks}
    assert set(asked) == {("sperm", "pinhead"), ("cell",), ("clump",)}
    assert asked["cell",] == 600 and asked["sperm", "pinhead"] < asked["clump",] < 600


def test_without_a_learnt_window_the_looks_are_those_that_they_were():
    question = Question(Task.BOUNDING, ("sperm", "cell"))
    assert plan_looks((600, 600), question, {"polyp": 90.0}, lambda q: [whole_tile((600, 600))]) == [whole_tile((600, 600))]


def test_marks_of_labels_that_were_looked_for_apart_come_together_with_ids_of_their_own():
    left, right = (Tile(Box(x, 0, x + 50, 80), Box(x, 0, x + 50, 80), ("sperm",)) for x in (0.0, 50.0))
    whole = Tile(Box(0, 0, 100, 80), Box(0, 0, 100, 80), ("cell",))
    sperm, cell = (Findings((Mark("m1", Box(5, 5, 15, 15), label),), {label: 1}) for label in ("sperm", "cell"))
    found = merge_tiles([(left, sperm), (right, sperm), (whole, cell)])
    assert [(m.id, m.label, m.shape.x1) for m in found.marks] == [("m1", "sperm", 5), ("m2", "sperm", 55), ("m3", "cell", 5)]
    assert found.stated == {"sperm": 2, "cell": 1}


def test_a_number_is_not_asked_of_windows_that_overlap():
    question = Question(Task.COUNTING, ("sperm",))
    assert put_question(question, None, (600, 600), {"sperm": 150.0}).task is Task.COUNT_AND_BOX
    assert put_question(question, None, (160, 160), {"sperm": 150.0}).task is Task.COUNTING


@pytest.mark.parametrize("side", [0, -3, "wide", True, float("inf")])
def test_a_window_without_a_length_is_refused(side, tmp_path):
    with pytest.raises(BadModel, match="window whose side is no number of pixels above 0"):
        windows_of(with_window(tmp_path / "mine", side))


@pytest.mark.slow
def test_the_model_looks_through_windows_of_the_learnt_size_here_and_behind_a_server(smears, tmp_path):
    adapter = AdapterRef("mine", str(with_window(tmp_path / "mine")))
    image = smears[0][0]
    here = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda: adapter)
    local = here.predict(image, RODS)
    assert {(a, b) for a, b, *_ in windows_in(local.raw)} >= {(0, 0)} and len(windows_in(local.raw)) == 12
    assert all(max(x2 - x1, y2 - y1) < 1.3 * WINDOW for x1, y1, x2, y2 in windows_in(local.raw))
    with serving(ModelServer(here, "pdc-tiny", lambda: {"mine": adapter.folder}).app()) as url:
        remote = RemotePredictor(HttpClient(url, "", 60), str(EMBEDDED_MODEL), "pdc-tiny", lambda: adapter)
        answer = remote.predict(image, RODS)
    assert answer.raw == local.raw and [m.shape for m in answer.findings.marks] == [m.shape for m in local.findings.marks]


@pytest.mark.slow
def test_what_an_adapter_says_of_windows_is_not_said_of_the_base(smears, tmp_path):
    adapter = AdapterRef("mine", str(with_window(tmp_path / "mine")))
    wanted = [adapter]
    predictor = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda: wanted[0])
    assert len(windows_in(predictor.predict(smears[0][0], RODS).raw)) > 1
    wanted[0] = AdapterRef()
    assert "\n" not in predictor.predict(smears[0][0], RODS).raw
