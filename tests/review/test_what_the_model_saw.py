"""What of an image's file the model saw is kept with its answer, and said; so is that there was hardly anything to see."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from alembic import command
from desk import ASK, Desk
from pictures import corners, encoded
from PIL import Image
from store_values import a_prediction, an_image

from pdc.cli.answer_lines import answer_row, in_words
from pdc.domain.values import Findings
from pdc.domain.view import View
from pdc.images.intake import accept
from pdc.inference.predictors.base import Answer
from pdc.store import Store
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config
from pdc.web.ui.screen import status_line
from pdc.web.ui.words import in_language

BEFORE = "0007"
BLACK = "This image is almost black: hardly anything can be seen in it."
SAW = "The model saw brightness 200 to 1200 of 65535."


def dim() -> bytes:
    """A bright square of 1200 on 200, of 65535, as TIFF."""
    values = np.full((60, 80), 200, np.uint16)
    values[20:40, 20:60] = 1200
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values)
    return buffer.getvalue()


def dark() -> bytes:
    return encoded(Image.fromarray(np.random.default_rng(0).integers(0, 6, (30, 40, 3), np.uint8)))


def nothing(image, question, cancelled):
    yield Answer(Findings((), dict.fromkeys(question.labels, 0)), "[]", "scripted", None, "compact-1", 0.1)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_the_model_saw_is_kept_with_its_answer_and_said(desk: Desk):
    image, notes = desk.service.add_image(dim(), "dim.tif")
    assert "Brightness 200 to 1200 of 65535 is shown as 0 to 255." in notes
    desk.service.answer(image, ASK)
    (stored,) = desk.store.predictions(image.sha256)
    assert stored.view == image.view and (stored.view.low, stored.view.high, stored.view.white) == (200, 1200, 65535)
    said = status_line(desk.service.open(image.sha256, ASK, "ada"))
    assert said.endswith(SAW) and in_language(said, "de").endswith("Das Modell sah Helligkeit 200 bis 1200 von 65535.")


def test_the_editor_is_told_the_window_only_where_there_is_more_to_show(desk: Desk):
    deep, _ = desk.service.add_image(dim(), "dim.tif")
    plain, _ = desk.service.add_image(encoded(corners()), "plain.png")
    told = desk.tab.value_of(desk.service.open(deep.sha256, ASK, "ada"))["image"]["view"]
    assert told == {"low": 200, "high": 1200, "white": 65535, "channel": 0, "channels": 1, "url": f"raw/{deep.sha256}"}
    assert "view" not in desk.tab.value_of(desk.service.open(plain.sha256, ASK, "ada"))["image"]


def test_that_an_image_is_almost_black_is_said_before_the_model_is_asked_and_before_none(desk: Desk):
    desk.model.stream = nothing
    image, notes = desk.service.add_image(dark(), "dark.png")
    assert notes == (BLACK,)
    assert status_line(desk.service.open(image.sha256, ASK, "ada")).startswith(BLACK)
    desk.service.answer(image, ASK)
    said = status_line(desk.service.open(image.sha256, ASK, "ada"))
    assert said.startswith(f"{BLACK} No red blood cell or platelet found.")
    assert in_language(said, "de").startswith("Dieses Bild ist fast schwarz: Darauf ist kaum etwas zu sehen. Nicht gefunden")


def test_an_image_from_before_views_were_kept_is_looked_at_when_the_model_is_asked(desk: Desk):
    accepted = accept(dark(), "dark.png")
    desk.service.files.put(accepted)
    old = desk.store.add_image(an_image(accepted.sha256, view=None))
    assert desk.service.answer(old, ASK).view == View(looks="black")
    assert status_line(desk.service.open(old.sha256, ASK, "ada")).startswith(BLACK)


def test_predict_says_what_the_model_saw_and_what_it_could_hardly_see():
    accepted, answer = accept(dark(), "dark.png"), next(nothing(None, ASK, None))
    row = json.loads(json.dumps(answer_row("dark.png", (40, 30), ASK, answer, accepted)))
    assert row["notes"] == [BLACK] and row["view"] == {"looks": "black"}
    assert in_words(row).startswith(f"dark.png: {BLACK} No red blood cell or platelet found")
    seen = answer_row("dim.tif", (80, 60), ASK, answer, accept(dim(), "dim.tif"))["view"]
    assert (seen["low"], seen["high"], seen["white"]) == (200, 1200, 65535)


def test_the_first_view_of_an_image_stays_and_one_without_gets_it_later():
    store = Store.open("sqlite://")
    assert store.add_image(an_image(view=None)).view is None
    first = View(1, 2, 65535)
    assert store.add_image(an_image(view=first), "ada").view == first
    assert store.add_image(an_image(view=View(3, 4))).view == first
    assert store.images()[0].view == store.images_of("ada")[0].view == store.image(an_image().sha256).view == first


def test_a_store_from_before_views_were_kept_opens_unchanged(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'pdc.sqlite3'}"
    engine, config = open_engine(url, 1), _config()
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        image, prediction = an_image(), a_prediction()
        connection.exec_driver_sql(
            "INSERT INTO images (sha256, name, width, height, group_name, created_at) VALUES (?, 'a.png', 9, 9, 'g', ?)",
            (image.sha256, "2026-01-01 00:00:00.000000"),
        )
        connection.exec_driver_sql(
            "INSERT INTO predictions (id, image_sha256, task, labels, findings, raw, model, prompt_version, seconds, created_at) "
            "VALUES (?, ?, 'counting', '[\"polyp\"]', NULL, '', 'tiny', 'compact-1', 1, ?)",
            (prediction.id, image.sha256, "2026-01-01 00:00:00.000000"),
        )
    engine.dispose()
    store = Store.open(url)
    assert store.image(image.sha256).view is None and store.prediction(prediction.id).view is None
    store.add_prediction(a_prediction("p2"))
    assert store.prediction("p2").view == a_prediction().view
