"""An answer cut by its longest length keeps what was complete, and is told from a whole one wherever it goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from desk import ASK as DESK
from desk import FOUND, Desk
from store_values import an_image

from pdc.cli.answer_lines import answer_row, in_words
from pdc.domain.prompts import COMPACT, PAPER, STYLES, answer
from pdc.domain.values import Box, Findings, Mark, Prediction, Question, Task, Verdict
from pdc.inference.frame import Frame
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.tiled import TileAnswer, TiledQuestion
from pdc.inference.predictors.tiling import Tile
from pdc.inference.types import Decoded
from pdc.review.drafts import Draft, verdict_of
from pdc.settings import EMBEDDED_MODEL
from pdc.web.ui.screen import status_line

WH = (640, 480)
WHOLE = Box(0, 0, *WH)
ASK = Question(Task.COUNT_AND_BOX, ("polyp", "instrument"))
MARKED = Findings(
    tuple(Mark(f"m{i}", Box(7 * i, 9 * i, 7 * i + 30, 9 * i + 30), "polyp" if i < 7 else "instrument") for i in range(1, 12)),
    {"polyp": 6, "instrument": 5},
)


def told(question: Question, text: str, style: str, finished: bool) -> Answer:
    """What becomes of that text, in an image that the model sees as it is."""
    look = TileAnswer(Tile(WHOLE, WHOLE), Frame(WH, WH), Decoded(text, (), finished))
    return TiledQuestion(question, question, "model", None, style).answer([look], 1.0)


def shapes(found: Findings | None) -> list[tuple[str, object]]:
    return [(m.label, m.shape) for m in found.marks] if found else []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", [t for t in Task if t.has_marks])
def test_wherever_an_answer_is_cut_its_complete_marks_stay_and_nothing_else(task: Task, style: str):
    question = replace(ASK, task=task)
    text = answer(question, MARKED, style)
    whole = told(question, text, style, finished=True)
    assert not whole.cut and len(whole.findings.marks) == 11
    kept = []
    for end in range(len(text)):
        part = told(question, text[:end], style, finished=False)
        assert part.findings is None or (part.cut and not part.findings.complete)
        found = shapes(part.findings)
        assert found == shapes(whole.findings)[: len(found)] and part.counts == {}
        assert all(n == whole.findings.stated[label] for label, n in (part.findings.stated if part.findings else {}).items())
        kept.append(len(found))
    assert kept == sorted(kept) and kept[-1] == 11 and not told(question, text, style, finished=False).cut


@pytest.mark.parametrize(("style", "n"), [(PAPER, 93), (PAPER, 150), (COMPACT, 191), (COMPACT, 300)])
def test_more_boxes_than_an_answer_has_room_for_are_kept_as_far_as_it_came(style: str, n: int):
    places = [(30 * (i % 20), 30 * (i // 20)) for i in range(n)]
    many = Findings(tuple(Mark(f"m{x}-{y}", Box(x, y, x + 20, y + 20), "polyp") for x, y in places))
    question = Question(Task.BOUNDING, ("polyp",))
    text = answer(question, many, style)
    cut = told(question, text[: int(0.9 * len(text))], style, finished=False)
    assert cut.cut and 0.85 * n < len(cut.findings.marks) < n
    assert shapes(cut.findings) == shapes(many)[: len(cut.findings.marks)]


@pytest.mark.parametrize("style", STYLES)
def test_an_answer_cut_before_anything_was_said_is_not_none(style: str):
    for task in Task:
        question = replace(ASK, task=task)
        text = answer(question, MARKED, style)
        assert told(question, text[:12], style, finished=False).findings is None
        assert told(question, "", style, finished=False).findings is None


def test_what_was_not_cut_and_does_not_follow_the_schema_stays_unreadable():
    text = answer(ASK, MARKED, COMPACT)
    assert told(ASK, text[:-1], COMPACT, finished=True).findings is None


def test_a_count_made_of_a_cut_list_leaves_out_what_the_list_did_not_come_to():
    put, counting = ASK, replace(ASK, task=Task.COUNTING)
    text = answer(put, MARKED, COMPACT)
    look = TileAnswer(Tile(WHOLE, WHOLE), Frame(WH, WH), Decoded(text[: text.index("instrument")], (), False))
    found = TiledQuestion(counting, put, "model", None, COMPACT).answer([look], 1.0)
    assert found.cut and found.findings.stated == {"polyp": 6}


def test_one_cut_tile_makes_the_whole_answer_a_cut_one():
    text, left, right = answer(ASK, MARKED, COMPACT), Box(0, 0, 320, 480), Box(320, 0, 640, 480)
    decoded = Decoded(text, (), True), Decoded(text[:60], (), False)
    looks = [TileAnswer(Tile(b, b), Frame((320, 480), (320, 480)), d) for b, d in zip((left, right), decoded, strict=True)]
    found = TiledQuestion(ASK, ASK, "model", None, COMPACT).answer(looks, 1.0)
    assert found.cut and {m.shape.x1 >= 320 for m in found.findings.marks} == {True, False}


@pytest.fixture(scope="module")
def short() -> LocalPredictor:
    """The embedded model with too little room for its answers."""
    from pdc.inference.qwen import load

    return LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), limit=30)


@pytest.mark.slow
def test_the_model_in_this_process_says_what_it_had_said_when_it_was_cut(short: LocalPredictor, embedded, smears):
    question = Question(Task.COUNT_AND_BOX, ("red blood cell",))
    image = smears[2][0].crop((0, 0, 320, 240))
    whole = LocalPredictor(short._load).predict(image, question)
    cut = short.predict(image, question)
    assert cut.cut and not whole.cut and whole.raw.startswith(cut.raw)
    assert 0 < len(cut.findings.marks) < len(whole.findings.marks)
    assert shapes(cut.findings) == shapes(whole.findings)[: len(cut.findings.marks)] and cut.findings.marks[0].score
    *parts, last = short.stream(image, question)
    assert replace(last, seconds=0) == replace(cut, seconds=0) and all(isinstance(p, SoFar) for p in parts)


def a_draft(findings: Findings | None, *, cut: bool, question: Question = ASK) -> Draft:
    asked = Prediction("p", "s", question, findings, "[", "model", None, COMPACT, 1.0, datetime.now(UTC), cut)
    return Draft(an_image(), question, "ada", findings or Findings(), asked, 0, "key")


def test_a_cut_answer_left_as_it_is_was_not_accepted():
    assert verdict_of(a_draft(MARKED, cut=False)) is Verdict.ACCEPTED
    assert verdict_of(a_draft(MARKED, cut=True)) is Verdict.CORRECTED
    counted = replace(ASK, task=Task.COUNTING)
    stated = Findings((), {"polyp": 6})
    assert verdict_of(a_draft(stated, cut=False, question=counted)) is Verdict.ACCEPTED
    assert verdict_of(a_draft(stated, cut=True, question=counted)) is Verdict.CORRECTED


def test_a_review_of_a_cut_answer_does_not_say_that_it_is_all(tmp_path, monkeypatch: pytest.MonkeyPatch):
    desk = Desk(tmp_path)
    cut = Answer(replace(FOUND, complete=False), "[", "scripted", None, COMPACT, 0.1, cut=True, max_pixels=5)
    for said, complete in ((cut, False), (replace(cut, findings=FOUND, cut=False), True)):
        monkeypatch.setattr(desk.model, "predict", lambda image, question, said=said: said)
        draft = desk.service.predict(desk.service.open(desk.image(f"{complete}.png"), DESK, "ada"))
        saved, review = desk.service.save(draft)
        assert (review.complete, review.verdict is Verdict.ACCEPTED) == (complete, complete)
        kept = desk.store.prediction(review.prediction_id)
        assert (kept.cut, kept.max_pixels) == (not complete, 5) and (
            "cut off after 2 marks" in status_line(saved)
        ) is not complete


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (MARKED, "The answer was cut off after 11 marks; what comes after is not known."),
        (Findings(MARKED.marks[:1]), "The answer was cut off after one mark; what comes after is not known."),
        (Findings((), {"polyp": 0}), "The answer was cut off; what comes after is not known"),
    ],
)
def test_the_status_line_says_that_an_answer_was_cut_and_never_none(found: Findings, said: str):
    line = status_line(a_draft(found, cut=True))
    assert said in line and "No polyp" not in line
    assert "cut off" not in status_line(a_draft(found, cut=False))


def test_predict_says_that_an_answer_was_cut():
    cut = Answer(MARKED, "[", "model", None, COMPACT, 1.0, cut=True)
    row = answer_row("a.png", WH, ASK, cut)
    assert row["cut"] is True and "11 found before the answer was cut off" in in_words(row)
    assert answer_row("a.png", WH, ASK, replace(cut, cut=False))["cut"] is False
