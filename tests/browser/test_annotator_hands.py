"""What a hand expects of the editor: keys after a field, marks that stay in sight, a drawn box that can be put right."""

from __future__ import annotations

import pytest
from editor_page import Driver, H, W, box, near

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
