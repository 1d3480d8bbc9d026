"""A model of the 7B's form sees no more pixels than it may, answers in the frame it learnt, and says how much it saw."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from large_models import write_foreign, write_model, write_own
from model_servers import Played, chat, models
from PIL import Image

from pdc.domain.errors import BadModel, BadSetting
from pdc.domain.prompts import COMPACT, PAPER, answer, parse
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.answer_settings import PAPER_WIDTH, adapter_settings, base_settings
from pdc.inference.frame import ImageProcessorConfig, frame_of, resized_wh, tile_pixels
from pdc.inference.openai.http import HttpClient
from pdc.inference.openai.protocol import read_request
from pdc.inference.openai.remote import RemotePredictor
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.tiling import plan_by_size
from pdc.inference.qwen import Qwen, load
from pdc.settings import EMBEDDED_MODEL, MAX_PIXELS, Settings

EYES = ImageProcessorConfig()  # the original's
POLYP = Question(Task.BOUNDING, ("polyp",))
HUB = "Qwen/Qwen2.5-VL-7B-Instruct"


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "large")


@pytest.fixture(scope="module")
def foreign(large: Path, tmp_path_factory) -> Path:
    return write_foreign(tmp_path_factory.mktemp("adapters") / "downloaded under any name", large)


@pytest.fixture(scope="module")
def seven(large: Path) -> Qwen:
    return load(str(large), quantization="none", device="cpu")


def asked_of(qwen: Qwen, adapter: Path | None = None) -> LocalPredictor:
    return LocalPredictor(lambda: qwen, lambda: AdapterRef("mine", str(adapter)) if adapter else AdapterRef(), limit=24)


@pytest.mark.parametrize("wh", [(4000, 3000), (1920, 1080), (6000, 5000), (640, 480), (3000, 40), (20, 3000)])
@pytest.mark.parametrize("most", [MAX_PIXELS, 300_000, 100_000])
def test_no_image_is_shown_with_more_pixels_than_allowed(wh: tuple[int, int], most: int):
    w, h = resized_wh(EYES, *wh, most)
    assert w % 28 == h % 28 == 0 and w * h <= most
    old = resized_wh(EYES, *wh)
    assert (w, h) == old if old[0] * old[1] <= most else w * h > 0.8 * most or min(w, h) == 28


def test_twelve_megapixels_were_fifteen_thousand_visual_tokens():
    tokens = [w * h // 28**2 for w, h in (resized_wh(EYES, 4000, 3000), resized_wh(EYES, 4000, 3000, MAX_PIXELS))]
    assert tokens[0] == 15301 and tokens[1] <= 1276


@pytest.mark.slow
def test_what_the_model_saw_is_told_with_its_answer(seven: Qwen, large: Path):
    photo = Image.effect_noise((1500, 1200), 80).convert("RGB")
    answer = asked_of(seven).predict(photo, POLYP)
    assert answer.max_pixels == MAX_PIXELS and "\n" not in answer.raw
    small = load(str(large), quantization="none", device="cpu", max_pixels=200_000)
    predictor = asked_of(small)
    assert predictor.predict(photo, POLYP).max_pixels == 200_000
    assert predictor._decoder is not None and predictor._decoder.encode(photo).tokens <= 200_000 // 28**2


@pytest.mark.slow
def test_the_embedded_model_sees_what_it_saw_before(embedded):
    embedded.load()
    assert embedded._qwen.max_pixels == 84100 < MAX_PIXELS and embedded._qwen.frame(4000, 3000).other_wh is None


@pytest.mark.slow
def test_an_adapter_sees_as_many_pixels_as_it_learnt_with_and_never_more_than_the_settings_allow(seven, large, tmp_path):
    folder = write_own(tmp_path / "own", large, max_pixels=400_000)
    seven.use_adapter("own", str(folder))
    assert seven.max_pixels == 400_000
    seven.use_adapter(None, None)
    assert seven.max_pixels == MAX_PIXELS
    small = load(str(large), quantization="none", device="cpu", max_pixels=200_000)
    small.use_adapter("own", str(folder))
    assert small.max_pixels == 200_000


@pytest.mark.slow
def test_an_image_is_seen_anew_where_an_adapter_sees_fewer_pixels_of_it(seven: Qwen, large: Path, tmp_path: Path):
    wanted = [AdapterRef()]
    predictor = LocalPredictor(lambda: seven, lambda: wanted[0], limit=8)
    photo = Image.effect_noise((900, 700), 80).convert("RGB")
    predictor.predict(photo, POLYP)
    tokens = predictor._decoder.encode(photo).tokens
    wanted[0] = AdapterRef("own", str(write_own(tmp_path / "own", large, max_pixels=100_000)))
    predictor.predict(photo, POLYP)
    assert predictor._decoder.encode(photo).tokens < 128 < tokens


@pytest.mark.parametrize("value", [0, -5, "many", 1.5, True])
def test_a_manifest_that_names_no_number_of_pixels_is_refused_with_a_sentence(tmp_path: Path, value: object):
    (tmp_path / "pdc.json").write_text(json.dumps({"prompt_version": COMPACT, "max_pixels": value}))
    with pytest.raises(BadModel, match="max_pixels"):
        adapter_settings(str(tmp_path), HUB)


@pytest.mark.parametrize(
    ("variable", "value"), [("PDC_MAX_PIXELS", "5000"), ("PDC_MAX_PIXELS", "many"), ("PDC_ANSWER_STYLE", "paper")]
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(variable: str, value: str):
    with pytest.raises(BadSetting, match=variable):
        Settings.from_env({variable: value})


# The paper's adapter


@pytest.mark.slow
def test_the_papers_adapter_is_asked_in_its_own_words_under_any_name(seven: Qwen, foreign: Path):
    answer = asked_of(seven, foreign).predict(Image.new("RGB", (320, 240), "pink"), POLYP)
    assert answer.prompt_version == PAPER and answer.adapter == "mine" and answer.raw.startswith("```json")
    assert seven.answer_width == PAPER_WIDTH
    alone = asked_of(seven).predict(Image.new("RGB", (320, 240)), POLYP)
    assert alone.prompt_version == COMPACT and seven.answer_width is None


def test_how_one_is_asked_that_does_not_say_can_be_set(tmp_path: Path):
    foreign, own = tmp_path / "foreign", tmp_path / "own"
    for folder in (foreign, own):
        folder.mkdir()
    (own / "pdc.json").write_text(json.dumps({"prompt_version": COMPACT}))
    assert adapter_settings(str(foreign), HUB, COMPACT).style == COMPACT
    assert adapter_settings(str(foreign), str(EMBEDDED_MODEL), PAPER).style == PAPER
    assert adapter_settings(str(own), HUB, PAPER).style == base_settings(str(own), PAPER).style == COMPACT
    merged = base_settings(HUB, PAPER)
    assert (merged.style, merged.answer_width) == (PAPER, PAPER_WIDTH) and base_settings(HUB).style == COMPACT
    assert Settings.from_env({"PDC_ANSWER_STYLE": PAPER}).loading["answer_style"] == PAPER


def test_a_count_alone_is_counted_from_marks_unless_only_counts_were_learnt(tmp_path: Path):
    foreign, pointed, counted, older = (tmp_path / name for name in ("foreign", "pointed", "counted", "older"))
    said = [None, {"counts_by": Task.CNT_AND_POINT}, {"counts_by": None}, {}]
    for folder, value in zip((foreign, pointed, counted, older), said, strict=True):
        folder.mkdir()
        if value is not None:
            (folder / "pdc.json").write_text(json.dumps({"prompt_version": PAPER, **value}))
    asked = [adapter_settings(str(f), HUB).asked_as(Task.COUNTING) for f in (foreign, pointed, counted, older)]
    assert asked == [Task.COUNT_AND_BOX, Task.CNT_AND_POINT, None, None]
    assert base_settings(HUB).asked_as(Task.COUNTING) is base_settings(HUB, PAPER).asked_as(Task.COUNTING) is Task.COUNT_AND_BOX
    assert adapter_settings(str(foreign), HUB).asked_as(Task.POINTING) is None
    assert base_settings(str(EMBEDDED_MODEL)).asked_as(Task.POINTING) is Task.COUNT_AND_BOX


@pytest.mark.slow
def test_the_papers_adapter_is_asked_for_boxes_where_a_count_is_wanted(seven: Qwen, foreign: Path):
    counting, photo = Question(Task.COUNTING, ("polyp",)), Image.new("RGB", (320, 240))
    for adapter in (foreign, None):
        answer = asked_of(seven, adapter).predict(photo, counting)
        boxed = asked_of(seven, adapter).predict(photo, replace(counting, task=Task.COUNT_AND_BOX))
        assert '"bbox_' in answer.raw and answer.raw == boxed.raw


def test_the_count_is_the_number_of_marks_and_not_the_number_that_is_stated():
    said = '```json\n{"counts": 5, "bbox_2d": [[20, 20, 50, 60], [100, 100, 130, 150]], "label": "polyp"}\n```'
    with Played(lambda path, _: models(path) or chat(said)) as server:
        predictor = RemotePredictor(HttpClient(server.url), HUB, "pdc-tiny", style=PAPER)
        answer = predictor.predict(Image.new("RGB", (320, 240)), Question(Task.COUNTING, ("polyp",)))
    assert answer.findings and answer.findings.counts(Task.COUNTING) == {"polyp": 2}


@pytest.mark.parametrize(
    ("wh", "shown"),
    [((1400, 1050), (700, 525)), ((640, 480), (640, 480)), ((1920, 1080), (700, 394)), ((700, 2000), (700, 2000))],
)
def test_the_papers_coordinates_are_pixels_of_the_image_at_seven_hundred(wh: tuple[int, int], shown: tuple[int, int]):
    frame = frame_of(EYES, wh, MAX_PIXELS, PAPER_WIDTH)
    assert frame.answer_wh == shown and frame.model_wh == resized_wh(EYES, *shown, MAX_PIXELS)
    found = parse(POLYP, f'```json\n[{{"bbox_2d": [0, 0, {shown[0]}, {shown[1]}], "label": "polyp"}}]\n```', PAPER)
    assert frame.to_image(found).marks[0].shape.xyxy == pytest.approx((0, 0, *wh))


@pytest.mark.slow
def test_what_is_learnt_in_the_papers_frame_is_read_back_where_it_was(seven: Qwen, foreign: Path):
    from finetune.data.example import example

    seven.use_adapter("mine", str(foreign))
    try:
        marked = Findings((Mark("m1", Box(1200, 60, 1390, 1000), "polyp"),))
        photo = Image.new("RGB", (1400, 1050))
        learnt = example(seven, photo, POLYP, marked)
        text = learnt["completion"][0]["content"][0]["text"]
        assert text == answer(POLYP, Findings((Mark("m1", Box(600, 30, 695, 500), "polyp"),)), PAPER)
        frame = seven.frame(1400, 1050)
        assert frame.to_image(parse(POLYP, text, PAPER)).marks[0].shape == marked.marks[0].shape
        assert learnt["images"][0].size == frame.model_wh == (700, 532)
        resized = seven.resize(photo)
        assert example(seven, resized, POLYP, marked, wh=photo.size)["completion"] == learnt["completion"]
    finally:
        seven.use_adapter(None, None)


# Tiles by size

HUGE = Image.effect_noise((3000, 2000), 60).convert("RGB").resize((4000, 3000))


@pytest.mark.slow
@pytest.mark.parametrize("task", [Task.POINTING, Task.COUNTING])
def test_an_image_that_would_be_seen_much_smaller_is_asked_about_in_tiles(seven: Qwen, task: Task):
    question = Question(task, ("polyp",))
    answer = asked_of(seven).predict(HUGE, question)
    windows = [json.loads(line[: line.index("]") + 1]) for line in answer.raw.splitlines()]
    tiles = plan_by_size(HUGE.size, MAX_PIXELS, overview=task is Task.COUNTING)
    assert windows == [list(map(int, t.window.xyxy)) for t in tiles] and len(windows) > 4
    assert ("bbox_2d" in answer.raw) is (task is Task.COUNTING) and answer.max_pixels == MAX_PIXELS


@pytest.mark.slow
def test_training_shows_the_tiles_that_the_model_will_be_asked_about(seven: Qwen, tmp_path: Path):
    from finetune.data.dataset import Examples, Row

    HUGE.save(tmp_path / "huge.png")
    marked = Findings((Mark("m1", Box(100, 100, 300, 300), "polyp"),))
    row = Row(tmp_path / "huge.png", *HUGE.size, "g", POLYP, marked)
    examples = Examples([row], seven, length=30, seed=1, augment=False, tasks={Task.BOUNDING: 1.0})
    shown = {tuple(map(int, t.window.xyxy)) for t in plan_by_size(HUGE.size, MAX_PIXELS)}
    assert {examples._view(row, np.random.default_rng(i)).window for i in range(60)} == shown
    assert all(w * h <= MAX_PIXELS for w, h in (examples[i]["images"][0].size for i in range(3)))


def test_a_model_that_learnt_whole_images_at_a_small_size_is_not_shown_tiles_of_ordinary_ones():
    small = ImageProcessorConfig(most=84_100)
    assert tile_pixels(small, MAX_PIXELS, MAX_PIXELS) == tile_pixels(small, 84_100, MAX_PIXELS) == MAX_PIXELS
    assert tile_pixels(EYES, 400_000, MAX_PIXELS) == 400_000


def test_a_server_is_sent_the_tiles_of_a_large_image():
    wide = Question(Task.BOUNDING, ("polyp",))
    said = '[{"label":"polyp","bbox_2d":[[200,200,230,230]]}]'
    with Played(lambda path, _: models(path) or chat(said)) as server:
        predictor = RemotePredictor(HttpClient(server.url), HUB, "pdc-tiny")
        answer = predictor.predict(HUGE, wide)
    sent = [Image.open(BytesIO(read_request(body).image)).size for path, body in server.asked if path != "/v1/models"]
    tiles = plan_by_size(HUGE.size, MAX_PIXELS)
    assert len(sent) == len(tiles) == len(answer.raw.splitlines()) and all(w * h <= MAX_PIXELS for w, h in sent)
    assert answer.findings and len(answer.findings.marks) == len(tiles) - 1  # a polyp at the same place of every tile
