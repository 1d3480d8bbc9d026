"""Readers of one image see nothing of each other, whichever way they look: list, picture, history, counts, export, study."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from zipfile import ZipFile

import pytest
from desk import drawn
from house import Browser, House, bar_of, living
from store_values import a_prediction

from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.review.reading.reads import Reads

ASK = Question(Task.COUNT_AND_BOX, ("platelet",))
BY = {"model": "pdc-tiny", "adapter": None}  # who would answer here


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, living(tmp_path_factory.mktemp("house")) as house:
        patch.delenv("SPACE_ID", raising=False)
        yield house


def secret(sha: str) -> float:
    """Where anna's mark in this image is: whoever is sent it was shown her work."""
    return round(20 + (int(sha[:6], 16) % 9000 + 500) / 10_000, 4)


def model(sha: str) -> float:
    """Where the model's mark is."""
    return round(secret(sha) - 10.00003, 5)


def given(house: House, colour: str, *, shows_model: bool = True) -> tuple[str, Browser, Browser, Browser]:
    """An image that anna and bert read, and carl does not; with an answer of the model."""
    readers = tuple(house.reader(name) for name in ("anna", "bert", "carl"))
    sha = readers[2].upload(f"{colour}.png", colour)
    found = Findings((Mark("m1", Box(model(sha), 2, 30, 12), "platelet", score=0.9),), {"platelet": 1})
    house.store.add_prediction(
        a_prediction(f"of {colour}", image_sha256=sha, question=ASK, findings=found, view=None, cut=False, **BY)
    )
    Reads(house.store).assign([sha], ASK, ["anna", "bert"], "carl", shows_model=shows_model)
    return sha, *readers


def anna_reads(anna: Browser, sha: str) -> None:
    value = anna.open(sha)
    assert bar_of(value)["labels"] == ["platelet"]
    assert "Saved, revision 1" in anna.save({**value, "marks": []}, {**drawn(), "box": [secret(sha), 1, 31, 9]})


def row_of(browser: Browser, sha: str, query: str = "") -> list[str]:
    return next(r for r in browser.send("GET", f"/api/worklist{query}").json()["rows"] if r[0] == sha)


def look_everywhere(browser: Browser, sha: str) -> None:
    """Open the image every way there is, then go through every page."""
    value = browser.open(sha)
    for label in ("platelet", "nucleus"):
        for task in ("count_and_box", "pointing", "counting"):
            browser.run("change_question", {"task": task, "labels": [label]}, None, value)
    browser.open(sha)
    for move in ("next", "previous"):
        browser.run(move, None, None, {})
    browser.open(sha)
    browser.run("history_tab.show", None)
    browser.run("labels_tab.show")
    browser.run("counting.tab.show", {})
    for path in ("/api/worklist", "/api/worklist?order=disagreement", "/api/data/counts", "/api/data/counts.csv"):
        browser.send("GET", path)
    for format in ("coco", "csv"):
        browser.send("GET", f"/api/data/report/{format}")
        answer = browser.send("GET", f"/api/data/export/{format}.zip")
        if answer.status_code == 200 and "zip" in answer.headers["content-type"]:
            browser.seen += [ZipFile(io.BytesIO(answer.content)).read(n).decode("latin-1") for n in _texts(answer.content)]


def _texts(data: bytes) -> list[str]:
    return [n for n in ZipFile(io.BytesIO(data)).namelist() if not n.endswith(".png")]


def test_a_reader_sees_nothing_of_what_another_read_before_or_after_reading_it_too(house: House):
    sha, anna, bert, _ = given(house, "red")
    anna_reads(anna, sha)
    bert.seen.clear()
    assert row_of(bert, sha)[2:] == ["predicted", row_of(bert, sha)[3], "bert", False]
    look_everywhere(bert, sha)
    value = bert.open(sha)
    assert [m["box"][0] for m in value["marks"]] == [model(sha)]
    assert "Saved, revision 1" in bert.save(value)
    look_everywhere(bert, sha)
    said = "".join(bert.seen)
    assert str(secret(sha)) not in said and str(model(sha)) in said


