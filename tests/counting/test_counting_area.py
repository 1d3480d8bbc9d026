"""What of an image is counted, and how large that is."""

import itertools
from math import cos, hypot, pi, radians, sin

import numpy as np
import pytest

from pdc.counting.area import AreaSource, BadArea, CountingArea, Disc, Polygon, Rectangle, area_of, whole_image
from pdc.counting.border import BorderKind, BorderRule, Side, counts, frame_of
from pdc.domain.values import Box, Point

PAIRS = list(itertools.product((Side.LEFT, Side.RIGHT), (Side.TOP, Side.BOTTOM)))
RULES = [*(BorderRule(BorderKind.TWO_SIDED, out) for out in PAIRS), *map(BorderRule, BorderKind)]


def objects(seed: int, n: int = 400) -> list[Box | Point]:
    rng = np.random.default_rng(seed)
    corners, sides = rng.uniform(-20, 210, (n, 2)), rng.uniform(0, 40, (n, 2))
    boxes = [Box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sides, strict=True)]
    return [*boxes, *(Point(x, y) for x, y in rng.uniform(-20, 220, (n, 2)))]


def turned(x: float, y: float, angle: float) -> tuple[float, float]:
    """A place on a grid at (100, 100) that is turned clockwise, in the image."""
    c, s = cos(radians(angle)), sin(radians(angle))
    return 100 + x * c - y * s, 100 + x * s + y * c


def square(column: int, row: int, angle: float, n: int = 3, side: float = 50) -> CountingArea:
    x, y = turned(side * (column - (n - 1) / 2), side * (row - (n - 1) / 2), angle)
    return CountingArea(shape=Rectangle(x=x, y=y, width=side, height=side, angle=angle))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rectangle_that_is_not_turned_counts_as_the_plain_frame(rule):
    area = CountingArea(shape=Rectangle(x=100, y=80, width=120, height=90))
    frame = Box(40, 35, 160, 125)
    assert [area.inside(o, rule) for o in objects(1)] == [counts(o, frame, rule) for o in objects(1)]
    image = whole_image(200, 180)
    assert [image.inside(o, rule) for o in objects(1)] == [counts(o, frame_of(200, 180, rule), rule) for o in objects(1)]


@pytest.mark.parametrize("out", PAIRS)
@pytest.mark.parametrize("angle", [-20, -3.3, 0, 11, 45])
def test_turned_squares_side_by_side_share_no_object_and_add_up(out, angle):
    rule = BorderRule(BorderKind.TWO_SIDED, out)
    parts = [square(i, j, angle) for i in range(3) for j in range(3)]
    whole = CountingArea(shape=Rectangle(x=100, y=100, width=150, height=150, angle=angle))
    for o in objects(5):
        assert sum(part.inside(o, rule) for part in parts) == whole.inside(o, rule)


def test_the_out_lines_turn_with_the_square():
    area = CountingArea(shape=Rectangle(x=100, y=100, width=80, height=80, angle=20))
    on = {"left": (-40, 0), "right": (40, 0), "top": (0, -40), "bottom": (0, 40)}
    cells = {side: Box(x - 6, y - 6, x + 6, y + 6) for side, at in on.items() for x, y in [turned(*at, 20)]}
    for out in PAIRS:
        rule = BorderRule(BorderKind.TWO_SIDED, out)
        assert {side for side, cell in cells.items() if not area.inside(cell, rule)} == set(out)


def test_a_round_cell_in_a_turned_square_is_not_cut_by_the_corners_of_its_box():
    area = CountingArea(shape=Rectangle(x=100, y=100, width=80, height=80, angle=45))
    x, y = turned(29, 0, 45)
    assert area.inside(Box(x - 10, y - 10, x + 10, y + 10), BorderRule(BorderKind.WHOLE))
    x, y = turned(31, 0, 45)
    assert not area.inside(Box(x - 10, y - 10, x + 10, y + 10), BorderRule(BorderKind.WHOLE))


def test_quarters_of_a_dish_add_up_and_each_says_its_share():
    dish = CountingArea(shape=Disc(x=100, y=100, radius=90))
    quarters = [CountingArea(shape=Disc(x=100, y=100, radius=90, start=at, span=90)) for at in (30, 120, 210, 300)]
    for rule in (BorderRule(BorderKind.TWO_SIDED), BorderRule(BorderKind.CENTRE)):
        for o in objects(9):
            assert sum(q.inside(o, rule) for q in quarters) == dish.inside(o, rule)
    assert [q.part for q in quarters] == [0.25] * 4 and dish.part == 1
    assert sum(q.shape.pixels for q in quarters) == pytest.approx(pi * 90**2)


