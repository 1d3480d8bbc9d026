"""Sheets over HTTP: the draft of a count and the sheets that were signed, to whoever may see its images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from house import Browser, House, living
from sample_sheets import AT

from pdc.counting.sheet import differences
from pdc.domain.values import Box, Findings, Mark, Question, Review, Task, Verdict
from pdc.review.counting.sessions import CountSessions
from pdc.store.counting.records import KeptSheet

ASK = Question(Task.COUNT_AND_BOX, ("sperm",))
KINDS = {
    "html": ("text/html; charset=utf-8", b"<!doctype html>"),
    "pdf": ("application/pdf", b"%PDF-"),
    "csv": ("text/csv; charset=utf-8", b"\xef\xbb\xbfresult,"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
    "json": ("application/json", b"{"),
    "fhir.json": ("application/fhir+json", b"{"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sheets")


@pytest.fixture(scope="module")
def house(home: Path) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, living(home) as house:
        patch.delenv("SPACE_ID", raising=False)
        yield house


@pytest.fixture(scope="module")
def counted(house: House, home: Path) -> str:
    """The id of a count of two pictures, of 3 sperm each, that nobody has closed; the code of its sample is no plain text."""
    return counted_by(house, house.reader("anna"), home, ("red", "blue"))


def counted_by(house: House, reader: Browser, home: Path, colours: tuple[str, ...], by: str = "anna") -> str:
    shas = [reader.upload(f"{colour}.png", colour) for colour in colours]
    found = Findings(tuple(Mark(f"m{n}", Box(5 * n, 2, 5 * n + 3, 6), "sperm") for n in range(1, 4)))
    for sha in shas:
        review = Review(f"r {sha}", sha, ASK, None, Verdict.CORRECTED, found, by, 1, datetime.now(UTC))
        house.store.save_review(review, key=sha, base_revision=0)
    counts = CountSessions(house.store, home)
    session = counts.start("sperm-concentration", "=Ü/17", [[sha] for sha in shas], "named", reader=by)
    counts.set_area(session.id, None, {"squares": 5}, by)
    return session.id


def get(house: House, path: str, **options: Any) -> Any:
    return house.reader("anna").send("GET", path, **options)


@pytest.mark.parametrize("ending", KINDS)
def test_a_draft_comes_as_every_kind_of_file(house: House, counted: str, ending: str):
    said = get(house, f"/api/sessions/{counted}/sheet.{ending}")
    media, begins = KINDS[ending]
    assert said.status_code == 200 and said.headers["content-type"] == media and said.content.startswith(begins)
    assert said.headers["content-disposition"].startswith("inline" if ending in ("html", "pdf") else "attachment")
    assert said.headers["content-disposition"].endswith(f"filename*=UTF-8''%3D%C3%9C_17%20draft.{ending}")
    assert said.headers["cache-control"] == "no-store" and "default-src 'none'" in said.headers["content-security-policy"]


def test_the_page_is_in_the_language_of_the_browser(house: House, counted: str):
    path = f"/api/sessions/{counted}/sheet.html"
    german = get(house, path, headers={"accept-language": "de-AT"}).text
    assert "Urteil über die Zählung" in german and 'lang="de"' in german and "Verdict on the count" in get(house, path).text


def test_a_signed_sheet_stays_as_it_was_whatever_is_counted_afterwards(house: House, counted: str, home: Path):
    counts = CountSessions(house.store, home)
    kept = counts.sign(counted, "draft", "anna")
    before = get(house, f"/api/sheets/{kept.id}.json").json()
    counts.fill(counted, "dilution factor", 20, reader="anna")
    assert get(house, f"/api/sheets/{kept.id}.json").json() == before == json.loads(kept.text)
    assert differences(get(house, f"/api/sheets/{kept.id}.json").text) == []
    now = get(house, f"/api/sessions/{counted}/sheet.json").json()
    assert now["results"][0]["value"] is not None and before["results"][0]["value"] is None
    assert get(house, f"/api/sheets/{kept.id}.fhir.json").json()["entry"][0]["resource"]["status"] == "preliminary"


def test_a_kept_sheet_that_does_not_follow_from_its_counts_says_so(house: House, counted: str, home: Path):
    kept = CountSessions(house.store, home).sign(counted, "draft", "anna")
    wrong = json.loads(kept.text)
    wrong["verdict"], wrong["rules"] = "valid", []
    house.store.add_count_sheet(KeptSheet("forged", counted, kept.revision + 1, "draft", json.dumps(wrong), "eve", AT, None, ""))
    said = get(house, "/api/sheets/forged.html").text
    assert "cannot be worked out again from its own counts: verdict, rules." in said


@pytest.mark.parametrize("path", ["/api/sheets/none.pdf", "/api/sessions/none/sheet.pdf", "/api/sessions/{id}/sheet.docx"])
def test_what_is_not_there_is_said(house: House, counted: str, path: str):
    said = get(house, path.format(id=counted))
    assert said.status_code == 404 and said.json()["error"].startswith(("There is no", "A sheet has no file"))


def test_nobody_without_a_login_gets_a_sheet(house: House, counted: str):
    assert Browser(house).send("GET", f"/api/sessions/{counted}/sheet.csv").status_code == 401


def test_another_visitor_gets_neither_draft_nor_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPACE_ID", "a/public")
    with living(tmp_path) as space:
        anna, bert = Browser(space), Browser(space)
        id = counted_by(space, anna, tmp_path, ("red",))  # no second replicate, which would be kept from her
        kept = CountSessions(space.store, tmp_path).sign(id, "draft", "anna").id
        for path in (f"/api/sessions/{id}/sheet.json", f"/api/sheets/{kept}.json"):
            assert anna.send("GET", path).status_code == 200 and bert.send("GET", path).status_code == 404
