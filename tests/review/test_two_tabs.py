"""One reader with the same image in two tabs, whose autosaves arrive late and in any order: every mark drawn is kept."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from desk import ASK, Desk, drawn

from pdc.domain.merge import Take
from pdc.store.review_queries import ReviewQueries


@dataclass
class Tab:
    """A tab: what its page was last sent, what is drawn on it, and autosaves that are still on their way."""

    desk: Desk
    name: str
    sha: str
    marks: list[dict] = field(default_factory=list)
    late: list[dict] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    draft: Any = None
    value: dict = field(default_factory=dict)

    def open(self) -> None:
        self.draft, self.value, *_ = self.desk.choose(self.sha)
        self.marks = list(self.value["marks"])

    def shown(self) -> dict:
        return {**self.value, "marks": list(self.marks), "edits": len(self.drawn)}

    def draw(self) -> None:
        """A box where none is: two of one place are one object when tabs are merged."""
        id, place = f"{self.name}{len(self.drawn)}", len(self.drawn) + 20 * (self.name == "b")
        self.drawn.append(id)
        self.marks.append(drawn(id, x=12.0 * place))
        self.late.append(self.shown())

    def deliver(self) -> None:
        """The oldest autosave arrives."""
        if self.late:
            self.desk.tab.edit(self.draft, self.late.pop(0))

    def save(self) -> None:
        """S; where another tab was first, both are merged, looked over and saved, as the page offers."""
        draft, _editor, *_, panel, _view = self.desk.tab.save(self.draft, self.shown(), {})
        self.draft = draft
        if isinstance(panel, dict) and panel.get("visible"):
            over = self.desk.tab.resolve(Take.MERGE, draft, self.shown(), {})
            self.draft, self.value = over[0], over[1]
            self.marks = list(self.value["marks"])
            self.draft = self.desk.tab.save(self.draft, self.shown(), {})[0]


def lost(desk: Desk, seed: int) -> set[str]:
    """The marks that are neither saved nor among the reader's drafts after some minutes in two tabs."""
    sha, chance = desk.image(f"{seed}.png", (480, 20)), random.Random(seed)
    tabs = [Tab(desk, name, sha) for name in "ab"]
    for tab in tabs:
        tab.open()
    for _ in range(14):
        tab = chance.choice(tabs)
        chance.choice((tab.draw, tab.draw, tab.deliver, tab.save))()
    for tab in tabs:
        while tab.late:
            tab.deliver()
    current = desk.store.current_review(sha, ASK)
    kept = [d.findings for d in desk.store.drafts(sha, ASK, "ada")] + ([current.findings] if current else [])
    return {id for tab in tabs for id in tab.drawn} - {mark.id for findings in kept for mark in findings.marks}


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 120), marks=pytest.mark.nightly)], ids=["20", "100"])
def test_nothing_drawn_in_either_tab_is_lost_to_the_other(tmp_path: Path, seeds: range):
    desk = Desk(tmp_path)
    assert {seed: gone for seed in seeds if (gone := lost(desk, seed))} == {}


def test_with_one_draft_for_both_tabs_marks_would_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The negative control: the later autosave would take the place of the other tab's."""
    put = ReviewQueries.put_draft

    def one_place(self, author, sha, question, findings, base, prediction, key="", seen=None) -> None:
        put(self, author, sha, question, findings, base, prediction, "", seen)

    monkeypatch.setattr(ReviewQueries, "put_draft", one_place)
    desk = Desk(tmp_path)
    assert any(lost(desk, seed) for seed in range(6))
