"""Training crops of the embedded model: windows, pixels and targets agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from finetune.data.drawings import Sample
from finetune.tiny import LABELS, TOKEN_PX
from finetune.tiny.crops.pixels import ImageStore, places, recolour
from finetune.tiny.crops.views import LEAST_SIDE, NOTHING, PIECES, SHOWN, Catalogue, View, batch_of_views, draw, view_of
from finetune.tiny.crops.views import Mixture as Shares
from finetune.tiny.targets import INSIDE, PEAK, dense_targets, padded

GRID = (8, 8)
WHITE = 255


def spotted(wh: tuple[int, int], n: int, seed: int, source: str) -> Sample:
    """A grey image with white rectangles, whose boxes are the truth."""
    rng, (w, h) = np.random.default_rng(seed), wh
    image, boxes = np.full((h, w, 3), 60, np.uint8), []
    for k in range(n):
        x, y = 20 + k * (w - 60) // max(n, 1), rng.integers(10, h - 60)
        boxes.append((x, y, x + 30, y + 40))
        image[y : y + 40, x : x + 30] = WHITE
    return Sample(image, np.array(boxes, np.float32).reshape(-1, 4), np.full(n, LABELS.index("polyp"), np.int64), source)


@pytest.fixture(scope="module")
def samples() -> dict[str, list[Sample]]:
    return {"polyps": [spotted((256 + 30 * i, 240), 1 + i % 3, i, "polyps") for i in range(8)]}


def white_box(image: torch.Tensor) -> list[float]:
    """The box of a crop's white pixels."""
    ys, xs = torch.where(image.mean(-1) > 0.6)
    return [float(xs.min()), float(ys.min()), float(xs.max()) + 1, float(ys.max()) + 1]


def test_the_pixels_of_a_crop_lie_where_its_boxes_say(samples):
    store, catalogue, checked = ImageStore(samples), Catalogue(samples), 0
    for step in range(12):
        views = batch_of_views(catalogue, 6, 3, step, Shares({"polyps": 1.0}, ((GRID, 0.7), ((5, 9), 0.3))))
        images = store.cut(places(views, np.random.default_rng(step)) | {"plain": torch.zeros(6, 3)})
        for view, image in zip(views, images, strict=True):
            if len(view.boxes) == 1 and len(catalogue.boxes[view.index]) == 1 and not view.mirrored:
                assert white_box(image) == pytest.approx(view.boxes[0].tolist(), abs=2.5)
                checked += 1
    assert checked > 10


def test_the_same_step_gives_the_same_crops(samples):
    store, catalogue, mixture = ImageStore(samples), Catalogue(samples), Shares({"polyps": 0.7, "blank": 0.3}, ((GRID, 1.0),))

    def images() -> torch.Tensor:
        views = batch_of_views(catalogue, 5, 1, 7, mixture)
        return recolour(store.cut(places(views, np.random.default_rng(0))), np.random.default_rng(1))

    torch.manual_seed(0)
    first = images()
    torch.manual_seed(0)
    assert torch.equal(first, images())


def test_clean_pieces_and_pieces_with_an_object_are_cut_by_one_rule(samples):
    """Otherwise a model learns that what is magnified is clean."""
    catalogue = Catalogue({"polyps": [spotted((256, 256), 1, i, "polyps") for i in range(30)]})
    sides: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        view = draw(catalogue, rng, GRID, {"polyps" if seed % 2 else "blank": 1.0})
        width = view.window[2] - view.window[0]
        if view.index != NOTHING and width < PIECES[1] * 256 * 0.7:
            sides[view.source == "blank"].append(width)
    assert min(len(s) for s in sides.values()) > 60
    assert np.median(sides[True]) == pytest.approx(np.median(sides[False]), rel=0.25)


def test_a_clean_piece_touches_no_object(samples):
    catalogue = Catalogue(samples)
    for seed in range(200):
        view = draw(catalogue, np.random.default_rng(seed), GRID, {"blank": 1.0})
        x1, y1, x2, y2 = view.window
        boxes = catalogue.boxes[view.index] if view.index != NOTHING else np.zeros((0, 4))
        assert not len(view.boxes) and not any(a < x2 and c > x1 and b < y2 and d > y1 for a, b, c, d in boxes)


