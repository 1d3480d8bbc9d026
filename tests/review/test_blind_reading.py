"""Blind reads: the second look, and what is counted as changed after it."""

from __future__ import annotations

import json
from dataclasses import replace

from desk import ASK, FOUND, Desk, a_mark, who

from pdc.domain.values import Findings, Origin, Status, Task, Verdict
from pdc.review.blind_reading import Changes, Reading, beside, blind_readings, count_changes, second_look
from pdc.web.ui.study_tab import EMPTY, StudyTab


def marks(*places: float) -> Findings:
    return Findings(tuple(a_mark(f"h{i}", x) for i, x in enumerate(places)))


def test_a_second_look_adds_what_only_the_model_found_and_counts_none_of_it():
    model = Findings((a_mark("h0", 0.5, origin=Origin.MODEL), a_mark("m2", 50, origin=Origin.MODEL)))
    seen = second_look(marks(0), model, Task.COUNT_AND_BOX)
    assert [(m.id, m.status, m.origin) for m in seen.marks] == [
        ("h0", Status.OPEN, Origin.HUMAN),
        ("model-m2", Status.REJECTED, Origin.MODEL),
    ]
    assert seen.count(Task.COUNT_AND_BOX) == 1
    assert second_look(seen, model, Task.COUNT_AND_BOX) == seen
    assert second_look(Findings((), {"a": 1}), Findings((), {"a": 9}), Task.COUNTING).stated == {"a": 1}


def test_an_answer_spares_what_the_reader_did_and_takes_the_place_of_the_models_open_marks():
    open_, done = a_mark("m1", 0, origin=Origin.MODEL), a_mark("m2", 20, origin=Origin.MODEL, status=Status.REJECTED)
    own = Findings((open_, done, a_mark("m3", 40, origin=Origin.EDITED), a_mark("h1", 60)), {"platelet": 4})
    again = [a_mark(f"n{i}", x, origin=Origin.MODEL) for i, x in enumerate((0, 20.5, 40, 60, 80))]
    seen = beside(own, Findings((*again, a_mark("m3", 99, origin=Origin.MODEL)), {"platelet": 6}), Task.COUNT_AND_BOX)
    assert [m.id for m in seen.marks] == ["m2", "m3", "h1", "n0", "n4"]
    assert seen.stated == {"platelet": 6}
    assert beside(Findings((), {"a": 1}), Findings((), {"a": 9}), Task.COUNTING).stated == {"a": 9}


def reading(desk: Desk, before: Findings, after: Findings) -> Reading:
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    _, first = desk.service.save(replace(draft, findings=before))
    return Reading(first.image_sha256, ASK, "ada", first, replace(first, findings=after, blind=False))


def test_objects_are_counted_that_changed_sides(tmp_path):
    desk, truth = Desk(tmp_path, blind=True), marks(0, 20, 40)
    gained = reading(desk, marks(0, 60), marks(0, 20))  # found one more, dropped a false one
    assert count_changes(gained, truth) == Changes(wrong_to_right=2, right_to_wrong=0, wrong_before=3, wrong_after=1)
    lost = replace(gained, after=replace(gained.after, findings=marks(60, 80)))  # gave up a right one, added a false one
    assert count_changes(lost, truth) == Changes(wrong_to_right=0, right_to_wrong=2, wrong_before=3, wrong_after=5)
    assert count_changes(replace(gained, after=None), truth) == Changes(0, 0, 3, 3)


def test_readings_pair_each_blind_read_with_the_last_read_after_it(tmp_path):
    desk = Desk(tmp_path, blind=True)
    sha = desk.image("a.png")
    desk.service.save(desk.service.open(sha, ASK, "ada"), Verdict.SKIPPED)
    draft, first = desk.service.save(desk.service.open(sha, ASK, "ada"))
    assert [r.after for r in blind_readings(desk.store.reviews())] == [None]
    draft, _ = desk.service.save(desk.service.predict(draft))
    _, last = desk.service.save(replace(draft, findings=FOUND))
    assert blind_readings(desk.store.reviews()) == [Reading(sha, ASK, "ada", first, last)]


def test_the_page_shows_one_row_a_reader_and_nothing_of_images_not_yet_read(tmp_path):
    desk = Desk(tmp_path, blind=True)
    tab, sha = StudyTab(desk.service), desk.image("a.png")
    assert EMPTY in json.dumps(tab.show(who("ada"))[1], ensure_ascii=False)
    for name, found in (("truth", FOUND), ("ada", Findings(FOUND.marks[:1]))):
        draft, _ = desk.service.save(replace(desk.service.open(sha, ASK, name), findings=found))
        shown = desk.service.predict(draft)
        all_accepted = tuple(replace(m, status=Status.ACCEPTED) for m in shown.findings.marks)
        desk.service.save(replace(shown, findings=Findings(all_accepted)))
    page = json.dumps(tab.against("truth", who("ada")), ensure_ascii=False)
    cells = ["ada", "1", "1", "1", "0", "1", "0", "0 / 1", "1 / 1", "0 / 1", "1 / 1"]
    assert json.dumps([["td", {}, cell] for cell in cells])[1:-1] in page
    assert EMPTY in json.dumps(tab.against("truth", who("eve")), ensure_ascii=False)
