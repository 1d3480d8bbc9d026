"""The sizes at which labels are learnt follow from the training crops, as shares of a look."""

from __future__ import annotations

import numpy as np

from finetune.data.drawings import Sample
from finetune.tiny import LABELS
from finetune.tiny.crops.sizes import learnt_sizes
from finetune.tiny.crops.views import LEAST_SHARE, Mixture

POLYPS = Mixture({"polyps": 0.9, "drawn": 0.1}, (((10, 10), 1.0),))


def squares(side: int) -> list[Sample]:
    """Fields of 200 x 200 pixels with one square of `side` in the middle."""
    box = np.array([[100 - side / 2, 100 - side / 2, 100 + side / 2, 100 + side / 2]], np.float32)
    return [Sample(np.zeros((200, 200, 3), np.uint8), box, np.array([LABELS.index("polyp")]), "polyps") for _ in range(4)]


def test_an_object_is_learnt_from_its_size_in_whole_fields_and_smaller_ones_up_to_that_in_the_closest_windows():
    low, high = learnt_sizes({"polyps": squares(40)}, POLYPS, steps=40)["polyp"]
    assert 0.05 < low < 0.2 < high < 1.1 * 0.2 / LEAST_SHARE["polyps"] * 2


def test_objects_twice_as_large_are_learnt_twice_as_large():
    small, large = (learnt_sizes({"polyps": squares(side)}, POLYPS, steps=40)["polyp"] for side in (20, 40))
    assert all(1.7 < b / a < 2.3 for a, b in zip(small, large, strict=True))


def test_labels_that_training_never_shows_have_no_size():
    assert set(learnt_sizes({"polyps": squares(40)}, POLYPS, steps=4)) == {"polyp"}
