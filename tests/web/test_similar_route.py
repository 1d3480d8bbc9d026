"""Similar cases over HTTP: what was said about the likest images, to whoever may see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from desk import drawn
from house import Browser, House, living

from pdc.review.similar.matrix import pack
from pdc.settings import EMBEDDED_MODEL

ASKED = "?task=count_and_box&label=red blood cell&label=platelet"


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("home")) as house:
        yield house


def described(house: House, shas: list[str]) -> None:
    for n, sha in enumerate(shas):
        house.store.keep_vector(sha, EMBEDDED_MODEL.name, pack(np.array([1.0, n / 10, 0.0])))


def test_a_case_says_what_was_counted_by_whom_and_how_like_it_is(house: House):
    ada, bob = house.reader("ada"), house.reader("bob")
    own, case = ada.upload("own.png", "red"), ada.upload("case.png", "maroon")
    ada.save(ada.open(case, "platelet"), drawn(label="platelet"))
    described(house, [own, case])
    said = bob.send("GET", f"/api/similar/{own}{ASKED}")
    (found,) = said.json()["cases"]
    assert said.headers["cache-control"] == "no-store"
    assert (found["sha256"], found["name"], found["by"], found["copy"]) == (case, "case.png", "ada", False)
    assert (found["labels"], found["counts"], found["similar"]) == (["platelet"], [1], "very similar")
    assert found["marks"] == [{"label": "platelet", "box": drawn()["box"]}]
    german = bob.send("GET", f"/api/similar/{own}{ASKED}", headers={"accept-language": "de"})
    assert german.json()["cases"][0]["similar"] == "sehr ähnlich"


def test_nobody_without_a_login_and_no_odd_question_is_answered(house: House):
    sha = house.reader("ada").upload("own.png", "red")
    assert Browser(house).send("GET", f"/api/similar/{sha}{ASKED}").status_code == 401
    asked = house.reader("bob")
    assert asked.send("GET", f"/api/similar/{'0' * 64}{ASKED}").status_code == 404
    assert asked.send("GET", f"/api/similar/{sha}").status_code == 400
    assert asked.send("GET", f"/api/similar/{sha}?task=pointing").status_code == 400


def test_another_visitor_sees_nothing_of_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPACE_ID", "a/public")
    with living(tmp_path) as space:
        anna, bert = Browser(space), Browser(space)
        case, own = anna.upload("Jane Roe.png", "maroon"), bert.upload("own.png", "red")
        anna.save(anna.open(case, "platelet"), drawn(label="platelet"))
        described(space, [own, case])
        assert bert.send("GET", f"/api/similar/{own}{ASKED}").json()["cases"] == []
        assert bert.send("GET", f"/api/similar/{case}{ASKED}").status_code == 404
        assert "Jane" not in "".join(bert.seen)
