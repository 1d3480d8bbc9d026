"""Tiles cover an image once, follow its content, and their answers come together as one."""

from __future__ import annotations

import random

import pytest

from pdc.domain.values import Box, Findings, Mark, Point
from pdc.inference.predictors.tiling import FULL, SHRUNK, Tile, fuse_marks, merge_tiles, plan_by_size, plan_tiles


def cells(wh, n, side, seed=0) -> list[Box]:
    """n squares of `side` pixels on a jittered grid."""
    rng, across = random.Random(seed), max(1, round((n * wh[0] / wh[1]) ** 0.5))
    down = -(-n // across)
    found = []
    for i in range(n):
        x, y = (i % across + 0.5) * wh[0] / across + rng.uniform(-2, 2), (i // across + 0.5) * wh[1] / down + rng.uniform(-2, 2)
        found.append(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2))
    return found


def seen_in(window: Box, boxes: list[Box]) -> list[Box]:
    """What a perfect model proposes for a window, in image pixels: whatever has its centre there."""
    return [b for b in boxes if window.x1 <= b.center.x < window.x2 and window.y1 <= b.center.y < window.y2]


def answered(tile: Tile, boxes: list[Box], score=0.9) -> tuple[Tile, Findings]:
    """A perfect answer in window pixels: every box at least half visible, cut at the window's edge."""
    w, marks = tile.window, []
    for i, b in enumerate(boxes):
        cut = max(b.x1, w.x1), max(b.y1, w.y1), min(b.x2, w.x2), min(b.y2, w.y2)
        if cut[2] > cut[0] and cut[3] > cut[1] and (cut[2] - cut[0]) * (cut[3] - cut[1]) > 0.5 * b.area:
            marks.append(Mark(f"m{i}", Box(cut[0] - w.x1, cut[1] - w.y1, cut[2] - w.x1, cut[3] - w.y1), "nucleus", score=score))
    return tile, Findings(tuple(marks), {"nucleus": len(marks)})


@pytest.mark.parametrize("wh", [(256, 256), (640, 480), (1388, 1040), (300, 900), (51, 40)])
@pytest.mark.parametrize(("n", "side"), [(0, 10), (1, 60), (12, 40), (60, 18), (150, 14), (400, 10)])
def test_cores_divide_the_image_and_every_object_is_found_once(wh, n, side):
    boxes = cells(wh, n, side)
    tiles = plan_tiles(wh, lambda window: seen_in(window, boxes))
    assert sum(t.core.area for t in tiles) == pytest.approx(wh[0] * wh[1])
    assert all(t.window.x1 <= t.core.x1 and t.core.x2 <= t.window.x2 and t.window.x2 <= wh[0] for t in tiles)
    if min(wh) < 2 * side:
        return
    whole = [b for b in boxes if b.x1 >= 0 and b.y1 >= 0 and b.x2 <= wh[0] and b.y2 <= wh[1]]
    found = merge_tiles([answered(t, whole) for t in tiles])
    assert sorted(m.shape.xyxy for m in found.marks) == [pytest.approx(b.xyxy) for b in sorted(whole, key=lambda b: b.xyxy)]
    assert found.stated == {"nucleus": len(whole)} or not whole
    assert len({m.id for m in found.marks}) == len(found.marks)


def test_few_large_objects_need_one_look_and_many_need_several():
    assert len(plan_tiles((640, 480), lambda w: seen_in(w, cells((640, 480), 9, 80)))) == 1
    full = cells((640, 480), FULL * 3, 40)
    tiles = plan_tiles((640, 480), lambda w: seen_in(w, full))
    assert len(tiles) > 1 and all(len(seen_in(t.core, full)) <= FULL for t in tiles)


def test_only_the_crowded_part_is_cut():
    crowd = cells((200, 200), 60, 14)
    tiles = plan_tiles((800, 800), lambda w: seen_in(w, crowd))
    assert {t.core.width for t in tiles if t.core.x1 >= 400} == {400}
    assert min(t.core.width for t in tiles) < 400


def test_an_answer_to_the_whole_image_is_left_as_it_is():
    tile = Tile(Box(0, 0, 100, 80), Box(0, 0, 100, 80))
    findings = Findings((Mark("a", Box(1, 1, 9, 9), "polyp"),), {"polyp": 3})
    assert merge_tiles([(tile, findings)]) is findings


def test_of_two_views_of_one_object_the_surer_stays():
    sure, unsure = Mark("a", Box(10, 10, 30, 30), "nucleus", score=0.9), Mark("b", Box(11, 11, 31, 30), "nucleus", score=0.4)
    other = Mark("c", Box(10, 10, 30, 30), "platelet", score=0.1)
    assert fuse_marks([unsure, sure, other]) == [sure, other]


def test_points_of_one_object_are_fused_by_the_distance_of_neighbours():
    row = [Mark(f"m{i}", Point(20.0 * i, 5), "nucleus", score=0.8) for i in range(6)]
    again = Mark("x", Point(21.5, 6), "nucleus", score=0.3)
    assert fuse_marks([*row, again]) == row


def test_counts_without_marks_add_up():
    left, right = Tile(Box(0, 0, 50, 50), Box(0, 0, 40, 50)), Tile(Box(30, 0, 80, 50), Box(40, 0, 80, 50))
    assert merge_tiles([(left, Findings((), {"polyp": 2})), (right, Findings((), {"polyp": 1}))]).stated == {"polyp": 3}


@pytest.mark.parametrize("wh", [(640, 480), (1920, 1080), (1580, 1580)])
def test_an_image_that_a_model_sees_not_much_smaller_is_one_look(wh):
    assert plan_by_size(wh, 1_000_000) == (Tile(Box(0, 0, *wh), Box(0, 0, *wh)),)


@pytest.mark.parametrize(
    ("wh", "most"), [((4000, 3000), 1_000_000), ((6000, 5000), 1_000_000), ((9000, 500), 300_000), ((500, 9000), 300_000)]
)
def test_a_large_image_is_cut_by_its_size_into_looks_that_are_seen_large_enough(wh, most):
    whole, *tiles = plan_by_size(wh, most)
    assert whole.core == whole.window == Box(0, 0, *wh) and plan_by_size(wh, most, overview=False) == tuple(tiles)
    assert sum(t.core.area for t in tiles) == pytest.approx(wh[0] * wh[1])
    assert all(t.window.area <= SHRUNK * most and t.window.area > t.core.area for t in tiles)
    assert 2 <= len(tiles) <= 2 * wh[0] * wh[1] / (SHRUNK * most) + 2


def boxes_of(found: Findings) -> list[tuple[float, ...]]:
    return sorted(m.shape.xyxy for m in found.marks)


def test_an_object_larger_than_a_tile_is_one_object_and_small_ones_are_those_of_the_tiles():
    wh, large = (4000, 3000), Box(700, 600, 3300, 2400)
    small = [*cells((600, 500), 6, 80), Box(2900, 2700, 2980, 2780)]
    looks = [answered(t, [large, *small]) for t in plan_by_size(wh, 1_000_000)]
    overview = looks[0][0], Findings(tuple(m for m in looks[0][1].marks if m.shape == large), {"nucleus": 1})
    pieces = [m for _, f in looks[1:] for m in f.marks if max(m.shape.width, m.shape.height) > 500]
    looks[1:] = [(t, with_pieces(t, f, large)) for t, f in looks[1:]]
    found = merge_tiles([overview, *looks[1:]])
    assert not pieces and large.xyxy in boxes_of(found) and found.stated == {"nucleus": 8}
    assert [b for b in boxes_of(found) if b != large.xyxy] == [pytest.approx(b.xyxy) for b in sorted(small, key=lambda b: b.xyxy)]


def with_pieces(tile: Tile, found: Findings, large: Box) -> Findings:
    """The tile's answer with what it shows of the large object, as if that were one."""
    w = tile.window
    x1, y1, x2, y2 = max(w.x1, large.x1), max(w.y1, large.y1), min(w.x2, large.x2), min(w.y2, large.y2)
    if x2 <= x1 or y2 <= y1:
        return found
    piece = Mark("piece", Box(x1 - w.x1, y1 - w.y1, x2 - w.x1, y2 - w.y1), "nucleus", score=0.99)
    return Findings((*found.marks, piece), {"nucleus": len(found.marks) + 1})


def test_what_the_overview_takes_for_one_is_several_where_tiles_see_them_whole():
    wh, clump = (4000, 3000), Box(200, 200, 1200, 900)
    small = cells((800, 600), 12, 90)
    looks = [
        answered(t, [Box(b.x1 + 300, b.y1 + 250, b.x2 + 300, b.y2 + 250) for b in small]) for t in plan_by_size(wh, 1_000_000)
    ]
    overview = looks[0][0], Findings((Mark("m1", clump, "nucleus", score=1.0),), {"nucleus": 1})
    found = merge_tiles([overview, *looks[1:]])
    assert len(found.marks) == 12 and clump.xyxy not in boxes_of(found)


def test_a_tile_larger_than_the_others_is_no_overview():
    quarters = [Box(0, 0, 500, 500), Box(500, 0, 750, 250), Box(750, 0, 1000, 250)]
    looks = [(Tile(q, q), Findings((Mark("m1", Box(10, 10, 30, 30), "nucleus"),))) for q in quarters]
    assert len(merge_tiles(looks).marks) == 3
