"""The editor in a real browser, inside a small Gradio app."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box, draft, near, point

pytestmark = pytest.mark.browser


def test_draw_a_box_and_autosave(driver: Driver) -> None:
    driver.open()
    driver.press("d")
    driver.drag((50, 40), (150, 120))
    (mark,) = driver.marks().values()
    assert near(mark["box"], [50, 40, 150, 120])
    assert (mark["label"], mark["origin"], mark["status"], mark["score"]) == (LABELS[0], "human", "open", None)
    driver.until(lambda: driver.received, "the autosave")
    assert driver.received[-1]["marks"] == [mark]
    assert driver.received[-1]["edits"] == 1


def test_the_draw_tool_draws_inside_another_box_and_in_any_direction(driver: Driver) -> None:
    driver.open(box("m1", 10, 10, 390, 290))
    driver.press("b")
    driver.drag((200, 150), (120, 90))
    assert near(driver.marks()["h1"]["box"], [120, 90, 200, 150])
    assert driver.marks()["m1"]["box"] == [10, 10, 390, 290]


def test_a_box_drawn_past_the_edge_ends_at_the_edge(driver: Driver) -> None:
    driver.open()
    driver.press("d")
    driver.drag((380, 280), (420, 305))
    assert near(driver.marks()["h1"]["box"], [380, 280, 400, 300])


def test_a_click_in_the_draw_tool_makes_no_box_while_no_size_is_usual(driver: Driver) -> None:
    rejected = {**box("m1", 10, 10, 30, 30), "status": "rejected"}
    driver.open(rejected, box("m2", 60, 60, 90, 90, label=LABELS[1]), box("m3", 0, 5, 9, 9))
    driver.press("1", "d")
    driver.click(200, 100)
    assert set(driver.marks()) == {"m1", "m2", "m3"}


def test_a_click_in_the_draw_tool_makes_a_box_of_its_labels_usual_size(driver: Driver) -> None:
    other = box("m4", 60, 60, 64, 64, label=LABELS[1])
    driver.open(box("m1", 10, 10, 50, 40), box("m2", 100, 10, 140, 42), box("m3", 200, 10, 300, 110), other)
    driver.press("1", "d")
    driver.click(200, 200)
    driver.click(395, 290)
    assert near(driver.marks()["h1"]["box"], [180, 184, 220, 216])
    assert near(driver.marks()["h2"]["box"], [375, 274, 400, 300])
    assert driver.marks()["h1"]["label"] == LABELS[0]


def test_move_makes_the_models_mark_an_edited_one(driver: Driver) -> None:
    driver.open(box("m1", 100, 100, 150, 140))
    driver.drag((125, 120), (165, 90))
    mark = driver.marks()["m1"]
    assert near(mark["box"], [140, 70, 190, 110])
    assert mark["origin"] == "edited"


def test_a_move_keeps_the_whole_mark_inside_the_image(driver: Driver) -> None:
    driver.open(box("m1", 100, 100, 150, 140))
    driver.drag((125, 120), (5, 5))
    assert near(driver.marks()["m1"]["box"], [0, 0, 50, 40])


OUTLINE = [[[100, 100], [150, 110.5], [120, 140]], [[130, 130], [150, 130], [140, 140]]]


def test_an_outline_moves_with_its_mark_and_goes_when_the_mark_is_resized(driver: Driver) -> None:
    driver.open({**box("m1", 100, 100, 150, 140), "outline": OUTLINE}, box("m2", 200, 200, 240, 240))
    drawn = ".pda-ink:not(.pda-chosen):not(.pda-pointed) .pda-trace"
    assert driver.js("document.querySelector(arg).getAttribute('d')", drawn).startswith("M100 100L150 110.5L120 140Z")
    driver.press("n", "ArrowRight", "Shift+ArrowUp", "2")  # moved, then relabelled
    mark = driver.marks()["m1"]
    assert mark["box"] == [101, 90, 151, 130] and mark["label"] == LABELS[1]
    assert mark["outline"] == [[[x + 1, y - 10] for x, y in ring] for ring in OUTLINE]
    driver.drag((151, 130), (170, 160))
    assert "outline" not in driver.marks()["m1"] and near(driver.marks()["m1"]["box"], [101, 90, 170, 160])
    driver.press("Control+z")
    assert driver.marks()["m1"]["outline"] == mark["outline"]
    driver.until(lambda: driver.received and driver.received[-1]["marks"][0].get("outline") == mark["outline"], "the autosave")


HANDLES = {"nw": (0, 1), "n": (1,), "ne": (2, 1), "e": (2,), "se": (2, 3), "s": (3,), "sw": (0, 3), "w": (0,)}


@pytest.mark.parametrize("handle", HANDLES)
def test_every_handle_moves_its_sides_only(driver: Driver, handle: str) -> None:
    start = [100.0, 100.0, 200.0, 180.0]
    driver.open(box("m1", *start))
    driver.click(150, 140)
    x = start[0] if "w" in handle else start[2] if "e" in handle else 150
    y = start[1] if "n" in handle else start[3] if "s" in handle else 140
    driver.drag((x, y), (x + 20, y + 10))
    expected = [v + (20, 10)[i % 2] if i in HANDLES[handle] else v for i, v in enumerate(start)]
    assert near(driver.marks()["m1"]["box"], expected)


def test_a_handle_may_pass_the_opposite_side(driver: Driver) -> None:
    driver.open(box("m1", 100, 100, 200, 180))
    driver.click(150, 140)
    driver.drag((200, 180), (60, 50))
    assert near(driver.marks()["m1"]["box"], [60, 50, 100, 100])


def test_clicks_select_the_smallest_first_and_then_cycle(driver: Driver) -> None:
    driver.open(box("big", 50, 50, 300, 250), box("small", 140, 110, 180, 150), box("middle", 100, 90, 220, 200))
    order = []
    for _ in range(4):
        driver.click(160, 130)
        order.append(driver.selected())
    assert order == ["small", "middle", "big", "small"]
    driver.click(390, 290)
    assert driver.selected() is None
    assert driver.value()["edits"] == 0


def test_relabel_by_digit_by_list_and_by_legend(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90), box("m2", 150, 150, 190, 190))
    driver.press("n", "2")
    assert (driver.marks()["m1"]["label"], driver.marks()["m1"]["origin"]) == (LABELS[1], "edited")
    driver.page.locator('.pda-row[data-id="m2"] select').select_option(LABELS[2])
    assert driver.marks()["m2"]["label"] == LABELS[2]
    driver.page.locator(f'.pda-label[data-label="{LABELS[2]}"]').click()
    assert driver.marks()["m1"]["label"] == LABELS[2]
    driver.press("Escape", "0", "2", "d")
    driver.drag((250, 50), (300, 100))
    assert driver.marks()["h1"]["label"] == LABELS[1]


def test_delete_keeps_what_the_model_said_as_rejected(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90), box("h1", 150, 150, 190, 190, origin="human", score=None))
    driver.press("n", "Delete", "n", "Delete")
    marks = driver.marks()
    assert list(marks) == ["m1"]
    assert marks["m1"]["status"] == "rejected"
    assert driver.text(".pda-total") == "0"
    driver.press("n", "r")
    assert driver.marks()["m1"]["status"] == "open"
    assert driver.text(".pda-total") == "1"


def test_accept_reject_and_accept_all(driver: Driver) -> None:
    driver.open(*(box(f"m{i}", 20 * i, 20, 20 * i + 15, 40) for i in range(1, 5)))
    driver.press("n", "a", "n", "r", "Shift+A")
    assert [m["status"] for m in driver.marks().values()] == ["accepted", "rejected", "accepted", "accepted"]
    driver.page.locator('.pda-row[data-id="m4"] button[aria-label="Reject"]').click()
    assert driver.marks()["m4"]["status"] == "rejected"


def test_undo_and_redo_walk_through_everything(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    states = [driver.value()["marks"]]
    driver.press("d")
    driver.drag((150, 50), (200, 90))
    states.append(driver.value()["marks"])
    for key in ("2", "ArrowRight", "a", "Delete"):
        driver.press(key)
        states.append(driver.value()["marks"])
    for expected in reversed(states[:-1]):
        driver.press("Control+z")
        assert driver.value()["marks"] == expected
    driver.press("Control+z")
    for expected in states[1:4]:
        driver.press("Control+y")
        assert driver.value()["marks"] == expected
    driver.press("Control+Shift+z", "Control+Shift+z", "Control+y")
    assert driver.value()["marks"] == states[-1]


def test_arrows_move_by_one_pixel_and_by_ten(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowDown")
    assert driver.marks()["m1"]["box"] == [52, 59, 92, 99]


def test_wheel_zoom_keeps_the_place_and_drawing_stays_exact(driver: Driver) -> None:
    driver.open()
    whole = driver.scale()
    x, y = (round(v) for v in driver.screen(250, 180))
    place = driver.place(x, y)
    driver.page.mouse.move(x, y)
    for _ in range(6):
        driver.page.mouse.wheel(0, -240)
    driver.until(lambda: driver.scale() > 10 * whole, "the zoom")
    assert near(list(driver.screen(*place)), [x, y])
    driver.press("d")
    driver.drag((240, 170), (262, 189))
    assert near(driver.marks()["h1"]["box"], [240, 170, 262, 189], within=0.5)
    driver.press("0")
    assert driver.scale() == pytest.approx(whole)
    shown = driver.js("""(() => {
        const { shape } = e.layer.nodes.get("h1"), { x, y } = shape.getBBox();
        const p = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM());
        return [p.x, p.y];
    })()""")
    assert near(shown, list(driver.screen(*driver.marks()["h1"]["box"][:2])), within=0.6)


def test_pan_by_space_by_middle_button_and_by_the_background(driver: Driver) -> None:
    driver.open(box("m1", 180, 130, 220, 170))
    driver.press("+", "+", "+", "+")
    for space, button in ((True, "left"), (False, "middle")):
        before = driver.screen(0, 0)
        if space:
            driver.page.keyboard.down(" ")
        driver.drag((200, 150), (210, 155), button=button)
        if space:
            driver.page.keyboard.up(" ")
        assert near(list(driver.screen(0, 0)), [before[0] + 10 * driver.scale(), before[1] + 5 * driver.scale()], 2)
    before = driver.screen(0, 0)
    driver.drag((240, 180), (245, 185))
    assert driver.screen(0, 0) != before
    assert driver.marks()["m1"]["box"] == [180, 130, 220, 170]


def test_points_are_added_by_a_click_and_live_beside_boxes(driver: Driver) -> None:
    driver.open(point("m1", 100, 100), box("m2", 200, 200, 240, 240), kind="point")
    driver.press("d")
    driver.click(300, 60)
    assert near(driver.marks()["h1"]["point"], [300, 60])
    driver.press("v")
    driver.drag((100, 100), (130, 90))
    assert near(driver.marks()["m1"]["point"], [130, 90])
    driver.click(220, 220)
    assert driver.selected() == "m2"


def test_counting_takes_a_number_for_each_label(driver: Driver) -> None:
    driver.open(kind="count", stated={LABELS[0]: 3}, model_stated={LABELS[0]: 3})
    field = driver.page.get_by_label(f"Count of {LABELS[1]}")
    field.fill("12")
    driver.page.get_by_label(f"One {LABELS[0]} more").click()
    assert driver.value()["stated"] == {LABELS[0]: 4, LABELS[1]: 12}
    assert (driver.text(".pda-total"), driver.text(".pda-gap")) == ("16", "+13")
    driver.page.locator(".pda-canvas").focus()
    driver.press("3", "7", "Enter")
    assert driver.value()["stated"][LABELS[2]] == 7
    driver.press("Control+z", "Control+z", "Control+z")
    assert driver.value()["stated"] == {LABELS[0]: 3}
    assert field.input_value() == "0"


def test_the_models_count_and_the_difference_stand_beside_the_count(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90), box("m2", 150, 150, 190, 190), stated={LABELS[0]: 4, LABELS[1]: 1})
    assert driver.text(".pda-header .pda-said") == "model said 5"
    assert driver.text(".pda-gap") == "−3"
    assert driver.text(f'.pda-label[data-label="{LABELS[1]}"] .pda-said') == "model 1"
    driver.open(box("m1", 50, 50, 90, 90))
    assert driver.text(".pda-header .pda-said") == ""


def test_readonly_can_be_looked_at_but_not_changed(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90), readonly=True)
    before = driver.value()
    driver.click(70, 70)
    assert driver.selected() == "m1"
    driver.press("r", "a", "Delete", "2", "ArrowLeft", "Shift+A", "Control+z", "d")
    driver.drag((70, 70), (170, 170))
    driver.press("+")
    assert driver.value() == before
    assert driver.page.get_by_label("Undo (Ctrl Z)").is_disabled()


def test_a_late_answer_never_undoes_an_edit(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a", "Shift+ArrowRight")
    edited = driver.value()
    driver.until(lambda: driver.received and driver.received[-1]["edits"] == 2, "the autosave")
    driver.answer({**value, "marks": [], "edits": 1})
    driver.until(lambda: len(driver.received) and driver.received[-1] == edited, "the editor to insist")
    driver.page.wait_for_timeout(300)
    assert driver.value() == edited
    driver.press("Escape")
    driver.page.locator("#send").focus()
    driver.press("s")
    driver.until(lambda: driver.keys and driver.keys[-1] == f"save {value['case']}", "save")


def test_a_newer_revision_is_taken_as_one_step_that_can_be_undone(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a")
    mine = driver.value()["marks"]
    driver.answer({**value, "rev": 1, "edits": 1, "marks": [box("m7", 10, 10, 30, 30)]})
    driver.until(lambda: list(driver.marks()) == ["m7"], "the newer revision")
    assert driver.value()["rev"] == 1
    driver.page.locator(".pda-canvas").focus()
    driver.press("Control+z")
    assert driver.value()["marks"] == mine


def test_an_answer_asked_for_before_the_last_edit_changes_nothing(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a")
    mine = driver.value()["marks"]
    driver.answer({**value, "rev": 1, "edits": 0, "marks": [box("m7", 10, 10, 30, 30)]})
    driver.until(lambda: driver.value()["rev"] == 1, "the answer to arrive")
    assert driver.value()["marks"] == mine


def test_another_case_starts_anew(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a", "+", "+")
    other = draft(box("m9", 10, 10, 30, 30))
    driver.answer(other)
    driver.until(lambda: driver.value().get("case") == other["case"], "the other case")
    assert driver.value()["marks"] == other["marks"]
    assert driver.page.get_by_label("Undo (Ctrl Z)").is_disabled()
    assert driver.js("e.view.fitted")


def test_another_tab_and_back_keeps_marks_and_undo(driver: Driver) -> None:
    value = draft(box("m1", 50, 50, 90, 90))
    driver.answer(value)
    driver.until(lambda: driver.value().get("case") == value["case"], "the case")
    driver.page.locator(".pda-canvas").focus()
    driver.press("n", "a", "Shift+ArrowRight")
    edited = driver.value()["marks"]
    driver.page.get_by_role("tab", name="Other").click()
    driver.page.get_by_role("tab", name="Image").click()
    driver.page.wait_for_selector(".pdc-editor[data-open]")
    assert driver.value()["marks"] == edited
    driver.page.locator(".pda-canvas").focus()
    driver.press("Control+z", "Control+z")
    assert driver.value()["marks"] == value["marks"]


def test_a_thousand_rapid_edits_are_all_kept_and_the_last_autosave_has_them(driver: Driver) -> None:
    driver.open(*(box(f"m{i}", i % 20 * 18, i // 20 * 20, i % 20 * 18 + 12, i // 20 * 20 + 12) for i in range(200)))
    driver.page.evaluate("""() => {
        const key = (k) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true }));
        for (let i = 0; i < 200; i += 1) ["n", "2", "ArrowRight", "ArrowDown", "3", "a"].forEach(key);
    }""")
    value = driver.value()
    assert value["edits"] == 1000
    assert all(m["status"] == "accepted" and m["label"] == LABELS[2] for m in value["marks"])
    assert [m["box"][0] for m in value["marks"]] == [i % 20 * 18 + 1 for i in range(200)]
    driver.until(lambda: driver.received and driver.received[-1]["edits"] == 1000, "the last autosave")
    assert driver.received[-1]["marks"] == value["marks"]


HOSTILE = ["${window.hacked=1}", "<img src=x onerror='window.hacked=1'>", "{{value}}", '"><script>window.hacked=1</script>']


def test_hostile_text_is_only_text(driver: Driver) -> None:
    value = draft(*(box(f"<b>{i}</b>", 30 * i, 10, 30 * i + 20, 60, label=t) for i, t in enumerate(HOSTILE)))
    value |= {"labels": HOSTILE, "image": {**value["image"], "name": HOSTILE[1]}, "stated": {HOSTILE[0]: 3}}
    driver.answer(value)
    driver.until(lambda: driver.value().get("case") == value["case"], "the case")
    driver.page.locator(".pda-canvas").focus()
    driver.press("n", "2", "n", "a", "n")
    driver.page.mouse.move(*driver.screen(40, 30))
    driver.page.wait_for_timeout(100)
    assert driver.page.evaluate("window.hacked") is None
    assert driver.page.locator(".pdc-editor img").count() == 1
    assert driver.page.locator(".pdc-editor b, .pdc-editor script").count() == 0
    tags = driver.page.locator(".pda-tag[data-on]").all_inner_texts()
    assert [tag.split("  ")[0] for tag in tags] == [HOSTILE[1], HOSTILE[2]]


def test_keys_are_left_alone_while_typing(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n")
    field = driver.page.locator("#answer textarea")
    field.fill("")
    field.press_sequentially("ardn2")
    assert field.input_value() == "ardn2"
    assert driver.value()["edits"] == 0


def test_save_next_and_previous_are_told_to_the_server(driver: Driver) -> None:
    case = driver.open(box("m1", 50, 50, 90, 90))["case"]
    for key, event in (("Control+s", "save"), ("j", "next"), ("PageUp", "previous"), ("PageDown", "next")):
        driver.keys.clear()
        driver.press(key)
        driver.until(lambda event=event: driver.keys == [f"{event} {case}"], event)


def test_tab_walks_through_the_marks_and_out(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90), box("m2", 150, 150, 190, 190, label=LABELS[1]))
    driver.page.locator(".pda-canvas").focus()
    names = []
    for _ in range(2):
        driver.press("Tab")
        names.append(driver.page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert names == ["Box 1: red cell, model, open, score 0.50", "Box 2: platelet, model, open, score 0.50"]
    driver.press("Tab")
    assert not driver.js("e.focused()")


def test_hide_help_and_picture_controls(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("h")
    assert driver.page.locator(".pda-mark").is_hidden()
    driver.press("h", "?")
    assert driver.page.get_by_role("dialog", name="Keys").is_visible()
    driver.press("Escape", "i")
    driver.page.get_by_label("Brightness", exact=True).fill("1.5")
    assert "brightness(1.5)" in driver.js("e.picture.style.filter")
    driver.page.get_by_role("button", name="As stored").click()
    assert driver.js("e.picture.style.filter") == ""
    driver.press("i")


def test_escape_gives_up_a_drag(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    x, y = driver.screen(70, 70)
    driver.page.mouse.move(x, y)
    driver.page.mouse.down()
    driver.page.mouse.move(x + 60, y + 30)
    driver.press("Escape")
    driver.page.mouse.up()
    assert driver.value()["edits"] == 0
    assert lines(driver) == ["M50 50H90V90H50Z"] * 2


WATCH = """window.touched = [], window.watcher = new MutationObserver((records) => records.forEach(({ target }) => {
    const drawn = target.closest(".pda-ink, .pda-mark");
    if (drawn) window.touched.push(drawn.getAttribute("data-id") || drawn.getAttribute("class"));
})), window.watcher.observe(e.canvas, { subtree: true, childList: true, attributes: true })"""


def touched(driver: Driver) -> list[str]:
    """The marks and the drawn layers that the page has changed since WATCH began."""
    return driver.js("(window.watcher.disconnect(), window.touched)")


def lines(driver: Driver, layer: str = ".pda-ink") -> list[str]:
    """The outlines that are drawn, one for each mark."""
    drawn = driver.js("[...e.canvas.querySelectorAll(arg)].map((path) => path.getAttribute('d'))", f"{layer} .pda-line")
    return sorted(f"M{outline}" for path in drawn for outline in path.split("M")[1:])


def test_a_drag_redraws_only_the_dragged_mark(driver: Driver) -> None:
    driver.open(*(box(f"m{i}", i * 15, 100, i * 15 + 10, 120) for i in range(20)))
    driver.page.mouse.move(*driver.screen(155, 110))
    driver.page.mouse.down()
    driver.page.mouse.move(*driver.screen(160, 130))
    driver.js(WATCH)
    driver.page.mouse.move(*driver.screen(200, 200))
    driver.page.mouse.move(*driver.screen(220, 210))
    assert set(touched(driver)) == {"pda-ink pda-chosen"}
    assert len(lines(driver)) == 20
    driver.page.mouse.up()
    assert len(lines(driver)) == 21


def test_an_edit_redraws_a_mark_among_its_neighbours_and_touches_no_other_mark(driver: Driver) -> None:
    driver.open(*(box(f"m{i}", i % 50 * 7, i // 50 * 6, i % 50 * 7 + 6, i // 50 * 6 + 5) for i in range(300)))
    assert lines(driver) == sorted(f"M{x} {y}H{x + 6}V{y + 5}H{x}Z" for x in range(0, 350, 7) for y in range(0, 36, 6))
    driver.js(WATCH)
    driver.js("e.doc.setStatus('m150', 'accepted')")
    seen = touched(driver)
    assert {name for name in seen if name != "pda-ink"} == {"m150"} and len(seen) < 20
    assert len(lines(driver)) == 300
    assert driver.js("e.canvas.querySelector('.pda-line[data-status=accepted]').getAttribute('d')") == "M0 18H6V23H0Z"


def test_two_thousand_marks_are_drawn_and_only_the_rows_in_sight_exist(driver: Driver) -> None:
    driver.open(*(box(f"m{i}", i % 50 * 7, i // 50 * 6, i % 50 * 7 + 6, i // 50 * 6 + 5) for i in range(2000)))
    assert driver.page.locator(".pda-mark").count() == 2000
    assert driver.page.locator(".pda-row").count() < 80
