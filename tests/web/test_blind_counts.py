"""The second replicate of a count is read blind: whichever way its reader looks, nothing of the model or of others is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk import drawn, who
from house import Browser, House, living
from store_values import a_prediction
from test_blind_to_each_other import look_everywhere, row_of
from test_count_tab import Bench, said

from pdc.domain.values import Box, Findings, Mark, Question, Review, Task, Verdict
from pdc.review.counting.sessions import CountSessions

ASK = Question(Task.COUNT_AND_BOX, ("sperm",))
OWN = 3.98765  # where anna's marks are


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, living(tmp_path_factory.mktemp("counts")) as house:
        patch.delenv("SPACE_ID", raising=False)
        yield house


def others(sha: str) -> float:
    """Where carl's mark in this image is: whoever is sent it was shown his work."""
    return round(20 + (int(sha[:6], 16) % 9000 + 500) / 10_000, 4)


def model(sha: str) -> float:
    """Where the model's mark is."""
    return round(others(sha) - 10.00003, 5)


def at(x: float) -> Findings:
    return Findings((Mark("m1", Box(x, 2, x + 9, 12), "sperm", score=0.9),), {"sperm": 1})


def begun(house: House, reader: Browser, colours: tuple[str, str], tmp_path: Path) -> list[str]:
    """A count of two replicates, a picture each, that the model has answered and somebody else has reviewed."""
    shas = [reader.upload(f"{colour}.png", colour) for colour in colours]
    for sha in shas:
        by = {"model": "pdc-tiny", "adapter": None}
        answer = a_prediction(f"of {sha}", image_sha256=sha, question=ASK, findings=at(model(sha)), view=None, cut=False, **by)
        house.store.add_prediction(answer)
        review = Review(f"by carl {sha}", sha, ASK, answer.id, Verdict.CORRECTED, at(others(sha)), "carl", 1, datetime.now(UTC))
        house.store.save_review(review, key=sha, base_revision=0)
    CountSessions(house.store, tmp_path).start("sperm-concentration", "S", [[sha] for sha in shas], "named", reader="anna")
    return shas


def test_nothing_of_a_second_replicate_is_sent_before_its_reader_has_saved(house: House, tmp_path: Path):
    anna = house.reader("anna")
    first, second = begun(house, anna, ("red", "blue"), tmp_path)
    anna.seen.clear()
    assert row_of(anna, second)[2] == "new"
    look_everywhere(anna, second)
    anna.send("GET", f"/api/similar/{first}?task=count_and_box&label=sperm")
    said = "".join(anna.seen)
    assert str(others(first)) in said and str(model(second)) not in said and str(others(second)) not in said
    value = anna.open(second, "sperm")
    assert value["marks"] == [] and "Saved, revision 2" in anna.save(value, {**drawn(label="sperm"), "box": [OWN, 1, 20, 9]})
    assert str(OWN) in json.dumps(anna.open(second, "sperm"))
    (mine,) = [r for r in house.store.reviews(second) if r.author == "anna"]
    assert mine.blind and len(mine.findings.marks) == 1


def test_who_saved_meanwhile_is_not_shown_in_a_conflict(house: House, tmp_path: Path):
    anna, carl = house.reader("anna"), house.reader("carl")
    _, second = begun(house, anna, ("green", "yellow"), tmp_path)
    value, theirs = anna.open(second, "sperm"), carl.open(second, "sperm")
    assert value["marks"] == theirs["marks"] == []
    assert "Saved, revision 2" in carl.save(theirs, {**drawn(label="sperm"), "box": [others(second), 1, 30, 9]})
    assert "Saved, revision 3" in anna.save(value, {**drawn(label="sperm"), "box": [OWN, 1, 20, 9]})


def test_once_the_count_is_closed_its_pictures_are_as_any_other(house: House, tmp_path: Path):
    anna = house.reader("anna")
    _, second = begun(house, anna, ("black", "white"), tmp_path)
    counts = CountSessions(house.store, tmp_path)
    counts.close(counts.sessions()[0].id, "anna")
    assert str(others(second)) in json.dumps(anna.open(second, "sperm"))


def test_the_count_page_tells_another_reader_no_number_of_the_first_replicate(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.begin()
    for n, sha in zip((35, 36, 37), bench.sides["a"], strict=True):
        bench.read(sha, n)
    own, others = (said(bench.tab.show(bench.value, who(name))["page"]) for name in ("ada", "bob"))
    bench.desk.store.close()
    assert "108" in own and "35" in own and "is kept from you" not in own
    assert "What the first replicate counted is kept from you" in others and "Read the next field" in others
    assert "108" not in others and "35" not in others
