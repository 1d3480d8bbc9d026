"""What a reader changed: one fate per object, by id first, then by place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pdc.domain.diff import Correction, CorrectionKind, diff
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Status

KEPT, MOVED, RELABELLED, ADDED, REMOVED = CorrectionKind
BOX = Mark("m1", Box(10, 10, 30, 30), "platelet")
FAR = Mark("m2", Box(100, 100, 120, 120), "platelet")
DOT = Mark("m1", Point(50, 50), "nucleus")


def kinds(before: list[Mark], after: list[Mark]) -> list[CorrectionKind]:
    return [c.kind for c in diff(Findings(tuple(before)), Findings(tuple(after)))]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], []),
        ([BOX, FAR], [BOX, FAR], [KEPT, KEPT]),
        ([BOX], [replace(BOX, status=Status.ACCEPTED, origin=Origin.EDITED, score=0.2)], [KEPT]),
        ([BOX], [replace(BOX, shape=Box(10.005, 10, 30, 30))], [KEPT]),  # nobody can see it
        ([BOX], [replace(BOX, shape=Box(11, 10, 30, 30))], [MOVED]),
        ([BOX], [replace(BOX, shape=Box(200, 200, 220, 220))], [MOVED]),  # far away, but the same id
        ([BOX], [replace(BOX, label="nucleus")], [RELABELLED]),
        ([BOX], [replace(BOX, label="nucleus", shape=Box(0, 0, 5, 5))], [RELABELLED]),
        ([BOX], [replace(BOX, shape=Point(20, 20))], [MOVED]),  # a box made a point
        ([], [BOX], [ADDED]),
        ([BOX], [], [REMOVED]),
        ([BOX], [replace(BOX, status=Status.REJECTED)], [REMOVED]),
        ([], [replace(BOX, status=Status.REJECTED)], []),  # drawn, then rejected: never there
        ([replace(BOX, status=Status.REJECTED)], [BOX], [ADDED]),
        # without a shared id: by place
        ([BOX], [replace(BOX, id="h1")], [KEPT]),
        ([BOX], [replace(BOX, id="h1", shape=Box(12, 10, 32, 30))], [MOVED]),
        ([BOX], [replace(BOX, id="h1", label="nucleus")], [RELABELLED]),
        ([BOX], [replace(BOX, id="h1", shape=Box(25, 10, 45, 30))], [REMOVED, ADDED]),  # IoU 1/7
        ([DOT], [replace(DOT, id="h1", shape=Point(56, 58))], [MOVED]),  # 10 pixels
        ([DOT], [replace(DOT, id="h1", shape=Point(58, 58))], [REMOVED, ADDED]),
        ([DOT], [replace(DOT, id="h1", label="x")], [RELABELLED]),
        ([DOT], [replace(BOX, id="h1", shape=Box(40, 40, 60, 60))], [REMOVED, ADDED]),  # a point is no box
        # a rejected mark keeps its place from being taken by the one drawn instead
        ([BOX], [replace(BOX, status=Status.REJECTED), replace(BOX, id="h1")], [REMOVED, ADDED]),
        # the id decides before the place
        ([BOX, FAR], [replace(FAR, id="m1"), replace(BOX, id="m2")], [MOVED, MOVED]),
        # the same label decides before another label in the same place
        ([BOX], [replace(BOX, id="h1", label="x"), replace(BOX, id="h2", shape=Box(11, 11, 31, 31))], [MOVED, ADDED]),
    ],
)
def test_kinds(before: list[Mark], after: list[Mark], expected: list[CorrectionKind]):
    assert kinds(before, after) == expected


def test_both_marks_are_told():
    moved, new = replace(BOX, shape=Box(12, 10, 32, 30)), replace(FAR, id="h9", label="nucleus")
    found = diff(Findings((BOX, FAR)), Findings((new, moved)))
    assert found == (Correction(MOVED, BOX, moved), Correction(RELABELLED, FAR, new))
    assert diff(Findings((BOX,)), Findings((new,))) == (Correction(REMOVED, BOX, None), Correction(ADDED, None, new))


def test_each_object_has_one_fate_in_a_crowd():
    before = [Mark(f"m{i}", Box(10 * i, 0, 10 * i + 9, 9), "nucleus") for i in range(300)]
    after = [replace(m, id=f"h{m.id}", shape=Box(m.shape.x1 + 1, 0, m.shape.x2 + 1, 9)) for m in reversed(before[50:])]
    assert kinds(before, after) == [REMOVED] * 50 + [MOVED] * 250
