"""A plain frame around a picture is left out of the look; a field with few objects on its background is no picture in a frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from finetune.data.drawings import fluorescence, mucosa, smear
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.predictors.content import content_box
from pdc.inference.predictors.looks import plan_by_content
from pdc.inference.predictors.tiling import merge_tiles

DRAWN = (smear, fluorescence, mucosa)
COLOURS = ((0, 0, 0), (255, 255, 255), (120, 90, 100))
ASK = Question(Task.COUNT_AND_BOX, ("nucleus",))


def drawn(draw, seed=0, wh=(320, 240)) -> Image.Image:
    return Image.fromarray(draw(np.random.default_rng(seed), wh).image)


def framed(image: Image.Image, colour=(0, 0, 0), at=(90, 70)) -> Image.Image:
    frame = Image.new("RGB", (640, 480), colour)
    frame.paste(image, at)
    return frame


def through_eyepiece(image: Image.Image) -> Image.Image:
    """A dark round rim with noise, and the picture darker towards it."""
    w, h = image.size
    y, x = np.mgrid[0:h, 0:w]
    r = np.hypot(x - w / 2, y - h / 2) / (0.45 * h)
    light = np.clip((1 - r) * 30, 0, 1) * (1 - 0.4 * np.clip(r, 0, 1) ** 2)
    noise = np.random.default_rng(0).normal(0, 2, (h, w, 3))
    return Image.fromarray(np.clip(np.asarray(image) * light[..., None] + 8 + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("draw", DRAWN)
def test_a_picture_in_a_plain_frame_with_a_hard_edge_is_cropped_to(draw, colour):
    box = content_box(framed(drawn(draw), colour))
    assert box is not None and max(abs(a - b) for a, b in zip(box.xyxy, (90, 70, 410, 310), strict=True)) <= 6


def test_a_round_field_in_a_dark_rim_is_cropped_to_the_box_of_the_rim():
    box = content_box(through_eyepiece(drawn(smear, wh=(640, 480))))
    assert box is not None and max(abs(a - b) for a, b in zip(box.xyxy, (104, 24, 536, 456), strict=True)) <= 12


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("seed", range(4))
def test_a_field_without_a_frame_stays_whole(draw, seed):
    assert content_box(drawn(draw, seed)) is None


@pytest.mark.parametrize("colour", COLOURS)
def test_a_plain_image_has_no_content_to_crop_to(colour):
    assert content_box(Image.new("RGB", (300, 200), colour)) is None


def test_a_few_objects_on_a_clean_background_are_no_picture_in_a_frame():
    image = Image.new("RGB", (300, 300))
    for x, y in ((100, 90), (150, 200), (200, 120), (110, 180)):
        image.paste((90, 90, 200), (x, y, x + 24, y + 20))
    assert content_box(image) is None


def test_one_object_on_a_clean_background_is_no_picture_in_a_frame():
    image = Image.new("RGB", (300, 300))
    image.paste((90, 90, 200), (100, 100, 160, 150))
    assert content_box(image) is None


def test_marks_of_a_look_at_the_content_lie_where_they_are_in_the_image():
    asked: list[Box] = []
    tiles = plan_by_content(framed(drawn(smear)), ASK, {"nucleus"}, lambda window: asked.append(window) or ())
    (tile,) = tiles
    assert asked == [tile.window] and tile.window.width < 340
    found = merge_tiles([(tile, Findings((Mark("m1", Box(1, 2, 11, 12), "nucleus"),), {"nucleus": 3}))])
    x, y = tile.window.x1, tile.window.y1
    assert found.marks[0].shape == Box(x + 1, y + 2, x + 11, y + 12) and found.stated == {"nucleus": 3}


def test_tiles_of_the_content_stay_within_it():
    def crowd(window: Box) -> list[Mark]:
        boxes = [Box(100.0 + 12 * i, 80.0 + 12 * j, 108.0 + 12 * i, 88.0 + 12 * j) for i in range(25) for j in range(18)]
        return [
            Mark("p", b, "nucleus") for b in boxes if window.x1 <= b.center.x < window.x2 and window.y1 <= b.center.y < window.y2
        ]

    image = framed(drawn(smear))
    content, tiles = content_box(image), plan_by_content(image, ASK, {"nucleus"}, crowd)
    assert len(tiles) >= 4 and sum(t.core.area for t in tiles) == pytest.approx(content.area)
    assert all(content.x1 <= t.window.x1 and t.window.x2 <= content.x2 for t in tiles)


def test_a_label_that_was_learnt_in_whole_images_is_looked_for_in_whole_images():
    (tile,) = plan_by_content(framed(drawn(smear)), Question(Task.BOUNDING, ("yeast",)), {"nucleus"}, lambda w: ())
    assert tile.window == Box(0, 0, 640, 480)
