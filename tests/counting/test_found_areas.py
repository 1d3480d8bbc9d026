"""Whole squares, dishes and round fields are found in an image."""

import cv2
import numpy as np
import pytest

from pdc.counting.chambers import CHAMBERS
from pdc.counting.finding.disc import find_disc
from pdc.counting.finding.grid import Grid
from pdc.counting.finding.squares import proposed

NEUBAUER = CHAMBERS["improved Neubauer, large squares"]
CENTRE = CHAMBERS["improved Neubauer, centre grid"]


def test_the_most_whole_squares_are_proposed_with_their_lines():
    area = proposed(Grid(200, 150, 100, 0, 0.002, 0.8), 640, 480, CENTRE)
    assert area and area.squares == 6 * 4 and area.mm2() == pytest.approx(24 * 0.04)
    assert [c for c in area.shape.corners] == [(0, 50), (600, 50), (600, 450), (0, 450)]


def test_turned_squares_stay_inside_the_image():
    area = proposed(Grid(333, 201, 70, 17, 0.2 / 70, 0.8), 640, 480, CENTRE)
    assert area and area.squares
    assert all(-1 <= x <= 641 and -1 <= y <= 481 for x, y in area.shape.corners)
    assert area.mm2() == pytest.approx(area.shape.pixels * area.mm_per_pixel**2)


def test_a_part_of_a_large_square_has_a_size_and_no_number_of_squares():
    area = proposed(Grid(200, 150, 140, 0, 0.25 / 140, 0.8), 500, 400, NEUBAUER)
    assert area and area.squares is None
    assert area.mm2() == pytest.approx(3 * 2 * 0.25**2)


def dish(seed: int, x: float, y: float, radius: float, colonies: int = 60) -> np.ndarray:
    """A dish on a bench: a bright rim, a grey ground with colonies, reflections, noise."""
    rng = np.random.default_rng(seed)
    image = np.full((600, 800), 60.0)
    cv2.circle(image, (int(x * 8), int(y * 8)), int(radius * 8), 150, -1, cv2.LINE_AA, 3)
    for _ in range(colonies):
        away, turn = radius * 0.9 * rng.random() ** 0.5, rng.uniform(0, 2 * np.pi)
        cv2.circle(
            image, (int(x + away * np.cos(turn)), int(y + away * np.sin(turn))), int(rng.uniform(3, 12)), 235, -1, cv2.LINE_AA
        )
    cv2.ellipse(image, (int(x), int(y)), (int(radius * 0.7),) * 2, 0, 200, 240, 240, 6)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.2) + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("x", "y", "radius"), [(400, 300, 270), (370, 330, 220), (420, 280, 330)])
def test_the_rim_of_a_dish_is_found_though_a_part_may_lie_outside(x, y, radius):
    found = find_disc(dish(int(radius), x, y, radius))
    assert found and np.hypot(found.x - x, found.y - y) < 0.01 * radius and abs(found.radius / radius - 1) < 0.01


def test_the_round_field_of_an_eyepiece_is_found():
    rng = np.random.default_rng(1)
    image = np.clip(rng.normal(170, 8, (480, 640)), 0, 255)
    for _ in range(80):
        cv2.circle(image, tuple(int(v) for v in rng.uniform(0, 640, 2)), 9, 90, -1)
    ys, xs = np.mgrid[0:480, 0:640] + 0.5
    image[np.hypot(xs - 330, ys - 236) > 290] = 6
    found = find_disc(cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.uint8))
    assert found and np.hypot(found.x - 330, found.y - 236) < 3 and abs(found.radius - 290) < 3


def test_cells_without_a_rim_are_no_disc():
    rng = np.random.default_rng(2)
    image = rng.normal(150, 8, (480, 640))
    for _ in range(150):
        cv2.circle(image, tuple(int(v) for v in rng.uniform(0, 640, 2)), int(rng.uniform(5, 25)), 90, -1)
    assert find_disc(np.clip(image, 0, 255).astype(np.uint8)) is None
