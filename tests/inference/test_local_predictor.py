"""The embedded model end to end: 4-bit load, grammar, frames, scores, adapters swapped while running."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from adapter_files import write

from pdc.domain.errors import BadImage, BadModel
from pdc.domain.prompts import answer, parse
from pdc.domain.values import Box, Point, Question, Task
from pdc.inference import lora_loading, qwen
from pdc.inference.adapter_folder import thresholds_of
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.decoding import cpu_model, engine
from pdc.inference.frame import Frame, resized_wh
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import Qwen, load
from pdc.settings import EMBEDDED_MODEL

pytestmark = pytest.mark.slow  # a model is loaded in every other test
LABELS = ("red blood cell", "white blood cell", "platelet")
RODS = Question(Task.COUNT_AND_BOX, ("bacterium",))
CELLS = Question(Task.COUNT_AND_BOX, LABELS)


def test_the_language_model_is_in_four_bit_and_the_vision_tower_is_not(embedded):
    embedded.load()
    from bitsandbytes.nn import Linear4bit

    found = {name: m for name, m in embedded._qwen.base.named_modules() if isinstance(m, Linear4bit)}
    assert found and all("language_model" in name for name in found)
    assert not any(m.support_avx512bf16_for_cpu for m in found.values())


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("labels", [LABELS, LABELS[:1], ("polyp", "something new")])
def test_every_task_gets_a_readable_answer_within_the_image(embedded, smears, task: Task, labels: tuple[str, ...]):
    image, _ = smears[0]
    got = embedded.predict(image, Question(task, labels))
    assert got.findings is not None, got.raw
    for mark in got.findings.marks:
        assert isinstance(mark.shape, Box if task.has_boxes else Point)
        xs = mark.shape.xyxy[::2] if task.has_boxes else (mark.shape.x,)
        assert all(0 <= x <= image.width for x in xs) and mark.label in labels and 0 <= mark.score <= 1


def test_cells_are_found_where_they_were_drawn(embedded, smears):
    import numpy as np

    from finetune.data.drawings import RED, smear
    from pdc.domain.matching import match
    from pdc.domain.values import Mark

    hits = found = there = 0
    for seed, (image, _) in enumerate(smears):
        sample = smear(np.random.default_rng(100 + seed), (640, 480))
        truth = [Mark(str(i), Box(*map(float, b)), LABELS[0]) for i, b in enumerate(sample.boxes[sample.classes == RED])]
        marks = embedded.predict(image, Question(Task.BOUNDING, LABELS[:1])).findings.marks
        hits, found, there = hits + len(match(marks, truth)), found + len(marks), there + len(truth)
    assert 2 * hits / (found + there) > 0.6, (hits, found, there)


def test_the_same_question_gets_the_same_answer(embedded, smears):
    question = Question(Task.COUNT_AND_BOX, LABELS)
    first, second = (embedded.predict(smears[1][0], question) for _ in range(2))
    assert first.raw == second.raw and first.findings == second.findings


def test_an_answer_brings_the_thresholds_it_was_read_by_and_no_notes_of_its_own(embedded, smears):
    answer = embedded.predict(smears[1][0], Question(Task.BOUNDING, LABELS[:1]))
    assert answer.notes == () and answer.thresholds == thresholds_of(EMBEDDED_MODEL) != {}


def test_an_adapter_is_swapped_in_and_out_without_a_reload(smears):
    shipped = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]
    wanted = [AdapterRef()]
    predictor = LocalPredictor(lambda: load(str(EMBEDDED_MODEL)), lambda: wanted[0])
    question, image = RODS, smears[2][0]
    base = predictor.predict(image, question)
    wanted[0] = AdapterRef("mine", str(shipped))
    adapted = predictor.predict(image, question)
    wanted[0] = AdapterRef()
    again = predictor.predict(image, question)
    assert (base.adapter, adapted.adapter, again.adapter) == (None, "mine", None)
    assert base.raw == again.raw


def loads(log: list[str], monkeypatch) -> Callable[[], Qwen]:
    """Loads the embedded model, which then notes in `log` each adapter verified or read and each image seen."""
    model = load(str(EMBEDDED_MODEL), device="cpu")

    def noting(owner: object, name: str) -> None:
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args: log.append(name) or real(*args))

    noting(qwen, "verify")
    noting(lora_loading, "_read")
    noting(model, "pixels")
    noting(engine.Decoder, "_select_language")
    return lambda: model


def test_base_and_adapter_in_turn_answer_as_each_alone_and_nothing_is_computed_twice(smears, monkeypatch):
    shipped = AdapterRef("mine", str(next((EMBEDDED_MODEL / "adapters").iterdir())))
    images, question = [image for image, _ in smears], Question(Task.COUNT_AND_BOX, (*LABELS[:1], "bacterium"))
    log: list[str] = []
    wanted = [AdapterRef()]
    predictor = LocalPredictor(loads(log, monkeypatch), lambda: wanted[0])

    def answers(adapter: AdapterRef) -> list[tuple]:
        wanted[0] = adapter
        found = [predictor.predict(image, question) for image in images]
        return [(a.raw, a.adapter, a.prompt_version, a.thresholds) for a in found]

    base, adapted = answers(AdapterRef()), answers(shipped)
    assert base != adapted and sorted(set(log)) == ["_read", "_select_language", "pixels", "verify"]
    log.clear()
    assert answers(AdapterRef()) == base and answers(shipped) == adapted
    assert log == []
    for who, expected in ((AdapterRef(), base), (shipped, adapted)):
        alone = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda who=who: who)
        assert [alone.predict(image, question).raw for image in images] == [raw for raw, *_ in expected]


def test_an_adapter_of_the_language_model_shares_what_the_base_saw(smears, monkeypatch, tmp_path: Path):
    log: list[str] = []
    wanted = [AdapterRef()]
    predictor = LocalPredictor(loads(log, monkeypatch), lambda: wanted[0])
    base = predictor.predict(smears[0][0], RODS)
    wanted[0] = AdapterRef("language", str(write(tmp_path / "language")))
    shared = predictor.predict(smears[0][0], RODS)
    assert log.count("pixels") == 1 and shared.more != base.more
    alone = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda: wanted[0])
    assert (shared.raw, shared.more) == ((other := alone.predict(smears[0][0], RODS)).raw, other.more)


def test_an_adapter_that_changed_on_disk_is_verified_again(smears, corrected_on_rods: Path):
    wanted = [AdapterRef("rods", str(corrected_on_rods))]
    predictor = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda: wanted[0])
    image = smears[0][0].crop((0, 0, 320, 240))
    predictor.predict(image, RODS)
    predictor.predict(image, CELLS)
    weights = corrected_on_rods / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(BadModel, match="changed or damaged"):
        predictor.predict(image, RODS)
    assert predictor.predict(image, CELLS).adapter is None


def test_the_adapter_used_longest_ago_makes_room_and_can_come_back(smears, tmp_path: Path):
    model = load(str(EMBEDDED_MODEL), device="cpu")
    folders = [write(tmp_path / str(i), lora_alpha=2**i) for i in range(lora_loading.KEPT_ADAPTERS + 1)]
    wanted, image = [AdapterRef()], smears[0][0].crop((0, 0, 320, 240))
    predictor = LocalPredictor(lambda: model, lambda: wanted[0])
    counts = []
    for folder in (*folders, folders[0]):
        wanted[0] = AdapterRef(folder.name, str(folder))
        counts.append(predictor.predict(image, RODS).more)
        assert len(model.model.peft_config) <= lora_loading.KEPT_ADAPTERS
    assert counts[-1] == counts[0] != counts[1]
    model.unload_adapters()
    assert not any("lora_" in name for name, _ in model.base.named_parameters()) and model.adapter is model.weights is None


def test_how_many_adapters_are_in_memory_does_not_decide_what_computes(tmp_path: Path, monkeypatch):
    model = load(str(EMBEDDED_MODEL), device="cpu")
    language = model.base.model.language_model
    maps = [m for m in language.modules() if hasattr(m, "in_features")]
    monkeypatch.setattr(cpu_model, "SMALL", sum(m.in_features * m.out_features for m in maps))
    assert cpu_model.fits_cpu_model(language)
    model.use_adapter("mine", str(write(tmp_path / "mine")))
    assert cpu_model.fits_cpu_model(language)


def test_a_damaged_adapter_is_refused_and_what_served_goes_on(smears, tmp_path: Path):
    broken = tmp_path / "broken"
    shutil.copytree(sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1], broken)
    (broken / "adapter_model.safetensors").write_bytes(b"x" * 100)
    wanted = [AdapterRef()]
    predictor = LocalPredictor(lambda: load(str(EMBEDDED_MODEL)), lambda: wanted[0])
    predictor.predict(smears[0][0], RODS)
    wanted[0] = AdapterRef("broken", str(broken))
    for load_or_ask in (predictor.load, lambda: predictor.predict(smears[0][0], RODS)):
        with pytest.raises(BadModel, match="broken"):
            load_or_ask()
    wanted[0] = AdapterRef()
    assert predictor.predict(smears[0][0], RODS).adapter is None


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_model_that_is_not_there_says_so(tmp_path: Path, name: str):
    if name == "empty":
        (tmp_path / name).mkdir()
    with pytest.raises(BadModel, match="PDC_MODEL"):
        load(str(tmp_path / name))


def test_an_extreme_strip_is_refused_with_a_sentence(embedded):
    embedded.load()
    with pytest.raises(BadImage, match="Crop"):
        resized_wh(embedded._qwen.processor.image_processor, 3000, 10)


def test_the_frame_is_a_multiple_of_28_and_goes_both_ways(embedded):
    embedded.load()
    frame = embedded._qwen.frame(640, 480)
    assert all(side % 28 == 0 for side in frame.model_wh)
    question = Question(Task.BOUNDING, LABELS[:1])
    text = '[{"label":"red blood cell","bbox_2d":[[0,0,W,H]]}]'
    text = text.replace("W", str(frame.model_wh[0])).replace("H", str(frame.model_wh[1]))
    findings = frame.to_image(parse(question, text))
    assert findings.marks[0].shape.xyxy == pytest.approx((0, 0, 640, 480))
    assert answer(question, frame.to_model(findings)) == text


def test_a_frame_clips_to_the_image():
    findings = Frame((100, 50), (56, 28)).to_image(parse(Question(Task.POINTING, ("a",)), '[{"label":"a","point_2d":[[60,10]]}]'))
    assert findings.marks[0].shape.x == 100


@pytest.fixture
def corrected_on_rods(tmp_path: Path) -> Path:
    """The adapter that ships, telling that "bacterium" is all it was corrected on."""
    folder = shutil.copytree(next((EMBEDDED_MODEL / "adapters").iterdir()), tmp_path / "rods")
    manifest = json.loads((folder / "pdc.json").read_text())
    (folder / "pdc.json").write_text(json.dumps({**manifest, "serves": ["bacterium"]}))
    return folder


def test_what_an_adapter_was_not_corrected_on_is_answered_by_the_base(smears, corrected_on_rods):
    alone = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"))
    wanted = AdapterRef("rods", str(corrected_on_rods))
    predictor = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda: wanted)
    image = smears[0][0]
    for question, adapter in ((RODS, "rods"), (CELLS, None), (RODS, "rods")):
        assert predictor.predict(image, question).adapter == adapter and predictor.untaught(question) == ()
    assert predictor.predict(image, CELLS).raw == alone.predict(image, CELLS).raw
    assert [*predictor.stream(image, CELLS)][-1].adapter is None


def test_questions_for_the_base_and_for_the_adapter_can_be_asked_together(smears, corrected_on_rods):
    wanted = AdapterRef("rods", str(corrected_on_rods))
    predictor = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), lambda: wanted)
    image, both = smears[0][0], Question(Task.COUNT_AND_BOX, (*LABELS[:1], "bacterium"))
    answers = predictor.predict_many([(image, q) for q in (CELLS, RODS, both, CELLS)])
    assert [a.adapter for a in answers] == [None, "rods", "rods", None] and answers[0].raw == answers[3].raw


def test_an_adapter_that_does_not_say_answers_everything(corrected_on_rods):
    manifest = json.loads((corrected_on_rods / "pdc.json").read_text())
    (corrected_on_rods / "pdc.json").write_text(json.dumps({k: v for k, v in manifest.items() if k != "serves"}))
    wanted = AdapterRef("rods", str(corrected_on_rods))
    assert wanted.about(CELLS) is wanted and AdapterRef().about(CELLS) == AdapterRef()
