"""Near copies are found, whatever was done to them; different images are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from real_data import real_images

from finetune.data.drawings import fluorescence, mucosa, smear
from pdc.domain.errors import BadImage
from pdc.images.near_duplicates import (
    SYMMETRIES,
    ImageHash,
    _near_hashes,
    _same_way_up,
    _turn,
    _turn_all,
    _turn_quarters,
    are_near_duplicates,
    hash_image,
    hash_pixels,
    near_duplicate_pairs,
    same_original_pairs,
)


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    """Grey drawings of three kinds, five of each."""
    return [
        cv2.cvtColor(draw(np.random.default_rng(40 + i)).image, cv2.COLOR_RGB2GRAY)
        for draw in (smear, fluorescence, mucosa)
        for i in range(5)
    ]


def jpeg(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


def captioned(image: np.ndarray) -> np.ndarray:
    marked = image.copy()
    cv2.putText(marked, "PATIENT 7", (5, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
    return marked


def mapped(image: np.ndarray, linear: list[list[float]]) -> np.ndarray:
    """Under a linear map about the centre; the rest is black."""
    h, w = image.shape
    centre, matrix = np.array([w / 2, h / 2]), np.array(linear)
    return cv2.warpAffine(image, np.column_stack([matrix, centre - matrix @ centre]), (w, h))


def turned(image: np.ndarray, degrees: float = 15) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return mapped(image, [[cos, sin], [-sin, cos]])


def cut(image: np.ndarray, kept: float = 0.85) -> np.ndarray:
    """One corner, at the size of the whole."""
    h, w = image.shape
    return cv2.resize(image[: int(h * kept), int(w * (1 - kept)) :], (w, h))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        jpeg,
        captioned,
        turned,
        cut,
        lambda i: mapped(i, [[1, 0.2], [0.1, 1]]),
        lambda i: i[:, ::-1],
        lambda i: np.rot90(i),
        lambda i: np.rot90(i, 2),
        lambda i: i.T,
        lambda i: np.clip(cut(turned(i[:, ::-1], 10), 0.9) * 1.1, 0, 255).astype(np.uint8),
        lambda i: cv2.resize(i, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
        lambda i: np.clip(i * 0.8 + 20, 0, 255).astype(np.uint8),
        lambda i: np.clip(i + np.random.default_rng(1).normal(0, 5, i.shape), 0, 255).astype(np.uint8),
        lambda i: i[: i.shape[0] // 2, : i.shape[1] // 2],  # a tile of a larger scan
    ],
    ids=[
        "jpeg",
        "captioned",
        "turned",
        "cut",
        "sheared",
        "mirrored",
        "quarter-turn",
        "half-turn",
        "transposed",
        "all",
        "smaller",
        "brighter",
        "noisier",
        "tile",
    ],
)
def test_a_changed_copy_is_alike(scenes, change):
    found = [are_near_duplicates(hash_pixels(scene), hash_pixels(np.ascontiguousarray(change(scene)))) for scene in scenes]
    assert sum(found) >= 14, found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blood_cells", *(pytest.param(k, marks=pytest.mark.nightly) for k in ("nuclei", "polyps"))])
def test_copies_of_real_images_are_found_by_the_index_and_no_others(kind: str):
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in real_images(kind, 25)]
    whole = {str(i): hash_pixels(image) for i, image in enumerate(images)}
    assert [(a, b) for a, b in near_duplicate_pairs(whole, whole) if a != b] == []
    for change in (turned, cut, lambda i: mapped(i, [[1, 0.2], [0.1, 1]]), lambda i: np.rot90(i[:, ::-1])):
        copies = {f"{i}~": hash_pixels(np.ascontiguousarray(change(image))) for i, image in enumerate(images)}
        pairs = near_duplicate_pairs(whole, copies)
        assert sum(b == f"{a}~" for a, b in pairs) >= 23 and all(b == f"{a}~" for a, b in pairs)


def test_names_tell_augmented_copies_of_one_image():
    names = {
        "a": "image-88_jpg.rf.0123456789abcdef0123456789abcdef.jpg",
        "b": "image-88_jpg.rf.666785c0.png",
        "c": "image-89_jpg.rf.0123456789abcdef0123456789abcdef.jpg",
        "d": "image-88.jpg",
        "e": "a.rf.jpg",
    }
    assert same_original_pairs(names) == [("a", "b"), ("b", "a")]


def test_a_hash_of_the_rule_before_still_reads(scenes):
    new = hash_pixels(scenes[0])
    old = ImageHash.parse(str(new).partition(" sift:")[0])
    assert old.keypoints is None and are_near_duplicates(old, new)
    assert near_duplicate_pairs({"old": old}, {"new": new}) == [("old", "new")]


def test_different_images_are_not_alike(scenes):
    likes = {str(i): hash_pixels(scene) for i, scene in enumerate(scenes)}
    assert [(a, b) for a, b in near_duplicate_pairs(likes, likes) if a != b] == []


def test_flat_images_are_like_nothing_but_themselves():
    flat = hash_pixels(np.full((30, 40), 7, np.uint8))
    assert flat.whole is None and not are_near_duplicates(flat, flat)
    assert near_duplicate_pairs({"a": flat}, {"a": flat, "b": flat}) == [("a", "a")]


def test_text_and_back(scenes):
    for like in (hash_pixels(scenes[0]), hash_pixels(np.zeros((3, 3), np.uint8)), hash_pixels(np.zeros((1, 1), np.uint8))):
        assert str(ImageHash.parse(str(like))) == str(like)


def test_what_is_no_image_is_a_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(BadImage, match="is not an image"):
        hash_image(tmp_path / "a.png")


def test_the_index_finds_what_comparing_each_with_each_finds():
    random = np.random.default_rng(3)
    table = random.integers(1, 2**63, (300, 5), dtype=np.uint64)
    for i in range(0, 200, 2):  # a copy: all of it, three quarters, or a quarter as a whole, turned, with up to 8 bits changed
        copy = _turn_all(table[i : i + 1], symmetry := SYMMETRIES[i % 8])[0]
        copy[1:] = copy[1:][_turn_quarters(symmetry)]
        for k in range(5):
            for bit in random.choice(64, (i + k) % 9, replace=False):
                copy[k] ^= np.uint64(1 << int(bit))
        if i % 3 == 0:
            table[i + 1] = copy
        elif i % 3 == 1:
            table[i + 1, 1:4] = copy[1:4]
        else:
            table[i + 1, 0] = copy[1 + i % 4]
    table[250] = 0
    some, others = [[_image_hash(row) for row in rows] for rows in (table[:260], table[40:])]
    every = {
        (i, j)
        for i, one in enumerate(some)
        for turned in [_turn(one, s) for s in SYMMETRIES]
        for j, other in enumerate(others)
        if _same_way_up(turned, other)
    }
    found = _near_hashes(table[:260], table[40:])
    assert every <= found and len(every) > 290 and len(found) < len(every) + 60


def _image_hash(row: np.ndarray) -> ImageHash:
    whole, *quarters = (int(h) or None for h in row)
    return ImageHash(whole, tuple(quarters))
