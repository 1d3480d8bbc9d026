from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from finetune.data.augment import AugmentedView, random_view
from pdc.domain.values import Box, Findings, Mark, Point

RNG = np.random.default_rng(0)


def picture(box: tuple[int, int, int, int], wh=(60, 40)) -> Image.Image:
    pixels = np.zeros((wh[1], wh[0], 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return Image.fromarray(pixels)


def white(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Where the white pixels are, as (x1, y1, x2, y2)."""
    ys, xs = np.nonzero(np.asarray(image)[..., 0])
    return (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(xs) else None


@pytest.mark.parametrize("seed", range(40))
def test_a_box_stays_on_its_pixels(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 40), rng.integers(0, 25)
    box = (int(x), int(y), int(x + rng.integers(3, 20)), int(y + rng.integers(3, 15)))
    image, findings = random_view((60, 40), rng, may_crop=True).apply(picture(box), Findings((Mark("1", Box(*box), "cell"),)))
    if findings.marks:
        assert findings.marks[0].shape.xyxy == white(image)
    else:  # at most the stated share of it is still to be seen
        seen = white(image)
        area = (seen[2] - seen[0]) * (seen[3] - seen[1]) if seen else 0
        assert area < 0.4 * (box[2] - box[0]) * (box[3] - box[1])


def test_all_eight_symmetries_occur_and_windows_too():
    views = [random_view((60, 40), RNG, may_crop=True) for _ in range(200)]
    assert len({(v.mirror, v.flip, v.swap) for v in views}) == 8
    cut = [v for v in views if v.window]
    assert 70 < len(cut) < 130
    assert all(0 <= v.window[0] < v.window[2] <= 60 and 0 <= v.window[1] < v.window[3] <= 40 for v in cut)


def test_a_count_is_never_cut():
    assert all(random_view((60, 40), RNG, may_crop=False).window is None for _ in range(50))


def test_points_move_with_the_picture_and_leave_with_it():
    findings = Findings((Mark("1", Point(10, 5), "dot"), Mark("2", Point(50, 30), "dot")))
    image, seen = AugmentedView(window=(0, 0, 30, 20), mirror=True, swap=True).apply(picture((0, 0, 1, 1)), findings)
    assert image.size == (20, 30)
    assert [m.shape for m in seen.marks] == [Point(5, 20)]


def test_no_view_is_no_change():
    findings = Findings((Mark("1", Box(1, 2, 3, 4), "cell"),))
    image, seen = AugmentedView().apply(picture((1, 2, 3, 4)), findings)
    assert image.size == (60, 40) and seen == findings
