"""Every key of the editor, and what it shows beside the marks: grid, loupe, crosshair, picture controls, touch."""

from __future__ import annotations

import io
from typing import Any

import pytest
from editor_page import LABELS, Driver, H, W, box, draft, near, point

from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser


def shows(driver: Driver, selector: str) -> bool:
    return driver.page.locator(selector).first.is_visible()


def pixel(driver: Driver, x: float, y: float) -> tuple[int, int, int]:
    """The colour the screen shows at a place of the image."""
    from PIL import Image

    left, top = driver.screen(x, y)
    shot = driver.page.screenshot(clip={"x": round(left), "y": round(top), "width": 1, "height": 1})
    return Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))


def until_middle(driver: Driver, place: list[float], within: float) -> None:
    """The place of the image is in the middle of the stage: the view hears of its size with a frame, on a busy machine late."""

    def there() -> bool:
        stage = driver.page.locator(".pda-stage").bounding_box()
        return near(list(driver.place(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)), place, within)

    driver.until(there, f"{place} in the middle")


def test_every_key_in_the_help_is_bound_and_every_bound_key_is_in_the_help(driver: Driver) -> None:
    driver.open()
    driver.press("?")
    shown = driver.page.locator(".pda-help dt").all_inner_texts()
    groups = "[...BINDINGS, ['List of images', WORKLIST.map(([keys, does]) => [keys, does, {}])]]"
    listed = f"{groups}.flatMap(([, rows]) => rows.map(([keys, does, run]) => [keys, Object.keys(run)]))"
    rows = driver.page.evaluate(f"{import_expression('annotator/keys.js')}.then(({{ BINDINGS, WORKLIST }}) => {listed})")
    assert [text.replace(" ", "").replace("\n", "") for text in shown] == [keys.replace(" ", "") for keys, _ in rows]
    bound = [key for _, keys in rows for key in keys]
    assert len(set(bound)) == len(bound)
    assert driver.page.locator(".pda-help").evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    driver.press("Escape")
    assert not shows(driver, ".pda-help")


def test_next_and_previous_put_the_mark_in_the_middle_and_zoom(driver: Driver) -> None:
    driver.open(box("m1", 90, 70, 110, 86), box("m2", 200, 150, 222, 170), box("m3", 20, 20, 380, 280))
    whole = driver.scale()
    for key, name, place in (("n", "m1", [100, 78]), ("n", "m2", [211, 160]), ("p", "m1", [100, 78])):
        driver.press(key)
        assert driver.selected() == name
        until_middle(driver, place, within=1.5)
        assert driver.scale() > 2 * whole
    driver.press("p")
    assert driver.selected() == "m3"
    assert driver.scale() == pytest.approx(whole)


def test_a_zoom_that_shows_the_next_mark_well_is_kept(driver: Driver) -> None:
    driver.open(box("m1", 20, 20, 40, 36), box("m2", 200, 150, 226, 172))
    driver.press("n")
    scale = driver.scale()
    driver.press("n")
    assert driver.scale() == pytest.approx(scale)


def test_outlines_only_leaves_no_tag_and_no_glyph(driver: Driver) -> None:
    driver.open(box("h1", 50, 50, 90, 90, origin="human"))
    driver.click(70, 70)
    driver.press("v")
    glyph = "getComputedStyle(e.canvas.querySelector('.pda-origin')).display"
    assert shows(driver, ".pda-tag[data-on]") and driver.js(glyph) == "inline"
    driver.press("o")
    assert not shows(driver, ".pda-tag[data-on]") and driver.js(glyph) == "none"
    assert shows(driver, ".pda-line")
    driver.press("o")
    assert shows(driver, ".pda-tag[data-on]")


def test_a_mark_says_whose_it_is_without_colour(driver: Driver) -> None:
    marks = [box("m1", 20, 20, 60, 60), box("h1", 100, 20, 140, 60, origin="human"), box("m2", 180, 20, 220, 60, origin="edited")]
    driver.open(*marks)
    look = "(p) => [getComputedStyle(p).strokeLinecap, p.getAttribute('d')]"
    badges = driver.js(f"[...e.canvas.querySelectorAll('.pda-origin')].map({look}).sort()")
    assert badges == [["round", "M180 20h0"], ["square", "M100 20h0"]]
    assert driver.text(".pda-legend").split() == ["model", "you", "edited", "accepted", "rejected", "doubtful"]
    assert driver.page.locator('.pda-row[data-id="h1"] .pda-id').get_attribute("aria-label") == "h1, drawn by a person"


