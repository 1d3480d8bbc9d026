"""What a count is worth: kept with the answer, told on every page and on the command line, and unknown of old answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from desk import ASK, FOUND, LABELS, Desk
from store_values import SHA, url_of

from pdc.cli.answer_lines import answer_row, in_words
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Findings, Prediction
from pdc.inference.predictors.base import Answer
from pdc.review.listing.entries import Order
from pdc.store import Store
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config
from pdc.web.ui.screen import editor_value, status_line
from pdc.web.ui.worklist import detail

BEFORE = "0009"  # the last migration before counts were kept
RED, PLATELET = LABELS
SURE = {RED: {0: 0.97, 1: 0.03}, PLATELET: {0: 0.98, 1: 0.02}}
UNSURE = {RED: {0: 0.7, 1: 0.3}, PLATELET: {0: 0.98, 1: 0.02}}
SEVEN = {RED: {5: 0.1, 6: 0.2, 7: 0.3, 8: 0.25, 9: 0.15}, PLATELET: {0: 1.0}}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def answered(desk: Desk, name: str, found: Findings, counts: dict) -> Prediction:
    """An image whose stored answer is this."""
    image = desk.store.image(desk.image(name))
    first = desk.service.answer(image, ASK)
    desk.store.add_prediction(replace(first, id=f"{name} said", findings=found, counts=counts))
    return desk.store.prediction(f"{name} said")


def test_what_an_answer_said_of_its_counts_is_stored_with_it_under_the_labels_names_of_today(desk: Desk):
    desk.model.predict = lambda image, question: Answer(FOUND, "[]", "scripted", None, "compact-1", 0.1, SEVEN)  # type: ignore
    stored = desk.service.answer(desk.store.image(desk.image("a.png")), ASK)
    assert desk.store.prediction(stored.id).counts == SEVEN
    desk.store.change_label(PLATELET, LabelChange.RENAMED, "thrombocyte", by="ada")
    assert desk.store.prediction(stored.id).counts == {RED: SEVEN[RED], "thrombocyte": {0: 1.0}}


def test_of_an_answer_from_before_it_is_unknown(tmp_path: Path):
    engine = open_engine(url_of(tmp_path))
    with migrating(engine) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        connection.execute(sa.text(f"INSERT INTO images VALUES (1, '{SHA}', 'a.png', 9, 9, 'g', '2026-01-01 00:00:00')"))
        said = (
            "p1",
            SHA,
            "bounding",
            '["polyp"]',
            '{"marks":[],"stated":{}}',
            "[]",
            "tiny",
            "compact-1",
            1.0,
            "2026-01-01 00:00:00",
        )
        names = "id, image_sha256, task, labels, findings, raw, model, prompt_version, seconds, created_at"
        connection.exec_driver_sql(f"INSERT INTO predictions ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", said)
    engine.dispose()
    opened = Store.open(url_of(tmp_path))
    assert opened.prediction("p1").counts == {}
    digest = opened.prediction_digests(["p1"])["p1"]
    assert (digest.total, digest.none, digest.doubt) == (0, None, None)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (SURE, "No red blood cell or platelet found. The model is 95 % sure of that. Answered by "),
        (UNSURE, "No red blood cell or platelet found. The model is not sure of that (69 %). Answered by "),
        ({}, "No red blood cell or platelet found. Answered by "),
        ({RED: SURE[RED]}, "No red blood cell or platelet found. Answered by "),
    ],
)
def test_the_status_line_says_how_sure_a_none_is_where_that_is_known(desk: Desk, counts: dict, said: str):
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    answer = answered(desk, "a.png", Findings(), counts)
    assert status_line(replace(draft, prediction=answer)).startswith(said)


def test_the_editor_is_told_of_all_labels_and_of_each_what_the_models_count_is_worth(desk: Desk):
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    none = {"said": 0, "low": 0, "high": 0, "percent": 95, "sure": True}
    value = editor_value(replace(draft, prediction=answered(desk, "a.png", Findings(), SURE)))
    assert value["worth"]["all"] == none and value["worth"]["labels"][RED] == {**none, "percent": 97}
    ranged = editor_value(replace(draft, prediction=answered(desk, "b.png", FOUND, SEVEN)))["worth"]["labels"][RED]
    assert (ranged["said"], ranged["low"], ranged["high"], ranged["sure"]) == (1, 1, 9, False)
    part = editor_value(replace(draft, prediction=answered(desk, "c.png", FOUND, {RED: {1: 1.0}})))["worth"]
    assert part["all"] is None and list(part["labels"]) == [RED]
    old = answered(desk, "d.png", FOUND, {})
    assert [editor_value(replace(draft, prediction=p))["worth"] for p in (old, None, replace(old, counts=SURE, cut=True))] == [
        None
    ] * 3


def test_an_unsure_none_comes_before_a_sure_one_in_the_list_and_both_say_so(desk: Desk):
    answered(desk, "sure.png", Findings(), SURE)
    answered(desk, "unsure.png", Findings(), UNSURE)
    listed = desk.listed("ada", order=Order.UNCERTAIN)
    assert [(e.image.name, detail(e)) for e in listed] == [
        ("unsure.png", "unsure, 69 % · 0 (red blood cell, platelet) · 0.3?"),
        ("sure.png", "95 % sure · 0 (red blood cell, platelet) · 0.1?"),
    ]


def test_predict_says_how_sure_a_count_is_in_words_and_in_its_lines():
    def row(found: Findings, counts: dict, **more) -> dict:
        return answer_row("a.png", (9, 9), ASK, Answer(found, "", "tiny", None, "compact-1", 0.1, counts, **more))

    assert in_words(row(Findings(), SURE)).startswith("a.png: No red blood cell or platelet found (95 % sure) (")
    assert in_words(row(Findings(), UNSURE)).startswith("a.png: No red blood cell or platelet found (unsure, 69 %) (")
    assert in_words(row(Findings(), {})).startswith("a.png: No red blood cell or platelet found (0.1 s")
    assert in_words(row(FOUND, {RED: SEVEN[RED], PLATELET: {1: 1.0}})).startswith("a.png: 2 found (2 to 10) (")
    sent = json.loads(json.dumps(row(Findings(), SURE)))
    assert sent["worth"] == {"chance": 0.9506, "low": 0, "high": 0} and sent["count_chances"][RED] == {"0": 0.97, "1": 0.03}
    assert row(FOUND, SEVEN, cut=True)["worth"] is None
