"""Tiles cover an image once, follow its content, and their answers come together as one."""

from __future__ import annotations

import random

import pytest

from pdc.domain.values import Box, Findings, Mark, Point
from pdc.inference.predictors.tiling import FULL, Tile, fuse_marks, merge_tiles, plan_tiles


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
