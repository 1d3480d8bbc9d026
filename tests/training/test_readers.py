"""Whose reviews a fold leaves out, by name or by image."""

from __future__ import annotations

import pytest
from places import Place, boxes

from pdc.domain.errors import BadSetting
from pdc.domain.values import Question, Task
from pdc.training.config import TrainConfig
from pdc.training.readers import check_known, not_left_out, offered

ASKED = Question(Task.BOUNDING, ("cell",))


@pytest.fixture
def place(tmp_path) -> Place:
    place = Place(tmp_path)
    for name in ("first", "second"):
        place.review(place.image(name), ASKED, boxes(("cell", (1, 1, 9, 9))))
    return place


def test_a_reader_and_an_image_can_be_left_out(place):
    first, second = place.store.usable_reviews()
    by_image = not_left_out(place.store, TrainConfig("base", without_images=[first.image_sha256[:10]]))
    assert (by_image(first), by_image(second)) == (False, True)
    assert not any(map(not_left_out(place.store, TrainConfig("base", without_readers=["ada"])), (first, second)))
    assert all(map(not_left_out(place.store, TrainConfig("base")), (first, second))) and offered(place.store) == ["ada"]


@pytest.mark.parametrize(
    ("names", "images", "said"),
    [(["Ada"], [], "readers are: ada"), ([], ["00"], "8 digits"), ([], ["0" * 12], "begins with 000")],
)
def test_a_name_that_fits_nothing_is_a_sentence(place, names, images, said):
    check_known(place.store, ["ada"], [place.store.images()[0].sha256[:8]])
    with pytest.raises(BadSetting, match=said):
        check_known(place.store, names, images)
