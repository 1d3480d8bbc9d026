"""The ruling of a chamber is found in an image, or asked for."""

import cv2
import numpy as np
import pytest

from pdc.counting.finding.grid import find_ruling, from_corners

SIZE = 640


def chamber(seed: int, angle: float, spacing: float, hidden: float = 0.3, blur: float = 1.0, ruled: bool = True) -> np.ndarray:
    """A drawn ruling, turned, blurred, with some lines hidden in part, and with cells and noise."""
    rng = np.random.default_rng(seed)
    big = np.full((SIZE * 2, SIZE * 2), 150.0, np.float32)
    for axis in (0, 1) if ruled else ():
        for at in np.arange(rng.uniform(0, spacing), SIZE * 2, spacing):
            covered = np.ones(SIZE * 2)
            start = rng.uniform(0, SIZE * 2)
            covered[int(start) : int(start + hidden * SIZE * 2)] = 0
            line = 60 * np.exp(-(((np.arange(SIZE * 2) - at) / 1.2) ** 2))
            big += np.outer(line, covered) if axis else np.outer(covered, line)
    for x, y in rng.uniform(0, SIZE * 2, (250, 2)):
        cv2.circle(big, (int(x), int(y)), int(rng.uniform(5, 11)), float(rng.uniform(60, 110)), -1)
    turned = cv2.warpAffine(
        big, cv2.getRotationMatrix2D((SIZE, SIZE), -angle, 1), (SIZE * 2, SIZE * 2), borderMode=cv2.BORDER_REFLECT
    )
    half = SIZE // 2
    image = cv2.GaussianBlur(turned[half : half + SIZE, half : half + SIZE], (0, 0), blur)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("spacing", [24.7, 41.3, 66.0])
def test_the_area_of_a_square_is_right_within_one_per_cent_or_asked_for(spacing):
    asked = 0
    for angle in (-20, -7.3, 0, 2.6, 13.7, 20):
        found = find_ruling(chamber(int(spacing + 100 + angle), angle, spacing))
        asked += found is None
        assert found is None or (abs(found.spacing**2 / spacing**2 - 1) < 0.01 and abs(found.angle - angle) < 0.3), angle
    assert asked <= 1


@pytest.mark.parametrize("seed", range(6))
def test_cells_without_a_ruling_are_none(seed):
    assert find_ruling(chamber(seed, 0, 40, ruled=False)) is None


def test_three_corners_set_by_hand():
    assert from_corners((100, 0), (0, 0), (0, 100), 4) == 25
    with pytest.raises(ValueError, match="do not make a square"):
        from_corners((100, 0), (0, 0), (0, 60), 4)