def test_the_grid_counts_its_cells_and_checks_them_off(driver: Driver) -> None:
    case = driver.open(box("m1", 10, 10, 40, 40), box("m2", 50, 50, 90, 90), point("m3", 390, 290))["case"]
    assert not shows(driver, ".pda-cell")
    driver.press("g")
    cells = driver.page.locator(".pda-cell")
    assert cells.count() == 12
    assert (cells.first.inner_text(), cells.last.inner_text()) == ("A1 · 2", "C4 · 1")
    driver.press("t", "t")
    assert [cells.nth(i).get_attribute("aria-pressed") for i in range(3)] == ["true", "true", "false"]
    assert driver.text(".pda-cells-done") == "2 of 12 cells checked"
    cells.first.click()
    assert cells.first.get_attribute("aria-label") == "Cell A1: 2, not checked"
    cells.last.click()
    driver.press("n", "r")
    assert cells.first.get_attribute("aria-label") == "Cell A1: 1, not checked"
    assert driver.value()["edits"] == 1
    other = draft()
    driver.js("e.receive(arg)", other)
    assert driver.text(".pda-cells-done") == "0 of 12 cells checked"
    driver.js("e.receive(arg)", {**other, "case": case})
    assert driver.text(".pda-cells-done") == "2 of 12 cells checked"
    driver.press("g")
    assert not shows(driver, ".pda-cell")


def test_the_grids_cells_stay_in_the_order_of_the_image_when_zoomed(driver: Driver) -> None:
    driver.open()
    driver.press("g", *"+++++++")  # however high the stage is: nothing beside the image comes into sight
    driver.press("t")
    until_middle(driver, [150, 50], within=2)
    shown = [c for c in driver.page.locator(".pda-cell").all() if c.is_visible()]
    stage = driver.page.locator(".pda-stage").bounding_box()
    for chip in shown:
        place = chip.bounding_box()
        assert stage["x"] <= place["x"] and stage["y"] <= place["y"]
    driver.press("g")


def test_the_crosshair_spans_the_stage_at_the_pointer(driver: Driver) -> None:
    driver.open()
    driver.press("c")
    x, y = driver.screen(123, 77)
    driver.page.mouse.move(x, y)
    across, down = (driver.page.locator(f'.pda-cross[data-axis="{axis}"]').bounding_box() for axis in "xy")
    stage = driver.page.locator(".pda-stage").bounding_box()
    assert near([across["width"], down["height"]], [stage["width"], stage["height"]])
    assert near([down["x"], across["y"]], [x, y], within=1.5)
    driver.press("c")
    assert not shows(driver, ".pda-cross")


def test_the_loupe_shows_the_place_under_the_pointer_three_times_larger(driver: Driver) -> None:
    driver.open(box("m1", 190, 140, 210, 160))
    driver.press("l")
    driver.page.mouse.move(*driver.screen(200, 150))
    glass = driver.page.locator(".pda-loupe").bounding_box()
    picture = driver.page.locator(".pda-glass-picture").bounding_box()
    assert picture["width"] == pytest.approx(3 * W * driver.scale(), rel=0.01)
    assert picture["height"] == pytest.approx(3 * H * driver.scale(), rel=0.01)
    centre = [glass["x"] + glass["width"] / 2, glass["y"] + glass["height"] / 2]
    place = [(centre[0] - picture["x"]) * W / picture["width"], (centre[1] - picture["y"]) * H / picture["height"]]
    assert near(place, [200, 150], within=1.5)
    assert driver.page.locator(".pda-glass-marks path").count() == 2
    driver.press("h")
    driver.page.mouse.move(*driver.screen(201, 150))
    assert driver.page.locator(".pda-glass-marks path").count() == 0
    driver.press("h")
    driver.page.mouse.move(*driver.screen(395, 5))
    assert driver.page.locator(".pda-loupe").get_attribute("data-left") is not None
    driver.press("l")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Brightness", "0.5", lambda v: v * 0.5),
        ("Contrast", "0.5", lambda v: (v / 255 - 0.5) * 0.5 * 255 + 127.5),
        ("Gamma", "2", lambda v: 255 * (v / 255) ** 0.5),
    ],
)
def test_picture_controls_change_what_is_seen_as_they_say(driver: Driver, name: str, value: str, expected: Any) -> None:
    driver.open()
    stored = pixel(driver, 110, 90)
    driver.press("i")
    driver.page.get_by_label(name, exact=True).fill(value)
    seen = pixel(driver, 110, 90)
    assert near(list(seen), [expected(v) for v in stored], within=3)
    driver.page.get_by_role("button", name="As stored").click()
    assert pixel(driver, 110, 90) == stored
    driver.press("i")


def test_invert_turns_the_picture_and_not_the_marks(driver: Driver) -> None:
    driver.open()
    stored = pixel(driver, 110, 90)
    driver.press("i")
    driver.page.get_by_label("Invert").check()
    assert near(list(pixel(driver, 110, 90)), [255 - v for v in stored], within=3)
    driver.page.get_by_role("button", name="As stored").click()
    driver.press("Escape")


