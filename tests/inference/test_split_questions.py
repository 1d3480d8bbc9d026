"""A question split among two adapters and the base: each part is answered as if it had been asked alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from adapter_files import labelled, write
from PIL import Image

from pdc.adapters.routing import AdapterRouting
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference import lora_loading
from pdc.inference.adapter_ref import BASE, AdapterRef, Route
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.parts import SplitQuestion, stream_parts
from pdc.inference.qwen import load
from pdc.settings import EMBEDDED_MODEL

RED, WHITE, ROD, PLATELET = "red blood cell", "white blood cell", "bacterium", "platelet"
MIXED = [
    (RED, ROD),
    (ROD, RED),
    (RED, ROD, WHITE),
    (PLATELET, ROD),
    (RED, PLATELET, ROD),
    (ROD, "sperm", RED),
    ("nucleus", PLATELET),
    (RED, WHITE, PLATELET, "nucleus", "polyp", ROD),
]
QUESTIONS = [Question(Task.COUNT_AND_BOX, labels) for labels in MIXED]
QUESTIONS += [Question(task, MIXED[0]) for task in Task if task is not Task.COUNT_AND_BOX]
QUESTIONS += [Question(task, MIXED[4]) for task in (Task.COUNTING, Task.POINTING)]


@pytest.fixture(scope="module")
def route(tmp_path_factory: pytest.TempPathFactory) -> Route:
    """Two adapters beside the base: one of the vision tower too, and one with other windows and thresholds."""
    folder = tmp_path_factory.mktemp("adapters")
    special = {"windows": {PLATELET: 200.0}, "thresholds": {PLATELET: 0.4, RED: 0.9}}
    return Route((labelled(folder / "small", PLATELET, "sperm", **special), labelled(folder / "rods", ROD)))


@pytest.fixture(scope="module")
def asked_as(route: Route) -> Callable[[Route], LocalPredictor]:
    """The embedded model, loaded once, answering by the route that it is given."""
    model, wanted = load(str(EMBEDDED_MODEL), device="cpu"), [route]
    predictor = LocalPredictor(lambda: model, lambda: wanted[0])

    def by(now: Route) -> LocalPredictor:
        wanted[0] = now
        return predictor

    return by


@pytest.fixture(scope="module")
def smear(smears) -> Image.Image:
    return smears[0][0].crop((0, 0, 240, 200))


def told(answer: Answer, labels: tuple[str, ...]) -> tuple[object, ...]:
    """What an answer says of these labels; the ids of its marks aside."""
    assert answer.findings is not None
    marks = [(m.shape, m.label, m.score, m.status) for m in answer.findings.marks if m.label in labels]
    by_label = (answer.findings.stated, answer.counts, answer.thresholds, answer.more, answer.count_models, answer.likeness)
    return marks, [{label: of[label] for label in labels if label in of} for of in by_label]


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.task} {', '.join(q.labels)}")
def test_each_part_says_what_it_says_alone(asked_as, route: Route, smear, question: Question):
    whole = asked_as(route).predict(smear, question)
    assert whole.adapter == AdapterRouting("pdc-tiny", lambda: route).now(question)[1] and whole.findings is not None
    assert len({m.id for m in whole.findings.marks}) == len(whole.findings.marks)
    for who, part in route.split(question).items():
        alone = asked_as(Route((who,)) if who != BASE else Route()).predict(smear, part)
        assert told(whole, part.labels) == told(alone, part.labels)
        assert f"{who.name or 'pdc-tiny'}: {alone.raw}".split("\n")[0] in whole.raw.split("\n")
    *parts, last = asked_as(route).stream(smear, question)
    assert last.raw == whole.raw and told(last, question.labels) == told(whole, question.labels)
    assert all(isinstance(p, SoFar) for p in parts) and not (parts and parts[0].findings.complete)


@pytest.mark.slow
def test_several_mixed_questions_are_answered_in_one_batch_as_one_by_one(asked_as, route: Route, smear):
    asked = [(smear, QUESTIONS[0]), (smear, Question(Task.COUNT_AND_BOX, (RED,))), (smear, QUESTIONS[4])]
    batch = asked_as(route).predict_many(asked)
    assert [a.raw for a in batch] == [asked_as(route).predict(*one).raw for one in asked]
    assert [a.adapter for a in batch] == ["rods", None, "small + rods"] and len({a.seconds for a in batch}) == 1


@pytest.mark.slow
def test_marks_of_the_first_part_are_shown_before_the_second_is_asked_and_a_cancelled_answer_ends(asked_as, route: Route, smear):
    question, stop = Question(Task.BOUNDING, (RED, ROD)), threading.Event()
    asked_as(route).predict(smear, question)
    seen = []
    for part in asked_as(route).stream(smear, question, stop.is_set):
        seen.append(part)
        if asked_as(route).adapter is None and len(part.findings.marks) > 2:
            stop.set()
    assert seen and all(isinstance(part, SoFar) for part in seen) and asked_as(route).adapter is None
    assert asked_as(route).predict(smear, question).findings is not None  # the model is free again


@pytest.mark.slow
def test_two_threads_with_mixed_questions_get_the_answers_of_one(asked_as, route: Route, smear):
    expected = [asked_as(route).predict(smear, q).raw for q in QUESTIONS[:4]]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda q: asked_as(route).predict(smear, q).raw, QUESTIONS[:4] * 2))
    assert found == expected * 2


@pytest.mark.slow
def test_more_adapters_than_memory_keeps_answer_one_question(smear, tmp_path: Path):
    model = load(str(EMBEDDED_MODEL), device="cpu")
    names = [f"label {i}" for i in range(lora_loading.KEPT_ADAPTERS + 1)]
    route = Route(tuple(labelled(tmp_path / f"a{i}", name) for i, name in enumerate(names)))
    answer = LocalPredictor(lambda: model, lambda: route).predict(smear, Question(Task.COUNTING, tuple(names)))
    assert answer.adapter == " + ".join(f"a{i}" for i in range(len(names)))
    assert len(model.model.peft_config) == lora_loading.KEPT_ADAPTERS


@pytest.mark.slow
def test_an_image_is_seen_once_by_all_who_share_the_vision_tower(smear, tmp_path: Path, monkeypatch):
    model, seen = load(str(EMBEDDED_MODEL), device="cpu"), []
    real = model.pixels
    monkeypatch.setattr(model, "pixels", lambda image: seen.append(image.size) or real(image))
    language = write(tmp_path / "language")  # without a pdc.json it answers everything that nobody else does
    wanted = [Route()]
    predictor = LocalPredictor(lambda: model, lambda: wanted[0])
    predictor.predict(smear, Question(Task.COUNT_AND_BOX, (RED,)))
    before = len(seen)
    wanted[0] = Route((AdapterRef("language", str(language)),))
    predictor.predict(smear, Question(Task.COUNT_AND_BOX, (RED,)))
    assert before and len(seen) == before
    wanted[0] = Route((labelled(tmp_path / "rods", ROD),))
    predictor.predict(smear, Question(Task.COUNT_AND_BOX, (RED, ROD)))
    assert len(seen) > before  # the adapter has LoRA on the vision tower: a pass of its own


ROUTE = Route((AdapterRef("one", "/nowhere"),))  # a folder that says nothing answers everything
HALVES = tuple((AdapterRef(name), Question(Task.COUNT_AND_BOX, (name,))) for name in ("a", "b"))
SPLIT = SplitQuestion(Question(Task.COUNT_AND_BOX, ("a", "b")), HALVES, "one")


def half(label: str, findings: Findings | None) -> Answer:
    return Answer(findings, f"<{label}>", "tiny", label, "compact-1", 0.1, {label: {0: 1.0}}, max_pixels=9)


def test_what_cannot_be_read_in_one_part_is_not_none_there():
    mark = Mark("m1", Box(0, 0, 5, 5), "b", score=0.7)
    answer = SPLIT.answer([half("a", None), half("b", Findings((mark,), {"b": 1}))], 0.2)
    assert answer.findings == Findings((Mark("m1-1", Box(0, 0, 5, 5), "b", score=0.7),), {"b": 1}, complete=False)
    assert answer.raw == "a: <a>\nb: <b>" and answer.notes == ("The answer about a could not be read; ask about that alone.",)
    assert SPLIT.answer([half("a", None), half("b", None)], 0.2).findings is None


def test_a_part_that_was_cut_makes_the_whole_incomplete():
    cut = replace(half("b", Findings(complete=False)), cut=True, short_of_memory=True)
    answer = SPLIT.answer([half("a", Findings()), cut], 0.2)
    assert answer.cut and answer.short_of_memory and answer.findings is not None and not answer.findings.complete
    assert answer.counts == {"a": {0: 1.0}, "b": {0: 1.0}} and answer.max_pixels == 9


def test_a_question_of_one_part_is_passed_on_as_it_is():
    split = SplitQuestion.of(Question(Task.COUNT_AND_BOX, ("a",)), ROUTE)
    answer, part = half("a", Findings()), SoFar(Findings((), {"a": 3}))
    parts = [*stream_parts(split, lambda who, asked: (x for x in (part, answer)), lambda: False)]
    assert parts[0] is part and parts[1].raw == "<a>" and parts[1].adapter == "a"


def test_nothing_more_is_asked_once_it_is_cancelled_between_two_parts():
    asked, stop = [], threading.Event()

    def ask(who: AdapterRef, question: Question):
        asked.append(question.labels)
        yield half(question.labels[0], Findings())

    parts = []
    for part in stream_parts(SPLIT, ask, stop.is_set):
        parts.append(part)
        stop.set()
    assert asked == [("a",)] and [type(p) for p in parts] == [SoFar]
