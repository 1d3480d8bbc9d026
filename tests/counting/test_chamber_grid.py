"""The ruling of a chamber is found in an image, or asked for."""

from math import cos, radians, sin

import numpy as np
import pytest
from drawn_chambers import drawn_chamber

from pdc.counting.chambers import CHAMBERS, DOUBLE, GROUPS, QUARTERS, TENTHS, TRIPLED
from pdc.counting.finding.corners import BadCorners, from_corners
from pdc.counting.finding.grid import find_grid

VIEWS = {
    "quarters": (QUARTERS, 60, -20),
    "groups": (GROUPS, 170, 11),
    "double": (DOUBLE, 70, 20),
    "tripled": (TRIPLED, 220, -6.5),
}


@pytest.mark.parametrize("name", VIEWS)
def test_squares_and_lines_are_found_though_some_lines_are_hidden_by_cells(name):
    pattern, period, angle = VIEWS[name]
    drawn = drawn_chamber(12, pattern, period, angle)
    found = find_grid(drawn.image, pattern)
    assert found and abs(found.period**2 / period**2 - 1) < 0.01 and abs(found.angle - angle) < 0.3
    assert found.mm_per_pixel == pytest.approx(pattern.period / period, rel=0.005)
    c, s = cos(radians(angle)), sin(radians(angle))
    x, y = found.x - drawn.x, found.y - drawn.y
    for along in (x * c + y * s, y * c - x * s):
        assert abs((along + period / 2) % period - period / 2) < 1.5  # pixels: a square begins on the line where squares begin


def test_a_large_photograph_is_found_at_its_own_scale():
    drawn = drawn_chamber(3, TENTHS, 210, 4, size=(1600, 1200), cells=90)
    found = find_grid(drawn.image, TENTHS)
    assert found and abs(found.period / 210 - 1) < 0.005


@pytest.mark.parametrize("pattern", [GROUPS, TENTHS])
def test_cells_without_a_ruling_are_asked_about(pattern):
    assert find_grid(drawn_chamber(5, None, 40, 0).image, pattern) is None
    assert find_grid(np.full((300, 400), 90, np.uint8), pattern) is None


def test_a_ruling_of_single_lines_is_no_centre_grid():
    assert find_grid(drawn_chamber(8, TENTHS, 40, 3).image, GROUPS) is None


def test_the_centre_grid_is_not_taken_for_large_squares():
    assert (
        find_grid(drawn_chamber(2, GROUPS, 160, 9).image, QUARTERS) is None
    )  # its lines would be read as five times as far apart


def test_three_corners_set_by_hand_make_the_rectangle_and_its_scale():
    chamber = CHAMBERS["improved Neubauer, large squares"]
    area = from_corners((100, 50), (500, 50), (500, 450), (2, 2), chamber)
    assert (area.shape.x, area.shape.y, area.shape.width, area.shape.height, area.shape.angle) == (300, 250, 400, 400, 0)
    assert area.mm_per_pixel == pytest.approx(0.005) and area.squares == 4 and area.mm2() == pytest.approx(4)


@pytest.mark.parametrize("turn", [-100, -44, -20, 0, 17, 44, 90, 180])
def test_three_corners_may_be_turned(turn):
    chamber = CHAMBERS["Malassez, rectangles"]
    c, s = cos(radians(turn)), sin(radians(turn))
    a, b, d = (tuple((300 + x * c - y * s, 200 + x * s + y * c)) for x, y in ((0, 0), (250, 0), (250, 80)))
    area = from_corners(a, b, d, (10, 4), chamber)
    assert -45 <= area.shape.angle <= 45
    assert area.squares == 40 and area.mm_per_pixel == pytest.approx(0.01)
    assert area.shape.pixels == pytest.approx(250 * 80)
    corners = np.array(area.shape.corners)
    for corner in (a, b, d):
        assert np.hypot(*(corners - corner).T).min() < 1e-6


@pytest.mark.parametrize("third", [(400, 300), (470, 400), (500, 50)])
def test_three_corners_that_make_no_square_are_refused(third):
    with pytest.raises(BadCorners, match=r"square|corner"):
        from_corners((100, 50), (500, 50), third, (2, 2), CHAMBERS["improved Neubauer, large squares"])