def test_an_image_wider_than_the_stage_keeps_its_shape(driver: Driver) -> None:
    driver.open(image={"url": "/picture.png", "width": 4 * W, "height": H, "name": "wide.png"})
    picture = driver.page.locator(".pda-picture").bounding_box()
    assert picture["width"] / picture["height"] == pytest.approx(4 * W / H, rel=0.01)


TOUCH = """([type, id, x, y]) => {
    const stage = document.querySelector(".pda-stage");
    stage.setPointerCapture = () => {};
    const options = { pointerId: id, pointerType: "touch", button: 0, clientX: x, clientY: y, bubbles: true, cancelable: true };
    document.querySelector(".pda-canvas").dispatchEvent(new PointerEvent(type, options));
}"""


def touch(driver: Driver, kind: str, finger: int, x: float, y: float) -> None:
    driver.page.evaluate(TOUCH, [f"pointer{kind}", finger, x, y])


def test_one_finger_draws_and_two_fingers_zoom_and_pan(driver: Driver) -> None:
    driver.open()
    driver.press("d")
    touch(driver, "down", 11, *driver.screen(100, 100))
    touch(driver, "move", 11, *driver.screen(150, 140))
    touch(driver, "up", 11, *driver.screen(150, 140))
    assert near(driver.marks()["h1"]["box"], [100, 100, 150, 140])
    before = driver.scale()
    (x1, y1), (x2, y2) = driver.screen(180, 150), driver.screen(220, 150)
    touch(driver, "down", 12, x1, y1)
    touch(driver, "down", 13, x2, y2)
    touch(driver, "move", 12, x1 - (x2 - x1) / 2, y1)
    touch(driver, "move", 13, x2 + (x2 - x1) / 2, y2)
    assert driver.scale() == pytest.approx(2 * before, rel=0.02)
    assert near(list(driver.place((x1 + x2) / 2, y1)), [200, 150], within=2)
    touch(driver, "up", 12, x1, y1)
    touch(driver, "up", 13, x2, y2)
    assert list(driver.marks()) == ["h1"]


def test_a_thumb_and_then_a_second_finger_draw_nothing(driver: Driver) -> None:
    driver.open(kind="point")
    driver.press("d")
    touch(driver, "down", 21, *driver.screen(100, 100))
    touch(driver, "down", 22, *driver.screen(200, 100))
    touch(driver, "up", 21, *driver.screen(100, 100))
    touch(driver, "up", 22, *driver.screen(200, 100))
    assert driver.marks() == {}


def test_buttons_have_names_and_nothing_is_cut_off(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90), box("m2", 52, 50, 92, 90), answering=True)
    nameless = """[...e.root.querySelectorAll("button, input, select")].filter((n) => n.checkVisibility()
        && !n.getAttribute("aria-label") && !n.textContent.trim() && !n.closest("label")).length"""
    assert driver.js(nameless) == 0
    for width in (1440, 1280, 1024):
        driver.page.set_viewport_size({"width": width, "height": 768})
        driver.page.wait_for_timeout(100)
        assert driver.js("[e.toolbar.root, e.side].map((n) => n.scrollWidth - n.clientWidth)") == [0, 0], width
    driver.page.set_viewport_size({"width": 1280, "height": 860})


def test_tools_by_keys(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90, label=LABELS[0]))
    for key, tool in (("b", "draw"), ("v", "select"), ("d", "draw"), ("Escape", "select")):
        driver.press(key)
        assert driver.js("e.tool") == tool
    driver.press("n", "0")
    whole = driver.scale()
    driver.press("z")
    assert driver.scale() > whole
    driver.press("0", "+")
    assert driver.scale() == pytest.approx(1.25 * whole)
    driver.press("-")
    assert driver.scale() == pytest.approx(whole)


def test_a_region_dragged_with_e_is_asked_about_again_and_the_answer_is_one_step(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.keys.clear()
    driver.press("e")
    driver.drag((40, 40), (200, 140))
    driver.until(lambda: driver.keys, "the event")
    assert driver.keys == [f"closer {value['case']} [40, 40, 200, 140]"]
    assert (driver.js("e.tool"), list(driver.marks())) == ("select", ["m1"])
    found = [box("m1", 52, 50, 90, 90), box("c2", 100, 60, 140, 90)]
    driver.js("e.receive(arg)", {**value, "rev": 1, "merge": "step", "marks": found})
    assert {name: mark["box"][0] for name, mark in driver.marks().items()} == {"m1": 52, "c2": 100}
    driver.press("Control+z")
    assert {name: mark["box"][0] for name, mark in driver.marks().items()} == {"m1": 50}
