"""Perturbed images: what they do to the light, and that a mark stays on its object wherever that is moved."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.evaluate.robustness.perturbations import CLEAN, PERTURBATIONS, Perturbation
from pdc.domain.values import Box, Findings, Mark, Point

MOVING = [p for p in PERTURBATIONS if p.moves]
STILL = [p for p in PERTURBATIONS if not p.moves]
BOX = Box(70, 40, 110, 64)
GROUND, RED = np.array(((200, 180, 190), (170, 20, 20)), np.uint8)


def titled(p: Perturbation) -> str:
    return p.title


def field(box: Box = BOX, wh: tuple[int, int] = (200, 150)) -> tuple[np.ndarray, Findings]:
    """One red cell on a light ground, with its box."""
    yy, xx = np.mgrid[0 : wh[1], 0 : wh[0]] + 0.5
    inside = ((xx - box.center.x) / (box.width / 2)) ** 2 + ((yy - box.center.y) / (box.height / 2)) ** 2 <= 1
    image = np.broadcast_to(GROUND, (wh[1], wh[0], 3)).copy()
    image[inside] = RED
    return image, Findings((Mark("m1", box, "cell"),))


def perturbed(p: Perturbation, seed: int = 0, box: Box = BOX) -> tuple[np.ndarray, Findings]:
    return p.apply(*field(box), np.random.default_rng(seed))


def red(image: np.ndarray) -> np.ndarray:
    return image[..., 0].astype(int) - image[..., 1] > 85


def cells_in(image: np.ndarray) -> list[Box]:
    """The boxes of the cells that can be seen."""
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats(red(image).astype(np.uint8), connectivity=8)
    return [Box(*map(float, (x, y, x + w, y + h))) for x, y, w, h, area in stats[1:] if area >= 60]


@pytest.mark.parametrize("p", MOVING, ids=titled)
def test_every_cell_in_sight_has_its_box_and_every_box_its_cell(p: Perturbation):
    for seed in range(6):
        image, findings = perturbed(p, seed)
        cells = cells_in(image)
        boxes = [m.shape for m in findings.marks if isinstance(m.shape, Box)]
        assert len(boxes) == len(cells) >= 1
        for cell in cells:
            assert min(max(abs(a - b) for a, b in zip(cell.xyxy, box.xyxy, strict=True)) for box in boxes) <= 2.5


def test_a_cell_cut_by_the_border_makes_one_object_with_its_reflection():
    farther = next(p for p in MOVING if "x 0.5, mirrored" in p.severity)
    image, findings = perturbed(farther, box=Box(0, 40, 30, 64))
    cells = cells_in(image)
    joined = [m.shape for m in findings.marks if isinstance(m.shape, Box) and m.shape.width > 20]
    assert len(findings.marks) == len(cells) and len(joined) == 2  # itself, and mirrored at the top


@pytest.mark.parametrize("p", MOVING, ids=titled)
def test_a_point_goes_where_its_cell_goes(p: Perturbation):
    image, _ = field()
    seen, points = p.apply(image, Findings((Mark("m1", Point(90, 52), "cell"),)), np.random.default_rng(0))
    assert points.marks
    for mark in points.marks:
        c = mark.shape.center
        assert red(seen)[int(c.y), int(c.x)], mark


@pytest.mark.parametrize("p", STILL, ids=titled)
def test_light_and_lens_leave_the_marks_and_change_the_pixels(p: Perturbation):
    image, findings = field()
    seen, marks = p.apply(image, findings, np.random.default_rng(0))
    assert marks == findings and seen.shape == image.shape and seen.dtype == np.uint8 and (seen != image).any()


@pytest.mark.parametrize("p", [*PERTURBATIONS, CLEAN], ids=titled)
def test_nothing_of_it_changes_nothing(p: Perturbation):
    image, findings = field()
    seen, marks = Perturbation(p.name, "none", 0, p.change).apply(image, findings, np.random.default_rng(0))
    assert (seen == image).all() and marks == findings


@pytest.mark.parametrize("p", PERTURBATIONS, ids=titled)
def test_a_little_of_it_changes_little_and_the_same_seed_gives_the_same_image(p: Perturbation):
    first, again = perturbed(p, 3), perturbed(p, 3)
    assert (first[0] == again[0]).all() and first[1] == again[1]
    if p.name in ("light", "white balance", "vignette", "grey"):
        image, findings = field()
        little, _ = Perturbation(p.name, "", p.amount / 100, p.change).apply(image, findings, np.random.default_rng(0))
        assert np.abs(little.astype(int) - image).max() <= 4


def test_half_the_light_is_half_the_photons_and_grey_has_no_colour():
    by_severity = {p.severity: p for p in PERTURBATIONS}
    image, _ = field()
    dark, _ = perturbed(by_severity["half"])
    assert np.allclose((dark[0, 0] / 255) ** 2.2, 0.5 * (image[0, 0] / 255) ** 2.2, atol=0.01)
    grey, _ = perturbed(by_severity["no colour"])
    assert (grey == grey[..., :1]).all()
    rim, _ = perturbed(by_severity["half the light in the corners"])
    assert (rim[75, 100] >= image[75, 100].astype(int) - 1).all() and (rim[0, 0] < 0.76 * image[0, 0]).all()


def test_what_the_rim_hides_is_no_longer_true():
    eyepiece = next(p for p in PERTURBATIONS if p.name == "eyepiece")
    assert perturbed(eyepiece, box=Box(0, 0, 30, 24))[1].marks == ()
    half, whole = Box(10, 60, 50, 90), Box(80, 60, 120, 90)
    (cut,) = perturbed(eyepiece, box=half)[1].marks
    assert isinstance(cut.shape, Box) and half.x1 < cut.shape.x1 < half.x2 and cut.shape.x2 == half.x2
    assert perturbed(eyepiece, box=whole)[1].marks[0].shape == whole
