"""The consensus on the review tab: who sees everybody's marks, what must be decided, and what is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from desk import Desk
from several_readers import ASK, found, read_by

from pdc.domain.values import Findings
from pdc.web.ui.screen import show_errors, status_line

READS = {"ada": found((0, "cell"), (60, "cell")), "bob": found((1, "cell"))}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def decided(value: dict, status: str) -> dict:
    """Every object about which the readers are tied, judged so on the screen."""
    marks = [{**m, "status": status} if m["status"] == "doubtful" else m for m in value["marks"]]
    return {**value, "marks": marks, "edits": value["edits"] + 1}


def test_whoever_makes_the_consensus_sees_everybodys_marks_and_what_they_propose(desk: Desk):
    sha = desk.image("a.png", (100, 30))
    read_by(desk.store, sha, READS)
    draft, value, *_ = desk.choose(sha, "boss")
    assert "Proposed from the reads of ada, bob" in status_line(draft) and "not been asked" not in status_line(draft)
    assert value["readers"]["names"] == ["ada", "bob"]
    assert [m["status"] for m in value["marks"]] == ["open", "doubtful"]
    assert [g["id"] for g in value["readers"]["groups"]] == [m["id"] for m in value["marks"]]


def test_readers_and_everybody_elses_images_show_nothing_of_it(desk: Desk):
    sha, other = desk.image("a.png", (100, 30)), desk.image("b.png")
    read_by(desk.store, sha, READS)
    assert "readers" not in desk.choose(sha, "ada")[1]
    assert "readers" not in desk.choose(other, "boss")[1]


def test_a_consensus_with_ties_is_not_saved_until_each_is_decided(desk: Desk):
    sha = desk.image("a.png", (100, 30))
    read_by(desk.store, sha, READS)
    draft, value, *_ = desk.choose(sha, "boss")
    with pytest.raises(gr.Error, match="tied about 1 objects"):
        _save(desk, draft, value)
    _save(desk, draft, decided(value, "rejected"))
    saved = desk.store.current_review(sha, ASK)
    assert saved is not None and saved.author == "boss" and len(saved.rests_on) == 2
    assert saved.findings.counts(ASK.task) == {"cell": 1}
    assert [r.findings.counts(ASK.task) for r in desk.store.usable_reviews()] == [{"cell": 1}]


def _save(desk: Desk, draft, value) -> tuple:
    return show_errors(desk.tab.save)(draft, value, {})


def test_a_consensus_that_is_opened_again_shows_the_marks_beside_what_was_decided(desk: Desk):
    sha = desk.image("a.png", (100, 30))
    read_by(desk.store, sha, READS)
    draft, value, *_ = desk.choose(sha, "boss")
    _save(desk, draft, decided(value, "accepted"))
    again, shown, *_ = desk.choose(sha, "kim")
    assert [m["status"] for m in shown["marks"]] == ["open", "accepted"]
    assert {g["id"] for g in shown["readers"]["groups"]} == {m["id"] for m in shown["marks"]}
    assert again.findings != Findings()
