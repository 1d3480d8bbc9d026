"""Clean pieces and pieces with an object differ in what they show, and in nothing else."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np

from finetune.evaluate.pieces import GAP, LEAST_SIDE, SHOWN, clean_piece, cut_box, painted_over, pairs, shows, visible
from pdc.domain.values import Box

WH = (256, 256)


def frames(n: int = 40, seed: int = 0) -> list[tuple[tuple[int, int], list[Box]]]:
    """Frames of one or two sizes with a box or two anywhere, as polyps lie."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        wh = WH if i % 4 else (320, 240)
        corners = [(rng.uniform(0, wh[0] - 90), rng.uniform(0, wh[1] - 90), *rng.uniform(30, 90, 2)) for _ in range(1 + i % 2)]
        made.append((wh, [Box(x, y, x + w, y + h) for x, y, w, h in map(lambda c: tuple(map(float, c)), corners)]))
    return made


def test_a_clean_piece_touches_no_box_and_nothing_larger_would_do():
    rng = np.random.default_rng(0)
    for _ in range(10):
        corners = np.sort(rng.uniform(0, 256, (3, 2, 2)), axis=1).reshape(3, 4)
        boxes = [Box(*map(float, c)) for c in corners]
        piece = clean_piece(WH, boxes)
        free = np.ones(WH, bool)
        for b in boxes:
            free[int(b.y1) : int(np.ceil(b.y2)), int(b.x1) : int(np.ceil(b.x2))] = False
        assert piece is None or free[piece[1] : piece[3], piece[0] : piece[2]].all()
        area = 0 if piece is None else (piece[2] - piece[0]) * (piece[3] - piece[1])
        side = _largest_square(free)
        assert area >= side**2 or side < LEAST_SIDE


def _largest_square(free: np.ndarray) -> int:
    side = np.zeros((257, 257), int)
    for y in range(256):
        for x in range(256):
            if free[y, x]:
                side[y + 1, x + 1] = 1 + min(side[y, x], side[y + 1, x], side[y, x + 1])
    return int(side.max())


def test_an_image_that_is_full_has_no_clean_piece():
    assert clean_piece(WH, [Box(50, 50, 206, 206)]) is None
    assert clean_piece(WH, []) == (0, 0, 256, 256)


def test_a_clean_piece_stays_in_the_image_where_a_box_hangs_over_its_edge():
    left, top, right, bottom = clean_piece(WH, [Box(-20, -20, 40, 300)]) or (0, 0, 0, 0)
    assert (left, top, right, bottom) == (40, 0, 256, 256)


def test_pieces_of_both_sorts_have_the_same_sizes_and_places_in_frames_of_the_same_size():
    some = frames()
    found = pairs(some)
    assert len(found) > len(some) / 2
    assert Counter((p.window, some[p.clean][0]) for p in found) == Counter((p.window, some[p.shown][0]) for p in found)
    for p in found:
        left, top, right, bottom = p.window
        assert min(left, top) >= 0 and right <= some[p.clean][0][0] and bottom <= some[p.clean][0][1]
        assert min(right - left, bottom - top) >= LEAST_SIDE


def test_no_piece_cuts_an_object_in_two_and_no_clean_one_comes_near_one():
    some = frames()
    for p in pairs(some):
        shares = [visible(b, p.window) for b in some[p.shown][1]]
        assert any(shares) and all(s == 0 or s >= SHOWN for s in shares)
        near = [Box(b.x1 - GAP, b.y1 - GAP, b.x2 + GAP, b.y2 + GAP) for b in some[p.clean][1]]
        assert not any(visible(b, p.window) for b in near)


def test_each_frame_gives_at_most_one_piece_of_a_sort_and_no_pair_is_of_one_frame():
    found = pairs(frames())
    assert len({p.clean for p in found}) == len({p.shown for p in found}) == len(found)
    assert all(p.clean != p.shown for p in found)


def test_the_same_seed_cuts_the_same_pieces_and_another_one_others():
    some = frames(12)
    assert pairs(some, 3) == pairs(some, 3) != pairs(some, 4)


def test_a_piece_shows_what_lies_in_it():
    window = (100, 100, 200, 200)
    assert shows([Box(150, 150, 180, 180)], window) and not shows([], window)
    assert not shows([Box(190, 190, 220, 220)], window) and not shows([Box(150, 150, 180, 180), Box(190, 190, 220, 220)], window)
    assert cut_box(Box(90, 150, 150, 250), window) == Box(0, 50, 50, 100)


def endoscopy(rng: np.random.Generator) -> np.ndarray:
    """Mucosa in an octagon on black, with a caption and a green position guide."""
    tissue = (rng.normal(0, 4, (*WH, 3)) + np.array((190, 90, 70))).clip(60, 255).astype(np.uint8)
    outside = np.ones(WH, np.uint8)
    cv2.circle(outside, (128, 128), 140, 0, -1)
    frame = np.where(outside[..., None] > 0, np.uint8(4), tissue)
    frame[170:250, 4:64] = (20, 160, 120)
    cv2.putText(frame, "14/03", (6, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (250, 250, 250), 1)
    return frame


def test_black_borders_captions_and_guides_are_painted_over_and_the_tissue_stays():
    frame = endoscopy(np.random.default_rng(1))
    painted = painted_over(frame)
    assert painted.shape == frame.shape and painted.dtype == np.uint8
    assert (frame.max(2) < 40).mean() > 0.02 and painted.max(2).min() > 100  # no black is left
    assert (painted[..., 1].astype(int) <= painted[..., 0]).all()  # nor the green of the guide
    assert painted[40:64, :50].min(2).max() < 200  # nor the white letters
    assert np.array_equal(painted[80:160, 80:200], frame[80:160, 80:200])
    assert np.array_equal(painted, painted_over(frame))


def test_a_frame_without_a_border_is_left_alone_and_a_black_one_too():
    tissue = np.full((*WH, 3), (190, 90, 70), np.uint8)
    assert np.array_equal(painted_over(tissue), tissue)
    assert not painted_over(np.zeros((64, 64, 3), np.uint8)).any()
