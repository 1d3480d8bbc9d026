"""Text burned into images: what of it may say who somebody is, that it is found, and that it is gone once painted over."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
import tifffile
from pictures import encoded
from PIL import Image as Pillow
from planted_text import covered, planted

from pdc.domain.errors import BadImage
from pdc.domain.values import Box
from pdc.images.burned_in.door import Action, TextInImage, TextRule
from pdc.images.burned_in.finder import FINDER, NotLookedThrough, TextFinder
from pdc.images.burned_in.ocr import Text
from pdc.images.burned_in.painting import painted
from pdc.images.burned_in.rules import Kind, kind_of
from pdc.images.burned_in.worker import boxes_of
from pdc.images.intake import Accepted, accept

BOX = Box(10, 5, 30, 15)


def picture(size: tuple[int, int] = (60, 40)) -> Accepted:
    return accept(encoded(Pillow.effect_noise(size, 60).convert("RGB")), "noise.png")


@pytest.mark.parametrize(
    "text",
    ["Name: Müller", "ID 4711832", "12.03.1961", "14:33", "A20-118834", "Klinikum", "王小明", "Schröder, H.", "100 µm Weber"],
)
def test_names_numbers_dates_and_words_may_say_who_somebody_is(text: str):
    assert kind_of(text) is Kind.IDENTIFYING


@pytest.mark.parametrize(
    "text",
    [
        "10 µm",
        "100um",
        "50 pm",
        "0.5 mm",
        "40x",
        "x 100",
        "40x/0.75",
        "DAPI",
        "GFP 200 ms",
        "Scale bar 20 μm",
        "Cy5",
        "Z 3/12",
        "75 %",
    ],
)
def test_scale_bars_magnifications_and_channels_are_harmless(text: str):
    assert kind_of(text) is Kind.HARMLESS


def test_two_letters_say_nothing_alone_but_are_painted_over_beside_what_does():
    short, name, bar = (Text(words, 0.9, (at, 0, at + 5, 5)) for at, words in ((0, "M9"), (10, "Weber"), (20, "10 µm")))
    assert boxes_of([short, bar], any_text=False) == []
    assert boxes_of([short, name, bar], any_text=False) == [[0, 0, 5, 5], [10, 0, 15, 5]]
    assert len(boxes_of([short, bar], any_text=True)) == 2


def test_painted_pixels_are_gone_and_the_rest_is_as_it_was():
    before = picture()
    after = painted(before, [BOX])
    old, new = np.asarray(before.pixels()), np.asarray(after.pixels())
    inside = np.zeros(old.shape[:2], bool)
    inside[5:15, 10:30] = True
    assert not new[inside].any() and (new[~inside] == old[~inside]).all()
    assert after.sha256 == hashlib.sha256(after.png).hexdigest() != before.sha256


def test_the_numbers_behind_a_picture_are_painted_over_too():
    values = np.random.default_rng(0).integers(1, 4000, (40, 60), np.uint16)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values)
    before = accept(buffer.getvalue(), "deep.tif")
    after = painted(before, [BOX])
    assert after.raw is not None and after.view is not None and after.view.raw == hashlib.sha256(after.raw).hexdigest()
    numbers = tifffile.imread(io.BytesIO(after.raw))
    assert not numbers[5:15, 10:30].any() and (numbers[20:] == values[20:]).all()


def found(*boxes: Box):
    return lambda png, sha256, size, *, any_text: boxes


def test_each_rule_does_what_it_says_with_text():
    image = picture()
    assert TextRule(Action.KEEP, find=found(BOX)).passed(image).boxes == ()  # nothing is looked through
    assert TextRule(Action.ASK, find=found()).passed(image).image is image
    with pytest.raises(TextInImage, match=r"places: 1"):
        TextRule(Action.ASK, find=found(BOX)).passed(image)
    with pytest.raises(BadImage, match="refused here"):
        TextRule(Action.REFUSE, find=found(BOX)).passed(image)
    done = TextRule(Action.PAINT, find=found(BOX)).passed(image)
    assert done.painted and done.boxes == (BOX,) and done.image.sha256 != image.sha256 and "painted over" in done.notes[0]


def test_a_reader_chooses_only_where_they_are_asked():
    image = picture()
    kept = TextRule(Action.ASK, find=found(BOX)).passed(image, Action.KEEP)
    assert kept.image is image and kept.boxes == (BOX,) and not kept.painted
    assert TextRule(Action.ASK, find=found(BOX)).chosen(Action.KEEP).passed(image).boxes == (BOX,)  # kept, and noted as such
    assert TextRule(Action.PAINT, find=found(BOX)).passed(image, Action.KEEP).painted
    with pytest.raises(BadImage, match="refused here"):
        TextRule(Action.REFUSE, find=found(BOX)).passed(image, Action.KEEP)


def test_an_image_that_took_too_long_is_told_of_or_refused_and_the_next_is_looked_through():
    finder = TextFinder(seconds=0.0)
    image = picture()
    with pytest.raises(NotLookedThrough, match="longer than 0 s"):
        finder.boxes(image.png, image.sha256, (60, 40))
    (note,) = TextRule(Action.ASK, find=finder.boxes).passed(image).notes
    assert "not looked through" in note
    with pytest.raises(BadImage, match="not looked through"):
        TextRule(Action.PAINT, find=finder.boxes).passed(image)


@pytest.mark.slow
def test_planted_names_are_found_whatever_their_size_and_colour_and_noise_alone_is_not():
    tissue = Pillow.fromarray(np.random.default_rng(3).normal((150, 60, 90), 12, (240, 320, 3)).clip(0, 255).astype(np.uint8))
    for at in (0, 3, 11, 25):
        drawn = planted(tissue, at)
        image = accept(drawn.data, "planted")
        boxes = FINDER.boxes(image.png, image.sha256, (image.width, image.height))
        assert covered(drawn.box, [b.xyxy for b in boxes], (image.width, image.height)) > 0.9, (at, drawn.text, drawn.how)
        clean = painted(image, boxes)
        assert FINDER.boxes(clean.png, clean.sha256, (image.width, image.height)) == ()
    bare = accept(encoded(tissue), "tissue.png")
    assert FINDER.boxes(bare.png, bare.sha256, (320, 240)) == ()
