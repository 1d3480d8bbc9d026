"""One picture under two names is found in a sample, and unlike fields are left alone."""

from pathlib import Path

import numpy as np
from counted import Bench, sperm
from pictures import encoded
from PIL import Image as Pillow
from PIL import ImageFilter


def field(seed: int) -> Pillow.Image:
    """Dark discs on a bright ground."""
    rng = np.random.default_rng(seed)
    grey = np.full((120, 160), 200, np.uint8)
    rows, columns = np.mgrid[:120, :160]
    for x, y, r in zip(rng.uniform(0, 160, 14), rng.uniform(0, 120, 14), rng.uniform(6, 14, 14), strict=True):
        grey[(columns - x) ** 2 + (rows - y) ** 2 < r**2] = 60
    return Pillow.fromarray(grey).convert("RGB").filter(ImageFilter.GaussianBlur(1))


def copies(folder: Path, second: Pillow.Image) -> list[str]:
    """What the sheet says of two chamber sides, one of three fields and one of `second` and a fresh one."""
    bench = Bench(folder)
    sides = {"a": [field(1), field(2), field(3)], "b": [second, field(9)]}
    for group, pictures in sides.items():
        for i, picture in enumerate(pictures):
            bench.service.add_image(encoded(picture), f"{group}{i}.png", group)
    session = bench.counts.start("sperm-concentration", "S-17", ["a", "b"], reader="ada")
    for place in bench.counts.fields(session.id):
        bench.read(place.sha256, sperm(20))
    return [str(o.said) for o in bench.counts.sheet(session.id, "ada").outcomes if o.rule == "same picture"]


def test_a_brightened_copy_under_another_name_is_found(tmp_path: Path):
    brighter = field(2).resize((200, 150)).point(lambda value: min(int(value * 1.15), 255))
    (said,) = copies(tmp_path, brighter)
    assert "a1.png" in said and "b0.png" in said and "seem to show the same place" in said


def test_fields_of_one_slide_are_not_taken_for_copies(tmp_path: Path):
    assert copies(tmp_path, field(4)) == []