def test_what_the_model_found_is_hidden_where_the_assignment_says_so(house: House):
    sha, anna, bert, _ = given(house, "blue", shows_model=False)
    anna_reads(anna, sha)
    bert.seen.clear()
    assert row_of(bert, sha)[2] == "new" and bert.open(sha)["marks"] == []
    assert "kept from you" in bert.run("choose", {"chosen": {"sha256": sha}}, None)[4]
    look_everywhere(bert, sha)
    assert "Saved, revision 1" in bert.save(bert.open(sha), drawn())
    look_everywhere(bert, sha)
    assert len(bert.open(sha)["marks"]) == 1
    said = "".join(bert.seen)
    assert str(secret(sha)) not in said and str(model(sha)) not in said


def test_a_reader_cannot_publish_what_they_mark_under_another_question(house: House):
    sha, anna, _, _ = given(house, "green")
    value = anna.open(sha, "nucleus")
    assert "You read this image beside others, for platelet as" in anna.save(value, drawn(label="nucleus"))
    assert house.store.reviews(sha) == []


def test_what_was_open_before_the_image_was_given_out_is_not_taken_for_a_read(house: House):
    anna, carl = house.reader("anna"), house.reader("carl")
    sha = carl.upload("yellow.png", "yellow")
    carl.save(carl.open(sha, "platelet"), {**drawn(), "box": [secret(sha), 1, 31, 9]})
    value = anna.open(sha)
    assert value["marks"][0]["box"][0] == secret(sha)
    Reads(house.store).assign([sha], ASK, ["anna", "bert"], "carl")
    assert "given to you to read on your own" in anna.save(value)
    assert anna.open(sha)["marks"] == [] and house.store.reads(sha, ASK) == {}


def test_one_who_reads_none_of_it_makes_the_consensus_and_that_alone_is_counted_and_exported(house: House):
    sha, anna, bert, carl = given(house, "white")
    anna_reads(anna, sha)
    assert row_of(carl, sha)[2:4] == ["being read", "1 of 2 read"] and exported(carl, sha) == 0
    assert "only the consensus" in carl.save(carl.open(sha))
    bert.save({**bert.open(sha), "marks": []}, {**drawn(), "box": [secret(sha), 1, 31, 9]}, drawn("h2"))
    assert row_of(carl, sha)[2:4] == ["to adjudicate", "2 of 2 read"] and exported(carl, sha) == 0
    value = carl.open(sha)
    assert sorted((m["box"][0], m["status"]) for m in value["marks"]) == [(1.0, "doubtful"), (secret(sha), "open")]
    assert "tied about 1 objects" in carl.save(value)
    decided = [{**m, "status": "rejected"} if m["status"] == "doubtful" else m for m in value["marks"]]
    assert "Saved, revision 1" in carl.save({**value, "marks": decided})
    (made,) = house.store.reviews(sha)
    assert len(made.rests_on) == 2 and exported(carl, sha) == 1 and row_of(carl, sha)[2] == "done"
    carl.open(sha)
    history = json.dumps(carl.run("history_tab.show", None))
    assert "anna asked to read it by carl" in history and "Consensus, revision 1" in history and "Read, revision 1" in history
    anna.open(sha)
    history = json.dumps(anna.run("history_tab.show", None))
    assert "Consensus, revision 1" in history and "Read, revision 1" not in history and "asked to read it" not in history
    assert str(secret(sha)) in json.dumps(anna.open(sha)) and "only the consensus" in anna.save(anna.open(sha), drawn("h3"))


def exported(browser: Browser, sha: str) -> int:
    """How many rows of the table of counts are about the image."""
    return sum(row["sha256"] == sha for row in browser.send("GET", "/api/data/counts").json()["rows"])


def test_an_image_given_again_looks_like_one_never_read(house: House):
    sha, anna, bert, carl = given(house, "purple")
    anna_reads(anna, sha)
    bert.save(bert.open(sha))
    carl.save(carl.open(sha))
    Reads(house.store).repeat([sha], ASK, "carl")
    anna.seen.clear()
    assert row_of(anna, sha)[2] == "predicted" and row_of(anna, sha, "?stage=my+reads")
    look_everywhere(anna, sha)
    assert [m["box"][0] for m in anna.open(sha)["marks"]] == [model(sha)]
    assert str(secret(sha)) not in "".join(anna.seen)
    assert "Saved, revision 1" in anna.save(anna.open(sha))
    assert [r.turn for r in house.store.all_reads(sha) if r.review.author == "anna"] == [1, 2]
