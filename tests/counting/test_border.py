"""Which objects at the edge count."""

import itertools
import json

import numpy as np
import pytest
from real_data import FOLDER

from pdc.counting.border import BorderKind, BorderRule, Side, counts, divide, frame_of, split
from pdc.domain.values import Box, Point

FRAME = Box(0, 0, 100, 100)
PAIRS = list(itertools.product((Side.LEFT, Side.RIGHT), (Side.TOP, Side.BOTTOM)))
AT = {"left": Box(-5, 40, 5, 50), "top": Box(40, -5, 50, 5), "right": Box(95, 40, 105, 50), "bottom": Box(40, 95, 50, 105)}
IN = {BorderKind.ALL: {"left", "top", "right", "bottom"}, BorderKind.WHOLE: set(), BorderKind.TWO_SIDED: {"left", "top"}}


@pytest.mark.parametrize("kind", IN)
def test_each_rule_keeps_its_sides(kind):
    rule = BorderRule(kind)
    assert {side for side, box in AT.items() if counts(box, FRAME, rule)} == IN[kind]
    assert counts(Box(40, 40, 50, 50), FRAME, rule)


@pytest.mark.parametrize("out", PAIRS)
def test_an_object_over_a_corner_counts_only_where_both_lines_are_in(out):
    corners = {(x, y): Box(x - 3, y - 3, x + 3, y + 3) for x in (0, 100) for y in (0, 100)}
    kept = {corner for corner, box in corners.items() if counts(box, FRAME, BorderRule(BorderKind.TWO_SIDED, out))}
    assert kept == {(0 if Side.RIGHT in out else 100, 0 if Side.BOTTOM in out else 100)}


def test_two_opposite_sides_are_no_rule():
    with pytest.raises(ValueError, match="two sides that meet"):
        BorderRule(BorderKind.TWO_SIDED, (Side.LEFT, Side.RIGHT))


def test_a_box_that_ends_a_little_before_the_edge_of_the_image_touches_it():
    frame = frame_of(100, 80, BorderRule(BorderKind.TWO_SIDED))
    assert not counts(Box(90, 10, 99.4, 20), frame, BorderRule(BorderKind.TWO_SIDED))
    assert counts(Box(0, 10, 0.4, 20), frame, BorderRule(BorderKind.TWO_SIDED))
    whole = BorderRule(BorderKind.WHOLE)
    assert not counts(Box(0.5, 10, 9, 20), frame_of(100, 80, whole), whole)


@pytest.mark.parametrize("out", PAIRS)
@pytest.mark.parametrize("parts", [(2, 2), (3, 3), (1, 4)])
def test_the_parts_of_a_frame_add_up_to_the_whole(out, parts):
    rng = np.random.default_rng(7)
    corners, sides = rng.uniform(-10, 105, (400, 2)), rng.uniform(0, 40, (400, 2))
    boxes = [Box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sides, strict=True)]
    shapes = [*boxes, *(Point(x, y) for x, y in rng.integers(0, 101, (200, 2)))]  # whole numbers fall on the lines too
    rule = BorderRule(BorderKind.TWO_SIDED, out)
    in_parts = [set(divide(shapes, part, rule)[0]) for part in split(FRAME, *parts)]
    assert sum(map(len, in_parts)) == len(set.union(*in_parts))
    assert set.union(*in_parts) == set(divide(shapes, FRAME, rule)[0])


def test_only_the_two_sided_rule_measures_a_density_without_bias():
    rng = np.random.default_rng(3)
    radius = 8.0
    found = dict.fromkeys(BorderKind, 0)
    for _ in range(400):
        centres = rng.uniform(-radius, 100 + radius, (rng.poisson(100 * 116 * 116 / 1e4), 2))
        for kind in BorderKind:
            rule = BorderRule(kind)
            found[kind] += sum(counts(Box(x - radius, y - radius, x + radius, y + radius), FRAME, rule) for x, y in centres)
    read = {kind: n / 400 / 100 for kind, n in found.items()}
    assert abs(read[BorderKind.TWO_SIDED] - 1) < 0.02 and abs(read[BorderKind.CENTRE] - 1) < 0.02
    assert read[BorderKind.ALL] > 1.3 and read[BorderKind.WHOLE] < 0.75


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no annotated images")
@pytest.mark.parametrize("source", ["blood_cells", "nuclei", "sperm"])
def test_real_images_cut_into_parts_add_up_exactly(source):
    truth = json.loads((FOLDER / source / "dev.json").read_text())
    rule, every = BorderRule(BorderKind.TWO_SIDED), BorderRule(BorderKind.ALL)
    boxes = {i["id"]: [] for i in truth["images"]}
    for a in truth["annotations"]:
        x, y, w, h = a["bbox"]
        boxes[a["image_id"]].append(Box(x, y, x + w, y + h))
    twice = 0
    for image in truth["images"]:
        frame = frame_of(image["width"], image["height"], rule)
        whole = divide(boxes[image["id"]], frame, rule)[0]
        for n in (2, 3):
            parts = [divide(boxes[image["id"]], part, rule)[0] for part in split(frame, n, n)]
            assert sorted(at for part in parts for at in part) == whole, image["file_name"]
        twice += sum(len(divide(boxes[image["id"]], part, every)[0]) for part in split(frame, 2, 2)) > len(boxes[image["id"]])
    assert twice > len(boxes) / 2  # what counting all would do