def test_a_round_cell_at_the_rim_of_a_dish_is_whole_or_not():
    dish = CountingArea(shape=Disc(x=0, y=0, radius=100))
    for turn in np.arange(0, 360, 7):
        near, over = (Box(x - 10, y - 10, x + 10, y + 10) for r in (89.5, 90.7) for x, y in [polar(r, turn)])
        whole = BorderRule(BorderKind.WHOLE)
        assert dish.inside(near, whole) and not dish.inside(over, whole)
        assert dish.inside(over, BorderRule(BorderKind.ALL)) and dish.inside(over, BorderRule(BorderKind.CENTRE))


def polar(radius: float, turn: float) -> tuple[float, float]:
    return radius * cos(radians(turn)), radius * sin(radians(turn))


def test_polygons_side_by_side_share_no_centre():
    left = CountingArea(shape=Polygon(corners=((10, 10), (120, 30), (90, 180), (20, 150))))
    right = CountingArea(shape=Polygon(corners=((120, 30), (200, 20), (190, 190), (90, 180))))
    both = CountingArea(shape=Polygon(corners=((10, 10), (120, 30), (200, 20), (190, 190), (90, 180), (20, 150))))
    rule = BorderRule(BorderKind.TWO_SIDED)
    for o in objects(3):
        assert left.inside(o, rule) + right.inside(o, rule) == both.inside(o, rule)


def test_the_size_comes_from_squares_or_from_pixels_and_else_there_is_none():
    assert whole_image(1000, 500).mm2() is None
    assert whole_image(1000, 500, mm_per_pixel=0.001).mm2() == pytest.approx(0.5)
    grid = CountingArea(
        shape=Rectangle(x=1, y=1, width=9, height=9), squares=5, chamber="improved Neubauer, centre grid", source=AreaSource.GRID
    )
    assert grid.mm2() == pytest.approx(0.2)
    corner = CountingArea(shape=Polygon(corners=((0, 0), (30, 0), (0, 40))), mm_per_pixel=0.1, source=AreaSource.TYPED)
    assert corner.mm2() == pytest.approx(6)


@pytest.mark.parametrize("seed", range(3))
def test_an_area_comes_back_from_its_json(seed):
    rng = np.random.default_rng(seed)
    x, y, w, h = rng.uniform(5, 90, 4)
    shapes = (
        Rectangle(x=x, y=y, width=w, height=h, angle=w / 4),
        Disc(x=x, y=y, radius=w, start=h, span=90),
        Polygon(corners=((x, y), (x + w, y), (x, y + h))),
    )
    for shape in shapes:
        area = CountingArea(shape=shape, mm_per_pixel=0.001, squares=4, source=AreaSource.CLICKS)
        assert area_of(area.to_json()) == area
    assert hypot(*np.subtract(*shapes[0].corners[:2])) == pytest.approx(w)


BAD = {
    "sides of the polygon cross": {"shape": {"kind": "polygon", "corners": [[0, 0], [9, 9], [9, 0], [0, 9]]}},
    "one line": {"shape": {"kind": "polygon", "corners": [[0, 0], [1, 1], [2, 2]]}},
    "greater than 0": {"shape": {"kind": "disc", "x": 1, "y": 1, "radius": 0}},
    "less than or equal to 45": {"shape": {"kind": "rectangle", "x": 1, "y": 1, "width": 2, "height": 2, "angle": 50}},
    "no chamber": {"shape": {"kind": "whole", "width": 9, "height": 9}, "chamber": "Thoma's cousin"},
    "needs its source": {"shape": {"kind": "whole", "width": 9, "height": 9}, "mm_per_pixel": 0.1},
    "finite": {"shape": {"kind": "whole", "width": float("inf"), "height": 9}},
    "not permitted": {"shape": {"kind": "whole", "width": 9, "height": 9}, "mm_per_pixl": 0.1},
    "valid dictionary": [1, 2],
}


@pytest.mark.parametrize("said", BAD)
def test_what_is_no_area_is_refused_with_what_is_wrong(said):
    with pytest.raises(BadArea, match=said):
        area_of(BAD[said])
