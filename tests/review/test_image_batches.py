"""Images that belong together: by their group, else by what their names have in common."""

from __future__ import annotations

from dataclasses import replace

from store_values import an_image

from pdc.domain.values import Image
from pdc.review.counting.batches import batches, shown_batch, stem


def image(name: str, group: str | None = None) -> Image:
    return replace(an_image(name), name=name, group=group or name)


def test_images_of_a_group_are_one_batch_and_others_go_by_their_names_without_the_number():
    images = [image("b_10.png"), image("b_9.png"), image("x.png", "slide 1"), image("y.png", "slide 1"), image("c (2).tif")]
    found = batches(images, frozenset(["y.png"]))
    assert [(b.name, [i.name for i in b.images], b.read, b.is_group) for b in found] == [
        ("b", ["b_9.png", "b_10.png"], 0, False),
        ("c", ["c (2).tif"], 0, False),
        ("slide 1", ["x.png", "y.png"], 1, True),
    ]


def test_every_image_is_in_one_batch():
    images = [image(f"{n}.png") for n in range(5)] + [image("a1.png"), image("a.png", "a")]
    found = batches(images)
    assert sorted(sha for b in found for sha in b.shas) == sorted(i.sha256 for i in images)
    assert len({b.key for b in found}) == len(found)


def test_a_name_that_is_only_a_number_stays_a_name():
    assert (stem("17.png"), stem("S-17 field 2.png"), stem("smear.png")) == ("17", "S-17 field", "smear")


def test_images_that_are_taken_are_left_out_of_a_batch():
    assert shown_batch([image("a.png"), image("b.png")], frozenset()).without(["a.png"]).shas == ["b.png"]
