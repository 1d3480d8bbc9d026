"""That an image does not look like those the model was trained on is said before its marks, kept, listed first, and printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from desk import ASK, FOUND, Desk, watch
from store_values import a_prediction, an_image

from pdc.cli.answer_lines import answer_row, in_words
from pdc.domain.doubt import UNLIKE, unlike, unlike_note
from pdc.domain.values import Findings
from pdc.inference.predictors.base import Answer, SoFar
from pdc.review.labels import Labels
from pdc.review.listing.entries import Order
from pdc.store import Store
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config
from pdc.web.ui.screen import status_line
from pdc.web.ui.words import in_language
from pdc.web.ui.worklist import detail

STRANGE = {"red blood cell": 0.004}
SAID = "This image does not look like those the model was trained on for red blood cell. Check everything."
ANSWER = Answer(FOUND, "[]", "scripted", None, "compact-1", 0.1, likeness=STRANGE)


def strange(image, question, cancelled):
    yield SoFar(likeness=STRANGE)
    yield SoFar(Findings(FOUND.marks[:1]), STRANGE)
    yield ANSWER


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.model.stream = strange
    yield desk
    desk.store.close()


def test_an_image_known_from_another_asked_label_is_warned_of_only_where_there_are_marks():
    mixed = {**STRANGE, "platelet": UNLIKE}
    assert unlike(mixed) == unlike(mixed, ["platelet"]) == () and unlike(mixed, ["red blood cell"]) == ("red blood cell",)
    row = answer_row("a.png", (40, 30), ASK, replace(ANSWER, likeness=mixed, findings=Findings(FOUND.marks[1:])))
    assert row["unlike"] == [] and row["likeness"] == mixed


def test_only_labels_below_the_share_are_named_and_without_any_nothing_is_said():
    assert unlike(STRANGE) == ("red blood cell",) and unlike({}) == ()
    assert unlike_note(unlike(STRANGE)) == SAID and unlike_note(()) == ""


def test_it_is_said_before_the_marks_while_they_come_and_whenever_the_image_is_opened_again(desk: Desk):
    sha = desk.image("a.png")
    draft, value, *_ = desk.choose(sha)
    lines = [line for _, line in watch(desk.tab.ask(draft, value)) if isinstance(line, str)]
    assert all(SAID in line for line in lines[1:]) and lines[-1].startswith(SAID)
    opened = desk.service.open(sha, ASK, "ada")
    assert status_line(opened).startswith(SAID) and len(opened.findings.marks) == 2
    assert in_language(status_line(opened), "de").startswith("Dieses Bild sieht nicht aus wie die, mit denen das Modell für red")


def test_nothing_is_said_of_a_label_that_is_not_asked_for_or_that_looks_as_usual(desk: Desk):
    opened = desk.service.predict(desk.service.open(desk.image("a.png"), ASK, "ada"))
    assert SAID not in status_line(replace(opened, question=replace(ASK, labels=("platelet",))))


def test_the_most_uncertain_images_begin_with_those_unlike_known_ones(desk: Desk):
    shas = {name: desk.image(name) for name in ("known.png", "strange.png", "new.png")}
    desk.service.answer(desk.store.image(shas["strange.png"]), ASK)
    unsure = Findings(tuple(replace(m, score=0.4) for m in FOUND.marks))
    desk.model.stream = lambda *_: iter([replace(ANSWER, findings=unsure, likeness=dict.fromkeys(STRANGE, 0.5))])
    desk.service.answer(desk.store.image(shas["known.png"]), ASK)
    entries = desk.listed("ada", order=Order.UNCERTAIN)
    assert [e.image.name for e in entries] == ["strange.png", "known.png", "new.png"]
    assert detail(entries[0]).startswith("unusual · ") and "unusual" not in detail(entries[1])


def test_the_numbers_follow_a_label_that_was_renamed(desk: Desk):
    image = desk.store.image(desk.image("a.png"))
    desk.service.answer(image, ASK)
    Labels(desk.store).rename("red blood cell", "erythrocyte", "ada")
    (stored,) = desk.store.predictions(image.sha256)
    assert unlike(stored.likeness) == ("erythrocyte",)


def test_predict_says_it_in_words_and_in_json():
    row = answer_row("a.png", (40, 30), ASK, ANSWER)
    assert row["unlike"] == ["red blood cell"] and row["likeness"] == STRANGE
    assert in_words(row).startswith(f"a.png: {SAID} 2 found")
    assert "look like" not in in_words(answer_row("a.png", (40, 30), ASK, replace(ANSWER, likeness={})))


def test_an_answer_from_before_it_was_kept_says_nothing(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'pdc.sqlite3'}"
    engine, config = open_engine(url, 1), _config()
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        connection.exec_driver_sql(
            "INSERT INTO images (sha256, name, width, height, group_name, created_at) VALUES (?, 'a.png', 9, 9, 'g', ?)",
            (an_image().sha256, "2026-01-01 00:00:00.000000"),
        )
        connection.exec_driver_sql(
            "INSERT INTO predictions (id, image_sha256, task, labels, findings, raw, model, prompt_version, seconds, created_at) "
            "VALUES ('p1', ?, 'counting', '[\"polyp\"]', NULL, '', 'tiny', 'compact-1', 1, ?)",
            (an_image().sha256, "2026-01-01 00:00:00.000000"),
        )
    engine.dispose()
    store = Store.open(url)
    assert store.prediction("p1").likeness == {}
    store.add_prediction(a_prediction("p2", likeness={"polyp": 1 / 3}))
    assert store.prediction("p2").likeness == {"polyp": 1 / 3}
    store.close()
