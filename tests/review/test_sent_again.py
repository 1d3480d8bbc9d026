"""A save whose answer was lost is sent again, after a restart too, and is stored once, whatever others saved meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import ASK, Desk, drawn

from pdc.domain.values import Review
from pdc.web.ui.annotator import BadDraft
from pdc.web.ui.screen import findings_of, request_in


def sent(folder: Path, sha: str, reader: str, *marks: dict, **named: str) -> tuple:
    """A save from a page that was just opened, by a server that was just started."""
    desk = Desk(folder)
    draft, value, *_ = desk.choose(sha, reader)
    shown = desk.tab.save(draft, {**value, "marks": list(marks), "edits": 1, **named}, {})
    desk.store.close()
    return shown


def saved(folder: Path, sha: str) -> list[Review]:
    store = Desk(folder).store
    reviews = store.reviews(sha)
    store.close()
    return reviews


@pytest.fixture
def sha(tmp_path: Path) -> str:
    desk = Desk(tmp_path)
    sha = desk.image("a.png")
    desk.store.close()
    return sha


def test_a_save_sent_again_after_a_restart_is_stored_once(tmp_path: Path, sha: str):
    first = sent(tmp_path, sha, "ada", drawn("h1"), request="one")
    again = sent(tmp_path, sha, "ada", drawn("h1"), request="one")
    assert "Saved, revision 1" in first[4] and "Saved, revision 1" in again[4]
    assert [r.revision for r in saved(tmp_path, sha)] == [1]


def test_it_does_not_write_over_what_somebody_saved_in_between(tmp_path: Path, sha: str):
    sent(tmp_path, sha, "ada", drawn("h1"), request="one")
    sent(tmp_path, sha, "bob", drawn("h1"), drawn("h2", 20), request="one")
    again = sent(tmp_path, sha, "ada", drawn("h1"), request="one")
    assert "Saved, revision 1" in again[4]
    assert [(r.author, len(r.findings.marks)) for r in saved(tmp_path, sha)] == [("ada", 1), ("bob", 2)]
    desk = Desk(tmp_path)
    assert desk.store.drafts(sha, ASK) == []


def test_without_its_name_the_same_save_is_stored_twice(tmp_path: Path, sha: str):
    """The negative control: what the name is for."""
    sent(tmp_path, sha, "ada", drawn("h1"))
    sent(tmp_path, sha, "bob", drawn("h1"), drawn("h2", 20))
    sent(tmp_path, sha, "ada", drawn("h1"))
    assert [(r.author, len(r.findings.marks)) for r in saved(tmp_path, sha)] == [("ada", 1), ("bob", 2), ("ada", 1)]


def test_another_name_or_another_image_is_another_save(tmp_path: Path, sha: str):
    sent(tmp_path, sha, "ada", drawn("h1"), request="one")
    sent(tmp_path, sha, "ada", drawn("h1"), drawn("h2", 20), request="two")
    desk = Desk(tmp_path)
    other = desk.image("b.png")
    desk.store.close()
    sent(tmp_path, other, "ada", drawn("h1"), request="one")
    assert len(saved(tmp_path, sha)) == 2 and len(saved(tmp_path, other)) == 1


def test_a_name_that_is_none_is_refused():
    for bad in ("", "x" * 201, 7, ["a"]):
        with pytest.raises(BadDraft, match="1 to 200 characters"):
            request_in({"request": bad})
    assert request_in({}) == request_in(None) == ""


def test_a_draft_that_a_kill_left_behind_its_own_save_does_not_come_back(tmp_path: Path, sha: str):
    desk = Desk(tmp_path)
    draft, value, *_ = desk.choose(sha)
    saved_as = desk.service.edit(draft, findings_of(draft, {**value, "marks": [drawn("h1")]}))
    desk.store.drop_draft = lambda *_: None  # killed before it could
    desk.service.save(saved_as, request="one")
    desk.store.close()
    sent(tmp_path, sha, "ada", drawn("h1"), drawn("h2", 20), request="two")
    desk = Desk(tmp_path)
    assert [m["id"] for m in desk.choose(sha)[1]["marks"]] == ["h1", "h2"]
