"""A rough box becomes the box of the object in it: by colour, by a detector, and by what the label's rule makes of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pictures import cells

from pdc.domain.errors import BadModel
from pdc.domain.geometry import iou
from pdc.domain.values import Box, Point
from pdc.inference.experts.registry import Experts
from pdc.inference.fitting.colour import by_colour
from pdc.inference.fitting.detector import by_detector, guessed_sides, under_click, window_of
from pdc.inference.fitting.fitter import Fitter, Scene, Wish, moved
from pdc.inference.fitting.rules import UNMEASURED, Rule, Way, read_rules
from pdc.settings import EMBEDDED_MODEL

WH = (200, 150)
CELL, OTHER = Box(60, 50, 100, 90), Box(104, 60, 144, 100)
PICTURE = np.asarray(cells(WH, (CELL.xyxy, OTHER.xyxy)))
ROUGH = Box(54, 55, 103, 86)


def seeing(*known: tuple[Box, float]):
    """A detector that sees these boxes of the whole picture, wherever it looks."""
    asked: list[tuple[int, ...]] = []

    def look(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(part.shape)
        place = _place_of(part)
        return np.array([s for _, s in known]), np.array([np.array(b.xyxy) - (*place, *place) for b, _ in known])

    look.asked = asked  # pyright: ignore[reportFunctionMemberAccess]
    return look


def _place_of(part: np.ndarray) -> tuple[int, int]:
    """Where a view of PICTURE starts."""
    offset = part.__array_interface__["data"][0] - PICTURE.__array_interface__["data"][0]
    return offset % PICTURE.strides[0] // 3, offset // PICTURE.strides[0]


def test_colour_finds_the_object_in_a_rough_box_and_its_outline():
    found = by_colour(PICTURE, ROUGH)
    assert found and iou(found[0], CELL) > 0.9
    (ring,) = found[1]
    xs, ys = zip(*ring, strict=True)
    assert 6 <= len(ring) <= 40 and iou(Box(min(xs), min(ys), max(xs), max(ys)), CELL) > 0.85


def test_colour_finds_bright_objects_on_a_dark_ground_alike():
    found = by_colour(255 - PICTURE, ROUGH)
    assert found and iou(found[0], CELL) > 0.9


def test_colour_finds_nothing_where_all_looks_alike():
    assert by_colour(np.full((80, 80, 3), 90, np.uint8), Box(20, 20, 50, 50)) is None
    assert by_colour(PICTURE, Box(199.5, 149.5, 200, 150)) is None


def test_a_large_object_is_looked_at_smaller_and_its_box_is_still_in_the_images_pixels():
    large = np.asarray(cells((1200, 900), [(300, 200, 800, 700)]))
    found = by_colour(large, Box(260, 260, 850, 690))
    assert found and iou(found[0], Box(300, 200, 800, 700)) > 0.9


def test_boxes_of_a_detector_that_agree_with_the_rough_one_are_averaged_by_their_scores():
    near, far = (Box(60, 50, 100, 88), 0.6), (OTHER, 0.99)
    found = by_detector(seeing((CELL, 0.6), near, far), PICTURE, CELL, (0.3, 0.5))
    assert found and found.y2 == pytest.approx(89, abs=0.2) and found.x1 == pytest.approx(60)
    assert by_detector(seeing(far), PICTURE, CELL, (0.3,)) is None
    assert by_detector(seeing((CELL, 0.01)), PICTURE, CELL, (0.3,)) is None


def test_the_window_of_a_detector_shows_the_object_at_its_share_and_stays_in_the_image():
    assert window_of(Box(60, 50, 80, 60), 0.5, WH) == Box(50, 35, 90, 75)
    assert window_of(Box(0, 0, 20, 10), 0.5, WH) == Box(0, 0, 40, 40)
    assert window_of(Box(0, 0, 150, 140), 0.5, WH) == Box(0, 0, *WH)


def test_a_click_finds_the_object_that_holds_it_and_none_that_is_weak_or_elsewhere():
    at, sides = Point(80, 70), guessed_sides(WH)
    assert under_click(seeing((CELL, 0.5), (OTHER, 0.9)), PICTURE, at, sides, 0.3) == CELL
    assert under_click(seeing((CELL, 0.05), (OTHER, 0.9)), PICTURE, at, sides, 0.3) is None


def test_a_detectors_box_is_moved_towards_colour_and_hand_by_their_weights():
    seen, rule = Box(60, 50, 100, 80), Rule(Way.DETECTOR, (0.4,), colour=0.5, rough=0.5)
    found = Scene(PICTURE, rule, seeing((seen, 0.9))).fit(ROUGH)
    colour = by_colour(PICTURE, ROUGH)
    assert found and colour and not found.outline
    assert found.box.y2 == pytest.approx((seen.y2 + 0.5 * colour[0].y2 + 0.5 * ROUGH.y2) / 2, abs=0.1)


def test_colour_stands_as_it_is_where_the_detector_agrees_and_not_where_it_does_not():
    rule = Rule(Way.COLOUR, (0.4,))
    agreed = Scene(PICTURE, rule, seeing((CELL, 0.9))).fit(ROUGH)
    assert agreed and agreed.outline and agreed.box == by_colour(PICTURE, ROUGH)[0]
    other = Box(50, 50, 80, 90)
    mixed = Scene(PICTURE, rule, seeing((other, 0.9))).fit(ROUGH)
    assert mixed and not mixed.outline and 50 < mixed.box.x1 < 60


def test_what_is_found_elsewhere_is_no_fit():
    assert Scene(PICTURE, Rule(Way.DETECTOR, (0.4,)), None).fit(ROUGH) is None
    corner = Box(20, 120, 60, 149)
    assert Scene(PICTURE, Rule(Way.COLOUR), None).fit(corner) is None or iou(corner, CELL) == 0


def test_a_click_starts_from_the_usual_size_where_colour_leads():
    found = Scene(PICTURE, Rule(Way.COLOUR), None).find(Point(84, 66), Box(64, 46, 104, 86))
    assert found and iou(found.box, CELL) > 0.9
    assert Scene(PICTURE, Rule(Way.COLOUR), None).find(Point(84, 66), None) is None
    helped = Scene(PICTURE, Rule(Way.COLOUR, (0.4,)), seeing((CELL, 0.9))).find(Point(84, 66), None)
    assert helped and helped.outline and iou(helped.box, CELL) > 0.9
    assert Scene(PICTURE, Rule(Way.COLOUR), seeing((CELL, 0.9))).find(Point(84, 66), None) is None


@pytest.mark.parametrize(("wish", "fits"), [(Wish.DRAWN, False), (Wish.LOOSE, False), (Wish.ASKED, True)])
def test_a_label_that_nobody_measured_is_fitted_only_when_it_is_asked_for(wish: Wish, fits: bool):
    fitter = Fitter({})
    assert (fitter.fit(PICTURE, "rods", ROUGH, wish) is not None) is fits
    assert fitter.find(PICTURE, "rods", Point(80, 70), ROUGH) is None
    assert fitter.rule("rods") == UNMEASURED


def test_a_box_of_the_models_is_fitted_among_all_loose_ones_only_if_an_edge_moves_far_enough():
    def fitted(share: float):
        return Fitter({"nucleus": Rule(Way.COLOUR, loose=share)}).fit(PICTURE, "nucleus", ROUGH, Wish.LOOSE)

    assert moved(Box(0, 0, 10, 20), Box(0, 1, 12, 20)) == pytest.approx(0.2)
    assert fitted(0.05) and fitted(0.5) is None and fitted(0.0) is None


def test_a_label_is_fitted_as_the_model_knows_it_and_not_at_all_where_its_rule_is_off():
    rules = {"nucleus": Rule(Way.COLOUR, release=True), "polyp": Rule(Way.OFF)}
    fitter = Fitter(rules, word=lambda label: {"Zellkern": "nucleus"}.get(label, label))
    assert fitter.fit(PICTURE, "Zellkern", ROUGH, Wish.DRAWN)
    assert fitter.fit(PICTURE, "polyp", ROUGH, Wish.ASKED) is None
    assert fitter.fit(PICTURE, "nucleus", Box(60, 50, 62, 51), Wish.DRAWN) is None


def test_the_embedded_model_has_a_rule_for_each_of_its_labels():
    rules = read_rules(EMBEDDED_MODEL)
    assert set(rules) == set(json.loads((EMBEDDED_MODEL / "pdc.json").read_text())["labels"])
    assert rules["nucleus"].by is Way.COLOUR and rules["polyp"].by is Way.DETECTOR


def test_a_folder_without_rules_has_none_and_a_damaged_one_says_so(tmp_path: Path):
    assert read_rules(tmp_path) == {}
    (tmp_path / "fit.json").write_text('{"polyp": {"by": "magic"}}')
    with pytest.raises(BadModel, match=r"fit\.json is damaged"):
        read_rules(tmp_path)


@pytest.mark.slow
def test_the_detector_beside_the_embedded_model_fits_cells_and_is_not_asked_where_that_is_forbidden():
    fitter = Fitter(read_rules(EMBEDDED_MODEL), Experts(str(EMBEDDED_MODEL)))
    found = fitter.fit(PICTURE, "red blood cell", ROUGH, Wish.DRAWN)
    assert found and iou(found.box, CELL) > iou(ROUGH, CELL)
    assert fitter.fit(PICTURE, "red blood cell", ROUGH, Wish.DRAWN, unaided=True) is None
