"""Near copies are found, whatever was done to them; different images are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from finetune.data.drawings import fluorescence, mucosa, smear
from pdc.domain.errors import BadImage
from pdc.images.near_duplicates import ImageHash, are_near_duplicates, hash_image, hash_pixels, near_duplicate_pairs


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    """Grey drawings of three kinds, ten of each."""
    return [
        cv2.cvtColor(draw(np.random.default_rng(40 + i)).image, cv2.COLOR_RGB2GRAY)
        for draw in (smear, fluorescence, mucosa)
        for i in range(10)
    ]


def jpeg(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


def captioned(image: np.ndarray) -> np.ndarray:
    marked = image.copy()
    cv2.putText(marked, "PATIENT 7", (5, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
    return marked


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        jpeg,
        captioned,
        lambda i: cv2.resize(i, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
        lambda i: np.clip(i * 0.8 + 20, 0, 255).astype(np.uint8),
        lambda i: np.clip(i + np.random.default_rng(1).normal(0, 5, i.shape), 0, 255).astype(np.uint8),
        lambda i: i[: i.shape[0] // 2, : i.shape[1] // 2],  # a tile of a larger scan
    ],
    ids=["jpeg", "captioned", "smaller", "brighter", "noisier", "tile"],
)
def test_a_changed_copy_is_alike(scenes, change):
    found = [are_near_duplicates(hash_pixels(scene), hash_pixels(change(scene))) for scene in scenes]
    assert sum(found) >= 28, found


def test_different_images_are_not_alike(scenes):
    likes = {str(i): hash_pixels(scene) for i, scene in enumerate(scenes)}
    assert [(a, b) for a, b in near_duplicate_pairs(likes, likes) if a != b] == []


def test_flat_images_are_like_nothing_but_themselves():
    flat = hash_pixels(np.full((30, 40), 7, np.uint8))
    assert flat.whole is None and not are_near_duplicates(flat, flat)
    assert near_duplicate_pairs({"a": flat}, {"a": flat, "b": flat}) == [("a", "a")]


def test_text_and_back(scenes):
    for like in (hash_pixels(scenes[0]), hash_pixels(np.zeros((3, 3), np.uint8)), hash_pixels(np.zeros((1, 1), np.uint8))):
        assert ImageHash.parse(str(like)) == like


def test_what_is_no_image_is_a_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(BadImage, match="is not an image"):
        hash_image(tmp_path / "a.png")
