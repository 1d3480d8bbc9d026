"""What a hand expects of the editor: keys after a field, marks that stay in sight, a drawn box that can be put right."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from editor_page import Driver, H, W, box, editor_app, near
from PIL import Image

pytestmark = pytest.mark.browser
MARGIN = 10.5  # screen pixels around a whole image, and at its border for the handles of what lies there


def focus(driver: Driver) -> str:
    return driver.page.evaluate("document.activeElement.getAttribute('class') || document.activeElement.tagName")


# Keys after a field ---------------------------------------------------------------------------------------------


def test_a_slider_that_was_dragged_leaves_the_keys_to_the_image(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    slider = driver.page.locator(".pda-threshold")
    place = slider.bounding_box()
    assert place
    driver.page.mouse.move(place["x"] + 3, place["y"] + place["height"] / 2)
    driver.page.mouse.down()
    driver.page.mouse.move(place["x"] + 30, place["y"] + 60)  # let go beside it
    driver.page.mouse.up()
    driver.until(lambda: focus(driver) == "pda-canvas", "the focus to come back")
    driver.js("(e.doc.look({ below: 0 }), e.render())")
    driver.press("n", "r")
    assert driver.marks()["m1"]["status"] == "rejected"


def test_a_slider_under_the_keyboard_keeps_its_arrows_and_no_other_key(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n")
    driver.page.locator(".pda-threshold").focus()
    driver.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert driver.js("e.doc.sight.below") == pytest.approx(0.01)
    assert driver.marks()["m1"]["box"] == [50, 50, 90, 90]
    driver.press("r")
    assert driver.marks()["m1"]["status"] == "rejected"
    driver.press("Escape")
    assert focus(driver) == "pda-canvas" and driver.selected() == "m1"
    driver.js("(e.doc.look({ below: 0 }), e.render())")


def test_a_box_to_tick_takes_the_space_bar_and_no_other_key(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "i")
    tick = driver.page.get_by_label("Invert")
    tick.focus()
    driver.press("Space")
    assert tick.is_checked()
    driver.press("a")
    assert driver.marks()["m1"]["status"] == "accepted"
    tick.focus()
    driver.press("Space")
    tick.click()
    driver.until(lambda: focus(driver) == "pda-canvas", "the focus to come back")
    driver.page.get_by_role("button", name="As stored").click()
    driver.press("Escape")


def test_a_choice_gives_the_keys_back_and_arrows_go_on_through_it(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.page.evaluate("""document.querySelector('.pda-side').append(Object.assign(document.createElement('select'),
        { id: 'chosen', innerHTML: '<option>a</option><option>b</option><option>c</option>' }))""")
    field = driver.page.locator("#chosen")
    field.focus()
    driver.press("ArrowDown", "ArrowDown")
    assert field.input_value() == "c" and focus(driver) == "SELECT"
    field.dispatch_event("pointerdown")
    field.select_option("a")
    assert focus(driver) == "pda-canvas"
    field.evaluate("node => node.remove()")


def test_the_first_click_in_a_scrolled_list_of_marks_counts(driver: Driver) -> None:
    driver.open(*(box(f"m{i}", 5 * i, 20, 5 * i + 20, 40) for i in range(60)))
    driver.press("n")
    listed = driver.page.locator(".pda-list").bounding_box()
    assert listed
    for _ in range(3):
        driver.page.mouse.move(listed["x"] + 130, listed["y"] + 60)
        driver.page.mouse.wheel(0, 400)
        driver.page.wait_for_timeout(60)
        under = "document.elementFromPoint(...arg).closest('.pda-row').getAttribute('data-id')"
        place = [listed["x"] + 30, listed["y"] + listed["height"] - 40]
        wanted = driver.js(under, place)
        driver.page.mouse.click(*place, delay=60)
        assert driver.selected() == wanted


def test_escape_and_enter_leave_a_text_field_for_the_image(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.page.evaluate(
        "document.querySelector('.pda-side').append(Object.assign(document.createElement('input'), { id: 'typed' }))"
    )
    field = driver.page.locator("#typed")
    for key in ("Escape", "Enter"):
        field.focus()
        driver.page.keyboard.type("nar")
        assert driver.marks()["m1"]["status"] == "open" and driver.selected() is None
        driver.press(key)
        assert focus(driver) == "pda-canvas"
    assert field.input_value() == "narnar"
    field.evaluate("node => node.remove()")


# What is in sight -----------------------------------------------------------------------------------------------


def black(driver: Driver) -> list[float]:
    """How much of the stage lies beside the image: left, top, right, bottom, in screen pixels."""
    stage, image = (driver.page.locator(name).bounding_box() for name in (".pda-stage", ".pda-picture"))
    right, bottom = (side(image) - side(stage) for side in (lambda r: r["x"] + r["width"], lambda r: r["y"] + r["height"]))
    return [image["x"] - stage["x"], image["y"] - stage["y"], -right, -bottom]


@pytest.mark.parametrize("place", [(0, 0, 16, 14), (W - 14, 0, W, 16), (190, H - 12, 206, H)])
def test_the_next_mark_at_the_border_leaves_the_stage_full_of_image(driver: Driver, place: tuple) -> None:
    driver.open(box("m1", *place))
    driver.press("n")
    assert driver.scale() > 2.5
    assert max(black(driver)) <= MARGIN
    driver.press("z")
    assert max(black(driver)) <= MARGIN


def test_a_mark_that_is_large_enough_and_in_sight_moves_nothing(driver: Driver) -> None:
    driver.open(box("m1", 0, 20, 60, 80), box("m2", 300, 200, 370, 260))
    whole = driver.scale()
    for name in ("m1", "m2"):
        driver.press("n")
        assert driver.selected() == name and driver.scale() == whole
    assert driver.js("e.view.fitted")


def test_a_large_enough_mark_out_of_sight_comes_into_it_at_the_same_zoom(driver: Driver) -> None:
    driver.open(box("m1", 150, 100, 190, 140), box("m2", 330, 230, 375, 270))
    driver.js("e.view.centre(60, 50, 4)")
    driver.press("n")
    assert driver.scale() == pytest.approx(4)
    driver.press("n")
    assert driver.scale() == pytest.approx(4) and max(black(driver)) <= MARGIN
    assert driver.js("e.view.holds(e.doc.mark.box)")


# The mark just drawn --------------------------------------------------------------------------------------------


def handles(driver: Driver) -> int:
    return driver.page.locator(".pda-handle:visible").count()


def test_a_drawn_box_has_handles_at_once_and_a_press_on_it_moves_it(driver: Driver) -> None:
    driver.open(box("m1", 20, 20, 60, 60))
    driver.press("n", "0", "d")
    assert handles(driver) == 0
    driver.drag((100, 100), (180, 160))
    assert handles(driver) == 8
    driver.drag((180, 160), (200, 180))
    assert near(driver.marks()["h1"]["box"], [100, 100, 200, 180])
    driver.drag((150, 140), (170, 150))
    assert near(driver.marks()["h1"]["box"], [120, 110, 220, 190])
    driver.click(150, 140)
    assert list(driver.marks()) == ["m1", "h1"]
    driver.press("v", "d")
    assert handles(driver) == 0


def test_a_hand_that_slips_a_little_makes_no_second_box(driver: Driver) -> None:
    driver.open(box("m1", 20, 20, 60, 60))
    driver.press("d")
    driver.drag((100, 100), (180, 160))
    x, y = driver.screen(140, 130)
    for slip in (0, 2, 4):
        driver.page.mouse.move(x, y)
        driver.page.mouse.down()
        driver.page.mouse.move(x + slip, y)
        driver.page.mouse.up()
    assert list(driver.marks()) == ["m1", "h1"]


def test_with_shift_a_box_is_drawn_over_the_one_just_drawn_and_elsewhere_without(driver: Driver) -> None:
    driver.open()
    driver.press("d")
    driver.drag((100, 100), (250, 220))
    driver.page.keyboard.down("Shift")
    driver.drag((130, 130), (180, 180))
    driver.page.keyboard.up("Shift")
    driver.drag((300, 100), (350, 150))
    assert [[round(v) for v in m["box"]] for m in driver.marks().values()] == [
        [100, 100, 250, 220],
        [130, 130, 180, 180],
        [300, 100, 350, 150],
    ]
    driver.drag((140, 140), (200, 200))  # it is not the mark just drawn any more
    assert len(driver.marks()) == 4


def test_a_point_just_set_can_be_moved(driver: Driver) -> None:
    driver.open(kind="point")
    driver.press("d")
    driver.click(100, 100)
    driver.drag((100, 100), (120, 110))
    driver.click(180, 100)
    assert [[round(v) for v in m["point"]] for m in driver.marks().values()] == [[120, 110], [180, 100]]


# Verdicts -------------------------------------------------------------------------------------------------------


def test_an_accepted_mark_wears_a_tick_and_a_rejected_one_a_cross_at_every_zoom(driver: Driver) -> None:
    marks = [box(f"m{i}", 20 + 60 * i, 40, 60 + 60 * i, 80) for i in range(4)]
    for mark, status in zip(marks, ("open", "accepted", "rejected", "doubtful"), strict=True):
        mark["status"] = status
    driver.open(*marks)
    worn = """[...new Set([...e.canvas.querySelectorAll('.pda-ink :is(.pda-badge, .pda-arm, .pda-hook)')]
        .map((path) => `${path.dataset.status} ${path.getAttribute('class')}`))].sort()"""
    assert driver.js(worn) == [
        "accepted pda-arm",
        "accepted pda-badge",
        "accepted pda-hook",
        "rejected pda-arm",
        "rejected pda-badge",
    ]
    for zoom in (1, 4):
        driver.js("e.view.centre(120, 60, e.view.fitScale() * arg)", zoom)
        x, y = driver.screen(120, 40)
        shot = Image.open(io.BytesIO(driver.page.screenshot(clip={"x": x - 15, "y": y - 15, "width": 30, "height": 30})))
        pixels = np.asarray(shot.convert("RGB")).astype(int)
        green = (abs(pixels - [11, 90, 60]).sum(axis=2) < 40).sum()
        assert 30 < green < 110, f"{green} pixels of the badge at zoom {zoom}"


def test_all_of_many_marks_look_accepted_after_one_key(driver: Driver) -> None:
    driver.open(
        *(box(f"m{i}", 10 + 30 * (i % 12), 10 + 25 * (i // 12), 26 + 30 * (i % 12), 24 + 25 * (i // 12)) for i in range(131))
    )
    driver.press("Shift+A")
    badges = "[...e.ink.querySelectorAll('.pda-badge')].map((path) => path.getAttribute('d').split('M').length - 1)"
    assert sum(driver.js(badges.replace("e.ink", "e.layer.ink.root"))) == 131


# Auto brightness ------------------------------------------------------------------------------------------------


def picture(driver: Driver, level: int, bright: int) -> str:
    """The address of a grey picture of this level with a few squares that are brighter."""
    pixels = np.full((H, W), level, np.uint8)
    pixels[40:80, 40:80] = pixels[150:200, 200:260] = bright
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def look(driver: Driver, level: int, bright: int) -> None:
    image = {"url": picture(driver, level, bright), "width": W, "height": H, "name": "grey.png"}
    driver.open(box("m1", 200, 150, 260, 200), image=image)
    driver.page.wait_for_function("document.querySelector('.pda-picture').complete")
    driver.page.wait_for_timeout(60)


def seen(driver: Driver, x: float, y: float) -> int:
    left, top = driver.screen(x, y)
    shot = driver.page.screenshot(clip={"x": round(left), "y": round(top), "width": 1, "height": 1})
    return Image.open(io.BytesIO(shot)).convert("L").getpixel((0, 0))


def test_a_dark_picture_opens_readable_and_one_press_shows_it_as_stored_from_then_on(driver: Driver) -> None:
    look(driver, 8, 60)
    before = driver.value()
    assert seen(driver, 60, 60) > 230 and seen(driver, 300, 60) < 10
    off = driver.page.get_by_role("button", name="Auto brightness")
    driver.press("y")
    assert seen(driver, 60, 60) == 60 and not off.is_visible()
    driver.press("y")
    assert seen(driver, 60, 60) > 230
    off.click()
    assert seen(driver, 60, 60) == 60
    look(driver, 9, 61)
    assert seen(driver, 60, 60) == 61
    driver.press("i")
    driver.page.get_by_label("Auto", exact=True).check()
    driver.press("Escape")
    assert seen(driver, 60, 60) > 230
    assert before["edits"] == driver.value()["edits"] == 0
    driver.page.evaluate("localStorage.removeItem('pdc-auto-brightness')")


@pytest.mark.parametrize(("level", "bright"), [(200, 90), (30, 220), (5, 7)])
def test_a_picture_that_shows_well_or_shows_nothing_is_left_as_it_is(driver: Driver, level: int, bright: int) -> None:
    look(driver, level, bright)
    assert seen(driver, 60, 60) == bright and seen(driver, 300, 60) == level
    assert driver.js("e.adjust.auto.found") is None


# Scores ---------------------------------------------------------------------------------------------------------


def test_the_first_step_of_the_threshold_hides_what_does_not_count_and_nothing_that_does(driver: Driver) -> None:
    driver.js("(e.doc.look({ below: 0, uncertain: false }), e.render())")
    doubtful = {**box("m2", 120, 20, 160, 60, score=0.38), "status": "doubtful"}
    driver.open(box("m1", 20, 20, 60, 60, score=0.45), doubtful, box("m3", 220, 20, 260, 60, score=0.9))
    driver.press(".")
    assert driver.text(".pda-hidden-count") == "1 hidden below 0.39, not counted" and driver.text(".pda-total") == "2"
    assert driver.value()["edits"] == 0
    driver.press(".")
    assert driver.js("e.doc.sight.below") == pytest.approx(0.44)
    driver.press(",", ",")
    assert driver.js("e.doc.sight.below") == 0


# What an image takes --------------------------------------------------------------------------------------------


def test_presses_drags_and_keys_of_a_visit_are_sent_once_when_the_reader_goes_on(browser, serve) -> None:
    page = browser.new_page()
    page.route("**/api/effort", lambda route: route.fulfill(json={"on": True}))
    sent: list[dict] = []
    page.on("request", lambda r: sent.append(r.post_data_json) if r.url.endswith("/api/effort") and r.method == "POST" else None)
    page.goto(serve(editor_app([], [])))
    page.wait_for_selector(".pda-toolbar")
    driver = Driver(page, [], [])

    def visit(name: str) -> None:
        image = {"url": f"/images/{name * 64}.png", "width": W, "height": H, "name": "a.png"}
        driver.open(box("m1", 20, 20, 60, 60), image=image)
        page.evaluate("document.dispatchEvent(new CustomEvent('pdc-document'))")

    visit("a")
    driver.press("n", "a")
    driver.click(200, 150)
    driver.drag((100, 100), (140, 130))
    visit("b")
    driver.until(lambda: sent, "the numbers")
    visit("c")
    page.wait_for_timeout(200)
    assert [(said["image"][0], said["keys"], said["moves"]) for said in sent] == [("a", 3, 3), ("b", 1, 0)]
    assert 0 < sent[0]["seconds"] <= sent[0]["elapsed"]
    page.close()
