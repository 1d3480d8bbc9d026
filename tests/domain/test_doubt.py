"""Marks below their label's threshold: shown, not counted, not stored as found, until somebody says that they are right."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk import ASK, Desk, a_mark
from places import Place

from pdc.cli.answer_lines import answer_row, in_words
from pdc.domain.doubt import believable, with_doubts
from pdc.domain.errors import BadModel
from pdc.domain.merge import merge
from pdc.domain.values import Box, Findings, Mark, Origin, Prediction, Question, Status, Task, Verdict
from pdc.formats.exporting import export
from pdc.inference.adapter_folder import thresholds_of
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.zoom import merge_marks
from pdc.inference.qwen import load
from pdc.review.blind_reading import beside, second_look
from pdc.review.calibration import scored_marks
from pdc.review.drafts import verdict_of
from pdc.settings import EMBEDDED_MODEL
from pdc.training.dataset_export import export_training_set

THRESHOLDS = {"platelet": 0.3}
SAID = Findings(
    (
        replace(a_mark("m1", 0, origin=Origin.MODEL), score=0.29),
        replace(a_mark("m2", 14, origin=Origin.MODEL), score=0.3),
        replace(a_mark("m3", 28, "red blood cell", origin=Origin.MODEL), score=0.05),
        replace(a_mark("h1", 50), score=0.1),
        a_mark("m4", 70, origin=Origin.MODEL),
    ),
    {"platelet": 4, "red blood cell": 1},
)
UNSURE = Findings((Mark("m1", Box(2, 2, 12, 12), "platelet", status=Status.DOUBTFUL, score=0.2),), {"platelet": 0})


def judged(status: Status, **changes) -> Findings:
    return replace(UNSURE, marks=(replace(UNSURE.marks[0], status=status, **changes),))


def said(findings: Findings) -> Answer:
    return Answer(findings, "[]", "scripted", None, "compact-1", 0.1, thresholds=THRESHOLDS)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.model.stream = lambda image, question, cancelled: iter([desk.model.predict(image, question)])
    desk.model.predict = lambda image, question: said(UNSURE)
    yield desk
    desk.store.close()


def test_only_the_models_own_marks_below_their_labels_threshold_are_doubtful_and_the_stated_count_leaves_them_out():
    told = with_doubts(SAID, THRESHOLDS)
    assert [m.id for m in told.marks if m.status is Status.DOUBTFUL] == ["m1"]
    assert told.counts(Task.COUNT_AND_BOX) == {"platelet": 3, "red blood cell": 1}
    assert told.stated == {"platelet": 3, "red blood cell": 1}
    assert with_doubts(SAID, {}) == SAID and with_doubts(told, THRESHOLDS).marks == told.marks


def test_an_answer_and_a_second_look_bring_doubtful_marks_along():
    own = Findings((a_mark("h1", 60), replace(UNSURE.marks[0], id="old")))
    assert [(m.id, m.status) for m in beside(own, UNSURE, Task.COUNT_AND_BOX).marks] == [
        ("h1", Status.OPEN),
        ("m1", Status.DOUBTFUL),
    ]
    seen = second_look(Findings((a_mark("h1", 60),)), UNSURE, Task.COUNT_AND_BOX)
    assert [(m.id, m.status) for m in seen.marks] == [("h1", Status.OPEN), ("model-m1", Status.DOUBTFUL)]
    assert second_look(seen, UNSURE, Task.COUNT_AND_BOX) == seen
    drawn_there = Findings((Mark("h1", Box(2, 2, 12, 12), "platelet", Origin.HUMAN),))
    assert beside(drawn_there, UNSURE, Task.COUNT_AND_BOX).marks == drawn_there.marks


def test_a_closer_look_that_is_sure_makes_a_doubtful_mark_count():
    sure = replace(UNSURE.marks[0], id="x", status=Status.OPEN, score=0.8)
    assert merge_marks(UNSURE.marks, [sure], (40, 30)) == (replace(sure, id="m1"),)


def test_a_doubtful_mark_left_alone_is_saved_but_neither_counted_nor_exported_nor_trained_on(desk: Desk, tmp_path: Path):
    draft = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    assert draft.findings == UNSURE and draft.prediction.findings.marks[0].score == 0.2
    _, review = desk.service.save(draft)
    assert review.verdict is Verdict.ACCEPTED and review.findings.count(ASK.task) == 0
    assert desk.store.current_review(review.image_sha256, ASK).findings.marks[0].status is Status.DOUBTFUL
    export(desk.store, desk.service.files, tmp_path / "coco", "coco")
    assert json.loads((tmp_path / "coco" / "coco.json").read_text())["annotations"] == []
    desk.service.save(replace(desk.service.open(desk.image("b.png"), ASK, "ada"), findings=UNSURE))
    export_training_set(desk.store, desk.service.files, tmp_path / "run")
    texts = [(tmp_path / "run" / f"{name}.jsonl").read_text() for name in ("train", "held_out")]
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    assert [(row["marks"], row["counts"]["platelet"]) for row in rows] == [([], 0)] * 2


def test_the_list_counts_without_doubtful_marks_and_an_image_with_one_is_uncertain(desk: Desk):
    desk.service.answer(desk.store.image(desk.image("a.png")), ASK)
    (entry,) = desk.listed("ada")
    assert entry.model.total == 0 and entry.model.doubt == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (UNSURE, Verdict.ACCEPTED),
        (judged(Status.REJECTED), Verdict.ACCEPTED),
        (judged(Status.ACCEPTED), Verdict.CORRECTED),
        (judged(Status.OPEN, origin=Origin.EDITED), Verdict.CORRECTED),
    ],
    ids=["left alone", "rejected", "accepted", "moved"],
)
def test_only_a_doubtful_mark_that_was_taken_on_corrects_the_answer(desk: Desk, after: Findings, verdict: Verdict):
    draft = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    assert verdict_of(replace(draft, findings=after)) is verdict


def test_scores_learn_from_doubtful_marks_that_were_judged_and_from_no_others(desk: Desk):
    draft = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    _, review = desk.service.save(draft)
    pairs = [(draft.prediction, replace(review, findings=f)) for f in (UNSURE, judged(Status.ACCEPTED), judged(Status.REJECTED))]
    assert list(scored_marks(pairs).values()) == [[(0.2, True), (0.2, False)]]


def test_a_merge_keeps_what_either_reader_said_of_a_doubtful_mark():
    for status in (Status.ACCEPTED, Status.REJECTED):
        assert merge(UNSURE, UNSURE, judged(status)).findings.marks == judged(status).marks
        assert merge(UNSURE, judged(status), UNSURE).findings.marks == judged(status).marks
    theirs = Findings((a_mark("h1", 2.5),))
    mine = Findings((replace(a_mark("m1", 2, origin=Origin.MODEL), status=Status.DOUBTFUL),))
    assert merge(Findings(), mine, theirs).findings.marks == theirs.marks


def test_an_answer_in_words_and_in_json_says_what_is_doubtful():
    row = answer_row("a.png", (40, 30), ASK, said(UNSURE))
    assert row["count"] == 0 and row["marks"][0]["doubtful"] and row["thresholds"] == THRESHOLDS
    assert "(1 doubtful mark below 0.30)" in in_words(row)
    two = replace(UNSURE, marks=(*UNSURE.marks, replace(UNSURE.marks[0], id="m2")))
    assert "(2 doubtful marks below 0.30)" in in_words(answer_row("a.png", (40, 30), ASK, said(two)))
    assert "doubtful" not in in_words(answer_row("a.png", (40, 30), ASK, said(judged(Status.OPEN))))


def test_a_review_with_a_doubtful_mark_comes_back_as_it_was_stored(tmp_path: Path):
    place = Place(tmp_path)
    image = place.image("a.png")
    place.store.add_prediction(
        Prediction("p", image.sha256, ASK, UNSURE, "[]", "tiny", None, "compact-1", 0.1, datetime.now(UTC))
    )
    assert place.store.prediction("p").findings == UNSURE
    assert place.review(image, ASK, UNSURE).findings == UNSURE
    place.store.close()


# The model's own thresholds


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Path:
    """The embedded model with a threshold that few of its cells reach."""
    folder = tmp_path_factory.mktemp("strict") / "pdc-tiny"
    shutil.copytree(EMBEDDED_MODEL, folder)
    described = json.loads((folder / "pdc.json").read_text())
    (folder / "pdc.json").write_text(json.dumps({**described, "thresholds": {"red blood cell": 0.8}}))
    return folder


@pytest.mark.slow
def test_the_models_folder_says_what_is_doubtful_and_every_task_counts_the_same(strict: Path, smears):
    wanted = AdapterRef()
    predictor = LocalPredictor(lambda: load(str(strict)), lambda: wanted)
    answers = {t: predictor.predict(smears[0][0], Question(t, ("red blood cell",))).findings for t in Task}
    marks = answers[Task.COUNT_AND_BOX].marks
    assert all((m.status is Status.DOUBTFUL) == (m.score < 0.8) for m in marks)
    assert 0 < sum(m.counts for m in marks) < len(marks)
    assert len({f.count(task) for task, f in answers.items()}) == 1
    shown = list(predictor.stream(smears[0][0], Question(Task.BOUNDING, ("red blood cell",))))[:-1]
    assert shown and all((m.status is Status.DOUBTFUL) == (m.score < 0.8) for part in shown for m in part.findings.marks)
    adapter = next((strict / "adapters").iterdir())
    wanted = AdapterRef(adapter.name, str(adapter))
    rods = predictor.predict(smears[0][0], Question(Task.BOUNDING, ("bacterium", "red blood cell")))
    assert rods.adapter == adapter.name and rods.thresholds == {"red blood cell": 0.8}  # the base answers about them
    assert all(m.counts for m in rods.findings.marks if m.label == "bacterium")


def test_the_shipped_model_has_a_threshold_for_polyps():
    assert 0.1 <= thresholds_of(EMBEDDED_MODEL)["polyp"] <= 0.4


def test_a_folder_without_thresholds_has_none_and_a_damaged_one_is_refused(tmp_path: Path):
    assert thresholds_of(tmp_path) == {} and thresholds_of("Qwen/Qwen2.5-VL-7B-Instruct") == {}
    (tmp_path / "pdc.json").write_text('{"thresholds": {"polyp": "much"}}')
    with pytest.raises(BadModel, match="threshold"):
        thresholds_of(tmp_path)


def test_what_a_count_is_worth_is_not_believed_of_an_image_unlike_all_that_the_model_knows():
    chances = {"polyp": {0: 0.99, 1: 0.01}, "nucleus": {0: 0.9, 1: 0.1}}
    assert believable(chances, {"polyp": 0.001, "nucleus": 0.002}) == {}
    assert believable(chances, {"polyp": 0.001}) == {"nucleus": chances["nucleus"]}
    assert believable(chances, {"polyp": 0.4, "nucleus": 0.001}) == chances  # a polyp frame surely shows no nuclei
    assert believable(chances, {}) == chances
