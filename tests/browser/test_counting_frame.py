"""A field of a count session in the editor: which marks count, the lines and the hatching, and the bar above the image."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from editor_page import H, W, box, point

from pdc.counting.area import CountingArea, Disc, Polygon, Rectangle, Whole
from pdc.counting.border import TOUCH, BorderKind, BorderRule, Side, counts, frame_of
from pdc.counting.protocol import parse_protocol
from pdc.counting.tally import count_field
from pdc.domain.values import Box, Mark, Origin, Point, Status
from pdc.web.ui.annotator import mark_value
from pdc.web.ui.scripts import version

pytestmark = pytest.mark.browser
TWO_SIDED = {"kind": "two-sided", "out": ["right", "bottom"]}
CLASSES = [{"name": "red", "labels": ["red cell"], "key": "j"}, {"name": "platelets", "labels": ["platelet"], "key": "f"}]
PROTOCOL = {
    "name": "own",
    "version": 1,
    "title": "Own",
    "classes": CLASSES,
    "target": {"of": ["red"], "least": 1},
    "results": [{"name": "red", "kind": "share", "of": ["red"], "among": ["red", "platelets"]}],
}
SAID = {"short": "go on with the next field.", "reached": "finish the row."}
INSIDE, RIGHT, BOTTOM, LEFT = (
    box("in", 40, 40, 120, 110),
    box("right", 340, 60, 399.6, 140),
    box("bottom", 200, 240, 260, 299.5, label="platelet"),
    box("left", 0, 150, 60, 210),
)
RULES = [BorderRule(kind) for kind in (BorderKind.ALL, BorderKind.WHOLE, BorderKind.CENTRE)]
RULES += [BorderRule(BorderKind.TWO_SIDED, out) for out in itertools.product((Side.LEFT, Side.RIGHT), (Side.TOP, Side.BOTTOM))]
AREAS = [
    Whole(width=W, height=H),
    Rectangle(x=190, y=160, width=240, height=150, angle=17),
    Polygon(corners=((60, 60), (330, 40), (250, 150), (380, 260), (90, 250))),
    Disc(x=200, y=150, radius=120, start=300, span=250),
]


def counting(**changed: Any) -> dict[str, Any]:
    value = {"session": "one", "sample": "S-17", "protocol": "Cells", "border": TWO_SIDED, "area": None, "classes": CLASSES}
    value |= {"before": {"red": 140}, "earlier": {}, "least": 142, "of": ["red"], "each": True, "finish": "row", "said": SAID}
    return {**value, "replicate": 2, "replicates": 2, "touch": TOUCH, "place": 3, "places": 10, **changed}


def shapes(rng: np.random.Generator, n: int) -> list[Box | Point]:
    """Boxes and points in and around a frame of 400 x 300; half of them in whole numbers, which fall on its lines."""
    low, sides = rng.uniform(-30, 400, (n, 2)), rng.uniform(0, 90, (n, 2))
    low[::2], sides[::2] = low[::2].round(), sides[::2].round()
    return [
        Point(x, y) if at % 3 == 0 else Box(x, y, x + w, y + h)
        for at, ((x, y), (w, h)) in enumerate(zip(low, sides, strict=True))
    ]


def bounds(shape: Box | Point) -> list[float]:
    return list(shape.xyxy) if isinstance(shape, Box) else [shape.x, shape.y] * 2


def in_browser(driver, expression: str, cases: object) -> Any:
    """The expression over the exports of counting.js as `counting`, with the cases as `arg`."""
    url = f"/scripts/{version()}/annotator/counting.js"
    script = f"async (arg) => {{ const counting = await import({url!r}); return ({expression}); }}"
    return driver.page.evaluate(script, cases)


def test_the_browser_counts_what_the_server_counts_for_thousands_of_objects(driver):
    rng = np.random.default_rng(11)
    for rule in RULES:
        (x, y), (w, h) = rng.integers(0, 100, 2), rng.integers(150, 250, 2)
        frame = Box(*map(float, (x, y, x + w, y + h)))
        drawn = shapes(rng, 800)
        cases = [bounds(s) for s in drawn], list(frame.xyxy), {"kind": rule.kind, "out": rule.out}
        found = in_browser(driver, "arg[0].map((b) => counting.counts(b, arg[1], arg[2]))", cases)
        assert found == [counts(s, frame, rule) for s in drawn], rule
        assert 0 < sum(found) < len(found)


@pytest.mark.parametrize("shape", AREAS, ids=lambda shape: str(shape.kind))
def test_the_browser_counts_what_the_server_counts_in_every_kind_of_area(driver, shape):
    drawn, area = shapes(np.random.default_rng(12), 400), CountingArea(shape=shape)
    for rule in RULES:
        cases = [bounds(s) for s in drawn], area.to_json(), {"kind": rule.kind, "out": rule.out}
        found = in_browser(driver, "arg[0].map((b) => counting.inside(b, arg[1], {width: 400, height: 300}, arg[2], 1))", cases)
        assert found == [area.inside(s, rule) for s in drawn], rule
        assert 0 < sum(found) < len(found)


def test_what_the_screen_adds_up_is_what_a_saved_review_counts(driver):
    rng = np.random.default_rng(13)
    protocol = parse_protocol(json.dumps(PROTOCOL), "own.json")
    labels, statuses = ["red cell", "platelet", "white cell"], list(Status)
    marks = [
        Mark(f"m{at}", shape, str(rng.choice(labels)), Origin.HUMAN, statuses[rng.integers(4)])
        for at, shape in enumerate(shapes(rng, 300))
    ]
    area = CountingArea(shape=AREAS[1])
    saved = count_field(protocol, "field", marks, area)
    cases = [mark_value(m) for m in marks], counting(area=area.to_json()), {"width": W, "height": H}
    found = in_browser(driver, "counting.tally(arg[0], arg[1], arg[2], () => false)", cases)
    unclassed = in_browser(driver, "[...counting.tally(arg[0], arg[1], arg[2], () => false).why.values()]", cases).count("class")
    assert found["counted"] == saved.counted and found["out"] == saved.left_out and min(found["out"].values()) > 0
    assert (found["doubtful"], unclassed) == (saved.doubtful, saved.unclassed)


def test_the_browser_takes_a_whole_image_as_the_frame_that_the_server_takes(driver):
    for rule in RULES:
        border = {"kind": rule.kind, "out": rule.out}
        assert in_browser(driver, "counting.frameOf({width: 160, height: 90}, arg, 1)", border) == list(
            frame_of(160, 90, rule).xyxy
        )


def test_a_point_that_was_moved_is_counted_where_its_object_is_now(driver):
    mark = Mark("p", Point(380, 100), "red cell", extent=Box(100, 80, 140, 120))
    value = {**point("p", 380, 100), "extent": [100, 80, 140, 120]}
    rule = BorderRule(BorderKind.TWO_SIDED)
    assert mark.body == Box(360, 80, 400, 120) and not counts(mark.body, frame_of(W, H, rule), rule)
    driver.open(value, kind="point", counting=counting())
    assert driver.text(".pda-field") == "counted 0, left out 1"


def test_marks_that_the_rule_leaves_out_are_hatched_named_and_still_there_to_edit(driver):
    driver.open(INSIDE, RIGHT, BOTTOM, LEFT, counting=counting())
    assert driver.text(".pda-field") == "counted 2, left out 2" and driver.text(".pda-total") == "4"
    assert driver.js("e.running.frame.boxes.getAttribute('d')").count("Z") == 2
    out = driver.page.locator(".pda-row[data-out]")
    assert out.count() == 2 and "not counted" in out.first.inner_text()
    assert "not counted" in driver.page.locator('.pda-mark[data-id="right"]').get_attribute("aria-label")
    assert "not counted" not in driver.page.locator('.pda-mark[data-id="left"]').get_attribute("aria-label")
    driver.js("e.doc.reshape('right', {box: [300, 60, 380, 140]})")
    assert driver.text(".pda-field") == "counted 3, left out 1" and len(driver.marks()) == 4
    assert "not counted" not in driver.page.locator('.pda-mark[data-id="right"]').get_attribute("aria-label")


def test_the_contact_sheet_says_what_is_not_counted(driver):
    driver.open(INSIDE, RIGHT, counting=counting())
    driver.js("e.sheet.toggle(true)")
    out = driver.page.locator(".pda-tile[data-out=border]")
    assert out.count() == 1 and out.get_attribute("data-id") == "right" and "not counted" in out.get_attribute("aria-label")
    driver.js("e.doc.reshape('right', {box: [300, 60, 380, 140]})")
    assert out.count() == 0
    driver.js("e.sheet.toggle(false)")


def test_the_bar_follows_every_edit_and_undo_and_says_when_the_target_is_reached(driver):
    driver.open(INSIDE, counting=counting())
    bar = ".pda-running-said"
    assert "S-17" in driver.text(bar) and "141 of 142 red, replicate 2 of 2:" in driver.text(bar)
    assert SAID["short"] in driver.text(bar) and "field 3 of 10" in driver.text(".pda-running-place")
    driver.js("e.add({box: [150, 150, 180, 180]}, 'red cell')")
    assert "142 of 142" in driver.text(bar) and SAID["reached"] in driver.text(bar)
    driver.js("e.add({box: [390, 150, 400, 180]}, 'red cell')")  # touches the right side
    assert "142 of 142" in driver.text(bar)
    driver.js("(e.doc.undo(), e.doc.undo())")
    assert "141 of 142" in driver.text(bar) and SAID["short"] in driver.text(bar)
    driver.js("e.doc.relabel('in', 'platelet')")
    assert "140 of 142" in driver.text(bar) and driver.text(".pda-running-classes").split() == ["red", "140", "platelets", "1"]


def test_what_is_doubtful_hidden_rejected_or_of_no_class_counts_nowhere(driver):
    other = box("other", 150, 50, 190, 90, label="white cell")
    doubtful, rejected = ({**box(s, 200, 150, 240, 190), "status": s} for s in ("doubtful", "rejected"))
    low = box("low", 10, 10, 30, 30, score=0.1)
    driver.open(INSIDE, other, doubtful, rejected, low, counting=counting())
    assert driver.text(".pda-field") == "counted 2, left out 0 · 1 in no class of the protocol"
    driver.js("e.doc.look({below: 0.3}), e.render()")
    assert driver.text(".pda-field").startswith("counted 1, left out 0")


@pytest.mark.parametrize(
    ("border", "solid", "dashed"),
    [(TWO_SIDED, 2, 2), ({"kind": "whole", "out": []}, 0, 4), ({"kind": "all", "out": []}, 4, 0)],
    ids=["two-sided", "whole", "all"],
)
def test_sides_that_are_in_are_solid_and_sides_that_are_out_dashed(driver, border, solid, dashed):
    driver.open(INSIDE, counting=counting(border=border))
    for name, n in (("in", solid), ("out", dashed)):
        assert driver.js(f"document.querySelector('.pda-frame-{name}').getAttribute('d')").count("M") == n
    assert driver.js("getComputedStyle(document.querySelector('.pda-frame-out')).strokeDasharray") != "none"


def test_the_area_is_drawn_as_what_it_is_and_the_hatching_keeps_its_size_at_every_zoom(driver):
    turned = {"shape": {"kind": "rectangle", "x": 200, "y": 150, "width": 200, "height": 100, "angle": 20}}
    driver.open(INSIDE, LEFT, counting=counting(area=turned))
    sides = driver.js("document.querySelector('.pda-frame-in').getAttribute('d')")
    corners = [tuple(map(float, side.split("L")[0].split())) for side in sides.split("M")[1:]]
    assert np.allclose(corners[0], (123.13, 68.82), atol=0.01)  # turned clockwise about its centre
    disc = {"shape": {"kind": "disc", "x": 200, "y": 150, "radius": 90, "start": 0, "span": 90}}
    driver.open(INSIDE, counting=counting(area=disc))
    assert "A90 90" in driver.js("document.querySelector('.pda-frame-in').getAttribute('d')")
    before = driver.js("e.running.frame.hatch.getAttribute('patternTransform')")
    driver.js("e.view.zoom(2)")
    assert driver.js("e.running.frame.hatch.getAttribute('patternTransform')") != before


def test_without_a_session_nothing_is_added(driver):
    driver.open(INSIDE, RIGHT)
    assert not driver.page.locator(".pda-running").is_visible() and not driver.page.locator(".pda-field").is_visible()
    assert driver.page.locator(".pda-row[data-out]").count() == 0
    assert driver.js("[...document.querySelectorAll('.pda-frame > path')].every((path) => path.getAttribute('d') === '')")


def test_an_answer_that_comes_later_leaves_the_session_where_it_is(driver):
    value = driver.open(INSIDE, counting=counting())
    del value["counting"]
    driver.answer({**value, "merge": True, "rev": 1, "marks": [INSIDE, box("new", 200, 100, 240, 140)]})
    driver.until(lambda: len(driver.marks()) == 2, "the second mark")
    assert "142 of 142" in driver.text(".pda-running-said")
