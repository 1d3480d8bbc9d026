"""Three-way merges, and twenty races on one image: half between two readers, half between two tabs of one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from desk import ASK, FOUND, Desk, a_mark

from pdc.domain.errors import StaleSave
from pdc.domain.merge import Clash, Take, merge
from pdc.domain.values import Findings, Status

RACES = 10  # of each kind
BASE = Findings((a_mark("m1", 0), a_mark("m2", 20), a_mark("m3", 40)))


def changed(findings: Findings, *added, **by_id) -> Findings:
    """`m1=None` removes, `m1=mark` replaces."""
    kept = [by_id.get(m.id, m) for m in findings.marks]
    return Findings(tuple(m for m in kept if m is not None) + added)


def test_changes_to_different_marks_are_both_kept():
    mine, theirs = changed(BASE, m1=a_mark("m1", 3)), changed(BASE, m2=None)
    assert merge(BASE, mine, theirs).findings == changed(BASE, m1=a_mark("m1", 3), m2=None)
    assert merge(BASE, mine, theirs).clashes == ()


def test_the_same_change_is_no_clash():
    both = changed(BASE, m1=a_mark("m1", 3), m3=None)
    assert merge(BASE, both, both) == merge(BASE, BASE, both)


def test_rejecting_what_they_removed_is_no_clash():
    rejected = changed(BASE, m1=replace(a_mark("m1", 0), status=Status.REJECTED))
    assert merge(BASE, rejected, changed(BASE, m1=None)).clashes == ()


@pytest.mark.parametrize("theirs", [a_mark("m1", 9), None], ids=["moved elsewhere", "removed"])
def test_different_changes_of_one_mark_keep_mine_and_are_listed(theirs):
    mine = a_mark("m1", 4)
    merged = merge(BASE, changed(BASE, m1=mine), changed(BASE, m1=theirs))
    assert merged.findings.marks[0] == mine and merged.clashes == (Clash("m1", BASE.marks[0], mine, theirs),)


def test_marks_both_added_at_one_place_are_one_and_a_taken_id_is_given_anew():
    mine = changed(BASE, a_mark("h1", 60), a_mark("h2", 80))
    theirs = changed(BASE, a_mark("h1", 100), a_mark("h2", 80.5))
    assert [(m.id, m.shape.x1) for m in merge(BASE, mine, theirs).findings.marks[3:]] == [("h1", 100), ("h2", 80.5), ("h1-2", 60)]


def test_stated_counts_are_merged_label_by_label():
    base, mine, theirs = ({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 5}, {"a": 1, "b": 3, "c": 6})
    merged = merge(*(Findings((), stated) for stated in (base, mine, theirs)))
    assert merged.findings.stated == {"a": 2, "b": 3, "c": 5} and merged.clashes == (Clash("c", 1, 5, 6),)


@pytest.mark.parametrize("names", [("ada", "ben"), ("ada", "ada")], ids=["two readers", "two tabs"])
def test_races_have_one_winner_each_and_keep_every_losers_draft(tmp_path, names):
    desk = Desk(tmp_path)
    sha = desk.image("one.png")
    kept = 0
    for race in range(RACES):
        drafts = [desk.service.open(sha, ASK, name) for name in names]
        drafts = [replace(d, findings=changed(FOUND, a_mark(f"h{race}", x))) for d, x in zip(drafts, (1, 2), strict=True)]
        won = _raced(desk, drafts)
        assert sorted(won) == [False, True]
        loser = drafts[won.index(False)]
        left = desk.store.drafts(sha, ASK, loser.author)
        assert [(d.key, d.findings) for d in left] == [(loser.key, loser.findings)]
        conflict = desk.service.conflict(loser)
        assert (conflict.mine, conflict.theirs.findings) == (loser, drafts[won.index(True)].findings)
        desk.service.save(desk.service.resolve(loser, Take.MERGE))
        kept += len(left)
    said = RACES * len({*names})  # in two tabs of one reader the merge says what their newest review says already
    assert kept == RACES and desk.store.drafts(sha, ASK) == [] and len(desk.store.reviews(sha)) == said


def _raced(desk: Desk, drafts) -> list[bool]:
    """Both edit and save at once; who was stored."""
    start, won = threading.Barrier(2), [False, False]

    def run(i: int) -> None:
        start.wait()
        mine = desk.service.edit(drafts[i], drafts[i].findings)
        start.wait()
        try:
            desk.service.save(mine)
            won[i] = True
        except StaleSave:
            pass

    threads = [threading.Thread(target=run, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won
