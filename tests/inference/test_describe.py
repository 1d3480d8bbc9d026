"""What the vision tower sees in an image, as one description: images of a kind are alike, and adapters change nothing."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import BASE
from pdc.inference.predictors.local import LocalPredictor


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_two_smears_are_alike_and_other_pictures_are_not(embedded: LocalPredictor, smears):
    one, other = (embedded.describe(image) for image, _ in smears[:2])
    dots = np.zeros((480, 640, 3), np.uint8)
    dots[100:130, 100:130] = dots[300:340, 400:440] = 180
    assert cosine(one, other) > 0.7 > 0.4 > cosine(one, embedded.describe(Image.fromarray(dots)))


def test_an_image_is_described_as_before_whichever_adapter_answered_last(embedded: LocalPredictor, smears):
    image = smears[0][0]
    before = embedded.describe(image)
    embedded.predict(image, Question(Task.COUNT_AND_BOX, ("red blood cell",)))
    assert np.array_equal(before, embedded.describe(image))
    assert embedded.likeness(image, BASE) is not None and np.array_equal(before, embedded.describe(image))
