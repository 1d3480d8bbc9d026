"""When two marks are the same object."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pdc.domain import matching
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.matching import LOOKS, Threshold, match, match_inside, suppress, without_duplicates
from pdc.domain.values import Box, Findings, Mark, Point
from pdc.settings import ASSETS
from pdc.web.ui.scripts import page

TABLE = {  # IoU, pixels, and whether the numbers themselves are the same object too
    "WITHIN_ANSWER": (0.6, 6.0, False),
    "DENSE_HEAD": (0.5, 0.0, True),
    "DRAFT": (0.4, 8.0, False),
    "VOTES": (0.5, 10.0, True),
    "CORRECTION": (0.5, 10.0, True),
    "CALIBRATION": (0.5, 10.0, True),
    "GOLDEN": (0.9, 5.0, True),
    "EVALUATION": (0.5, 10.0, True),
    "PAPER": (0.5, 10.0, False),
    "CARD": (0.5, 12.0, True),
    "UNJUDGED": (0.3, 12.0, True),
    "COUNTED": (0.05, 12.0, True),
    "SUSPECTED": (0.1, 10.0, True),
    "EDITOR": (0.6, 5.0, False),
}
SCATTERED = re.compile(r"\b(?:min_iou|max_distance|max_iou|min_distance)\b\s*(?::[^=,)]*)?=\s*\d|\biou\([^)]*\)\s*[<>]=?\s*\d")


def marks(*shapes, label: str = "a") -> list[Mark]:
    return [Mark(str(i), s, label) for i, s in enumerate(shapes)]


def overlapping(iou: float) -> tuple[Box, Box]:
    """Two boxes of exactly that IoU: one lies inside the other."""
    return Box(0, 0, 10, 10), Box(0, 0, 10 * iou, 10)


@pytest.mark.parametrize("name", TABLE)
def test_each_threshold_has_its_number_and_says_whether_the_number_itself_agrees(name: str):
    rule, (iou, pixels, inclusive) = getattr(matching, name), TABLE[name]
    assert rule.same(*overlapping(iou)) is inclusive
    assert rule.same(*overlapping(iou + 0.001)) and not rule.same(*overlapping(iou - 0.001))
    assert rule.same(Point(0, 0), Point(pixels, 0)) is inclusive
    assert not rule.same(Point(0, 0), Point(pixels + 0.001, 0))
    assert pixels == 0 or rule.same(Point(0, 0), Point(0, pixels - 0.001))


def test_the_table_is_complete_and_each_row_says_what_it_is_for():
    rules = {name: rule for name, rule in vars(matching).items() if isinstance(rule, Threshold)}
    assert set(rules) == set(TABLE)
    purposes = [rule.purpose for rule in (*rules.values(), LOOKS)]
    assert all(purposes) and len(set(purposes)) == len(purposes)


def test_no_other_module_has_a_threshold_of_its_own():
    root = ASSETS.parent
    found = [p for folder in ("pdc", "finetune") for p in (root / folder).rglob("*.py") if SCATTERED.search(p.read_text("utf-8"))]
    assert SCATTERED.search("match(a, b, min_iou=0.5)") and SCATTERED.search("return iou(first, second) > 0.4")
    assert found == []


def test_the_editor_gets_its_numbers_from_the_table():
    sent = page("en")["same"]
    assert sent == {"iou": 0.6, "distance": 5.0, "share": 0.004, "size": 0.5}
    used = Path(ASSETS / "annotator" / "checks.js").read_text("utf-8")
    assert all(f"same.{name}" in used for name in sent)
    assert not re.search(r"\b0?\.6\b|\b0?\.004\b", used)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 4, 10), True),  # IoU is 0.4, but all of the smaller box lies in the larger
        (Box(0, 0, 10, 10), Box(2.5, 0, 12.5, 10), True),  # IoU 0.6
        (Box(0, 0, 10, 10), Box(5, 0, 15, 10), False),  # IoU 1/3, half inside
        (Box(0, 0, 10, 10), Box(7, 0, 11, 10), False),  # three quarters inside: not more
        (Point(0, 0), Point(2.9, 2.9), True),
        (Point(0, 0), Point(3, 0), False),
    ],
)
def test_looks_agree_by_overlap_by_lying_inside_or_by_a_share_of_the_spacing(a, b, same: bool):
    assert LOOKS.same(a, b, gap=10.0) is same


def test_matching_is_one_to_one_and_takes_the_best():
    predicted = marks(Box(0, 0, 10, 10), Box(1, 0, 11, 10))
    assert match(predicted, marks(Box(1, 0, 11, 10))) == [(1, 0)]


def test_marks_of_other_labels_never_match():
    assert match(marks(Box(0, 0, 1, 1)), marks(Box(0, 0, 1, 1), label="b")) == []


def test_points_match_by_distance_and_also_boxes_by_their_centres():
    assert match(marks(Point(0, 0)), marks(Point(3, 4)), max_distance=5) == [(0, 0)]
    assert match(marks(Point(0, 0)), marks(Point(3, 4)), max_distance=4.9) == []
    assert match(marks(Point(5, 5)), marks(Box(0, 0, 10, 10)), max_distance=1) == [(0, 0)]


def test_an_object_named_twice_is_kept_once_and_the_surer_mark_stays():
    said = (
        Mark("1", Box(0, 0, 10, 10), "a", score=0.4),
        Mark("2", Box(0, 1, 10, 10), "a", score=0.9),
        Mark("3", Box(0, 0, 10, 10), "b", score=0.1),
        Mark("4", Box(5, 0, 15, 10), "a", score=0.3),
        Mark("5", Point(50, 50), "a", score=0.2),
        Mark("6", Point(52, 50), "a", score=0.1),
        Mark("7", Point(60, 50), "a"),
    )
    assert [m.id for m in without_duplicates(Findings(said)).marks] == ["2", "3", "4", "5", "7"]


def test_points_inside_a_box_take_one_box_each():
    boxes = [*marks(Box(0, 0, 10, 10), Box(5, 0, 20, 10)), Mark("b", Box(0, 0, 50, 50), "b")]
    assert match_inside(marks(Point(7, 5), Point(8, 5), Point(9, 5)), boxes) == [(0, 0), (1, 1)]
    assert match_inside(marks(Point(10, 10)), boxes) == [(0, 0)]  # its border is part of a box
    assert match_inside(marks(Point(30, 30)), boxes) == []


def test_suppression_keeps_the_first_of_those_that_agree_with_one_kept():
    assert suppress([5, 6, 8, 9, 20], lambda a, b: abs(a - b) < 3) == [5, 8, 20]


@pytest.mark.parametrize(("dx", "kind"), [(10.0, CorrectionKind.MOVED), (10.1, CorrectionKind.REMOVED)])
def test_a_correction_follows_the_table(dx: float, kind: CorrectionKind):
    before, after = Findings((Mark("m1", Point(5, 5), "a"),)), Findings((Mark("u1", Point(5 + dx, 5), "a"),))
    assert diff(before, after)[0].kind is kind