def test_what_is_mostly_outside_or_too_narrow_is_not_asked_for(samples):
    for seed in range(300):
        view = draw(Catalogue(samples), np.random.default_rng(seed), GRID, {"polyps": 1.0})
        sides = view.boxes[:, 2:] - view.boxes[:, :2]
        assert (sides >= LEAST_SIDE).all() and (view.boxes >= 0).all() and (view.boxes <= GRID[0] * TOKEN_PX).all()
    assert SHOWN > 0


def test_a_window_of_a_large_image_is_averaged_and_not_picked_from():
    """Fine stripes shrunk to a quarter are grey, not stripes of another width."""
    stripes = np.zeros((448, 448, 3), np.uint8)
    stripes[:, ::2] = WHITE
    store = ImageStore({"x": [Sample(stripes, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "x")]})
    view = View(0, (0, 0, 448, 448), (False, False, False), (4, 4), np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "x")
    (image,) = store.cut(places([view], np.random.default_rng(0)))
    assert float((image - 0.5).abs().max()) < 0.02


def test_around_a_small_field_lies_a_plain_frame():
    store = ImageStore({"x": [spotted((100, 100), 0, 0, "x")]})
    view = View(0, (-50, -50, 150, 150), (False, False, False), (4, 4), np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "x")
    (image,) = store.cut(places([view], np.random.default_rng(0)) | {"plain": torch.ones(1, 3)})
    assert float(image[:20].min()) == 1.0 and float(image[56, 56].mean()) == pytest.approx(60 / 255, abs=0.01)


def test_mirror_images_around_a_field_show_mirrored_objects():
    sample = spotted((100, 100), 1, 0, "x")
    store, catalogue = ImageStore({"x": [sample]}), Catalogue({"x": [sample]})
    view = view_of(catalogue, 0, (-100, -100, 100, 100), np.random.default_rng(3), (8, 8), mirrored=True)
    (image,) = store.cut(places([view], np.random.default_rng(0)))
    assert len(view.boxes) == 4
    for x1, y1, x2, y2 in view.boxes.round().astype(int):
        assert float(image[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].min()) > 0.9
    assert float((image.mean(-1) > 0.6).sum()) == pytest.approx((view.boxes[:, 2:] - view.boxes[:, :2]).prod(1).sum(), rel=0.1)


def test_dense_targets_have_their_peak_at_the_object_and_its_box_around():
    boxes, classes = torch.tensor([[[30.0, 30, 80, 90], [0, 0, 0, 0]]]), torch.tensor([[4, -1]])
    targets = dense_targets(boxes, classes, (5, 5))
    owner = 2 * 5 + 1  # the centre (55, 60) lies in row 2, column 1
    assert targets.heat[0, owner, 4] == 1 and targets.heat[..., :4].max() == 0
    assert (targets.heat[0, :, 4].sort().values[:-1] <= PEAK).all()
    centre = torch.tensor([1.5, 2.5, 1.5, 2.5]) * TOKEN_PX
    assert torch.allclose(targets.box[0, owner] * TOKEN_PX + centre, boxes[0, 0])
    assert ((targets.weight[0] > 0) == (targets.weight[0] > INSIDE)).all()


def test_the_smaller_of_two_objects_keeps_its_token():
    boxes, classes = torch.tensor([[[0.0, 0, 140, 140], [60, 60, 80, 80]]]), torch.tensor([[0, 2]])
    targets = dense_targets(boxes, classes, (5, 5))
    centre = torch.tensor([2.5, 2.5, 2.5, 2.5]) * TOKEN_PX
    assert torch.allclose(targets.box[0, 12] * TOKEN_PX + centre, boxes[0, 1])


def test_views_without_objects_can_be_padded():
    view = View(0, (0, 0, 1, 1), (False, False, False), GRID, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), "x")
    boxes, classes = padded([view, view])
    assert boxes.shape == (2, 1, 4) and (classes == -1).all()
    assert dense_targets(boxes, classes, GRID).weight.sum() == 0
