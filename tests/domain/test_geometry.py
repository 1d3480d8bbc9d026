"""Pure maths on marks."""

from __future__ import annotations

import random

import pytest

from pdc.domain.geometry import clip, distance, iou, reading_order, rescale
from pdc.domain.values import Box, Mark, Point


def test_rescaling_there_and_back_changes_nothing():
    rng = random.Random(0)
    for _ in range(200):
        x, y = rng.uniform(0, 600), rng.uniform(0, 400)
        box = Box(x, y, x + rng.uniform(0, 40), y + rng.uniform(0, 40))
        back = rescale(rescale(box, (640, 480), (364, 280)), (364, 280), (640, 480))
        assert back.xyxy == pytest.approx(box.xyxy)


def test_clip_keeps_what_is_inside():
    assert clip(Box(-5, 10, 700, 20), (640, 480)) == Box(0, 10, 640, 20)
    assert clip(Point(-1, 500), (640, 480)) == Point(0, 480)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Box(0, 0, 2, 2), Box(0, 0, 2, 2), 1.0),
        (Box(0, 0, 2, 2), Box(1, 0, 3, 2), 1 / 3),
        (Box(0, 0, 1, 1), Box(5, 5, 6, 6), 0.0),
        (Box(1, 1, 1, 1), Box(1, 1, 1, 1), 0.0),
    ],
)
def test_iou(a: Box, b: Box, expected: float):
    assert iou(a, b) == pytest.approx(expected)


def test_distance_is_between_the_centres():
    assert distance(Point(0, 0), Box(0, 0, 6, 8)) == 5


def marks(*shapes, label: str = "a") -> list[Mark]:
    return [Mark(str(i), s, label) for i, s in enumerate(shapes)]


def test_reading_order_goes_by_rows_of_cells():
    a, b, c = Point(100, 27), Point(1, 1), Point(0, 29)
    assert [m.shape for m in reading_order(marks(a, b, c), (200, 200), 28)] == [b, a, c]


def test_impossible_shapes_cannot_be_made():
    for make in (lambda: Box(2, 0, 1, 1), lambda: Box(0, 0, float("nan"), 1), lambda: Point(float("inf"), 0)):
        with pytest.raises(ValueError, match="needs"):
            make()
