"""Marks are copied and pasted, and the menu of the right button does what the keys do."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box, draft, near, point

pytestmark = pytest.mark.browser

BOTH = (box("m1", 60, 50, 100, 90), box("m2", 200, 150, 260, 200, label=LABELS[1]))


def said(driver: Driver) -> str:
    line = driver.page.locator(".pda-said-line")
    return line.inner_text() if line.is_visible() else ""


def drawn(driver: Driver) -> list[dict]:
    return [mark for mark in driver.marks().values() if mark["origin"] == "human"]


def right_click(driver: Driver, x: float, y: float) -> None:
    driver.page.mouse.click(*driver.screen(x, y), button="right")


def entries(driver: Driver) -> list[str]:
    return driver.page.locator(".pda-menu button > span:first-of-type").all_inner_texts()


def pick(driver: Driver, name: str) -> None:
    driver.page.locator(".pda-menu").get_by_text(name, exact=True).click()


def test_copied_marks_come_into_the_next_image_as_a_persons_own_in_their_places(driver: Driver) -> None:
    driver.open({**BOTH[0], "status": "accepted", "score": 0.9}, BOTH[1])
    driver.press("Control+a", "Control+c")
    assert said(driver) == "2 marks copied."
    driver.open()
    driver.press("Control+v")
    driver.until(lambda: driver.marks(), "the marks")
    marks = list(driver.marks().values())
    assert [(m["box"], m["label"]) for m in marks] == [([60, 50, 100, 90], LABELS[0]), ([200, 150, 260, 200], LABELS[1])]
    assert all((m["origin"], m["status"], m["score"]) == ("human", "open", None) for m in marks)
    assert driver.js("e.doc.chosen.length") == 2 and said(driver) == "2 marks pasted."
    driver.press("Control+z")
    assert driver.marks() == {}


def test_marks_pasted_where_they_were_copied_lie_beside_and_a_rejected_one_is_not_copied(driver: Driver) -> None:
    driver.open(BOTH[0], {**BOTH[1], "status": "rejected"})
    driver.click(80, 70)
    driver.page.keyboard.down("Shift")
    driver.click(230, 170)
    driver.page.keyboard.up("Shift")
    driver.press("Control+c", "Control+v", "Control+v")
    driver.until(lambda: len(drawn(driver)) == 2, "the marks")
    lefts = [mark["box"][0] for mark in drawn(driver)]
    assert 60 < lefts[0] < lefts[1] and {mark["label"] for mark in drawn(driver)} == {LABELS[0]}


def test_marks_of_a_larger_image_are_moved_inside_and_cut_to_it(driver: Driver) -> None:
    large = {"url": "/picture.png", "width": 900, "height": 700, "name": "large.png"}
    driver.open(box("m1", 800, 100, 840, 140), box("m2", 100, 0, 900, 100), image=large)
    driver.press("Control+a", "Control+c")
    driver.open()
    driver.press("Control+v")
    driver.until(lambda: driver.marks(), "the marks")
    shapes = [mark["box"] for mark in driver.marks().values()]
    assert near(shapes[0], [360, 100, 400, 140]) and near(shapes[1], [0, 0, 400, 100])


def test_boxes_become_points_where_points_are_asked_for_and_nothing_where_only_a_count_is(driver: Driver) -> None:
    driver.open(BOTH[0])
    driver.press("n", "Control+c")
    driver.open(kind="point")
    driver.press("Control+v")
    driver.until(lambda: driver.marks(), "the mark")
    assert [mark["point"] for mark in driver.marks().values()] == [[80, 70]]
    driver.open(kind="count")
    driver.press("Control+v")
    driver.until(lambda: said(driver).startswith("Nothing is pasted"), "the reason")


def test_a_label_that_is_not_asked_for_is_left_out_with_the_reason(driver: Driver) -> None:
    driver.open(*BOTH)
    driver.press("Control+a", "Control+c")
    driver.open(labels=LABELS[:1])
    driver.press("Control+v")
    driver.until(lambda: driver.marks(), "the mark")
    assert [mark["label"] for mark in driver.marks().values()] == [LABELS[0]]
    assert said(driver).startswith(f"1 mark pasted. Left out: 1, for this image is not asked for {LABELS[1]}.")


def test_a_label_that_the_question_bar_takes_is_asked_for_and_its_marks_come_with_the_answer(driver: Driver) -> None:
    driver.open(*BOTH)
    driver.press("Control+a", "Control+c")
    value = driver.open(labels=LABELS[:1])
    takes = "({ detail }) => { detail.taken = detail.labels; detail.ask = () => { window.asked = detail.labels; }; }"
    driver.page.evaluate(f"document.addEventListener('pdc-ask-labels', {takes}, {{ once: true }})")
    driver.press("Control+v")
    driver.until(lambda: driver.page.evaluate("window.asked"), "the question")
    assert [mark["label"] for mark in driver.value()["aside"]["marks"]] == [LABELS[1]]
    driver.js("e.receive(arg)", {**draft(), "turned": value["case"], "edits": 0})
    assert [mark["label"] for mark in driver.marks().values()] == LABELS[:2]


def test_another_text_or_file_on_the_clipboard_is_not_taken_for_marks(driver: Driver) -> None:
    driver.open(BOTH[0])
    driver.press("n", "Control+c")
    for text in ("hello", '{"pdc-marks": 3}', '{"pdc-marks": [{"label": "red cell", "box": ["x", 1, 2, 3]}]}'):
        script = """(text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
        driver.page.evaluate(script, text)
    assert list(driver.marks()) == ["m1"] and driver.value()["edits"] == 0


def test_the_menu_of_a_mark_selects_it_and_does_what_its_keys_do(driver: Driver) -> None:
    driver.open(*BOTH)
    right_click(driver, 80, 70)
    assert driver.selected() == "m1"
    found = [name for name in entries(driver) if name != "Fit to the object"]
    assert found == ["Accept", "Reject", *LABELS, "Look closer here", "Copy", "Delete"]
    pick(driver, "Accept")
    assert driver.marks()["m1"]["status"] == "accepted" and driver.selected() == "m2"
    right_click(driver, 230, 170)
    assert driver.page.locator('.pda-menu [aria-checked="true"]').inner_text().split("\n")[0] == LABELS[1]
    pick(driver, LABELS[2])
    assert driver.marks()["m2"]["label"] == LABELS[2]
    right_click(driver, 230, 170)
    pick(driver, "Look closer here")
    driver.until(lambda: any(key.startswith("closer") for key in driver.keys), "the closer look")
    driver.js("e.doc.head.answering = false")


def test_the_menu_keeps_several_selected_marks_and_acts_on_all(driver: Driver) -> None:
    driver.open(*BOTH)
    driver.press("Control+a")
    right_click(driver, 230, 170)
    pick(driver, "Delete")
    assert [mark["status"] for mark in driver.marks().values()] == ["rejected", "rejected"]


def test_a_mark_and_its_look_alikes_are_selected_together(driver: Driver) -> None:
    twins = [box(f"m{i}", 60 * i, 50, 60 * i + 40 + i, 90) for i in range(4)]
    others = [
        box("large", 60, 150, 160, 250),
        box("sure", 200, 150, 240, 190, score=0.95),
        box("other", 300, 150, 340, 190, label=LABELS[1]),
    ]
    driver.open(*twins, *others)
    right_click(driver, 80, 70)
    pick(driver, "Select it and its 3 look-alikes")
    driver.press("2")
    assert [name for name, mark in driver.marks().items() if mark["label"] == LABELS[1]] == ["m0", "m1", "m2", "m3", "other"]
    driver.press("Control+z")
    assert driver.marks()["m0"]["label"] == LABELS[0]


def test_the_menu_of_an_empty_place_draws_pastes_and_selects_all(driver: Driver) -> None:
    driver.open(*BOTH)
    driver.press("n", "Control+c", "Escape")
    right_click(driver, 320, 60)
    assert entries(driver) == ["Draw here", "Look closer here", "Paste", "Select all"]
    pick(driver, "Draw here")
    assert near(drawn(driver)[0]["box"], [300, 40, 340, 80])
    right_click(driver, 320, 250)
    pick(driver, "Paste")
    assert len(drawn(driver)) == 2
    right_click(driver, 320, 250)
    pick(driver, "Select all")
    assert driver.js("e.doc.chosen.length") == 4


def test_the_menu_is_opened_walked_and_closed_by_the_keyboard(driver: Driver) -> None:
    driver.open(*BOTH)
    driver.press("n", "Shift+F10")
    focused = "document.activeElement.innerText.split('\\n')[0]"
    assert driver.page.get_by_role("menu").is_visible() and driver.page.evaluate(focused) == "Accept"
    driver.press("ArrowDown", "ArrowDown")
    assert driver.page.evaluate(focused) == LABELS[0]
    driver.press("End")
    assert driver.page.evaluate(focused) == "Delete"
    driver.press("ArrowDown", "ArrowDown", "Enter")
    assert driver.marks()["m1"]["status"] == "rejected" and driver.page.get_by_role("menu").is_hidden()
    driver.press("ContextMenu", "Escape")
    assert driver.page.get_by_role("menu").is_hidden() and driver.selected() == "m2"
    assert driver.js("document.activeElement === e.canvas")


def test_a_press_elsewhere_closes_the_menu_and_a_read_only_image_offers_only_what_changes_nothing(driver: Driver) -> None:
    driver.open(*BOTH, point("p", 20, 20), readonly=True)
    right_click(driver, 80, 70)
    able = driver.page.locator(".pda-menu button:not(:disabled) > span:first-of-type").all_inner_texts()
    assert able == ["Copy"]
    driver.click(350, 280)
    assert driver.page.get_by_role("menu").is_hidden()


def test_more_ways_to_see_the_image_are_one_press_away_and_say_which_are_on(driver: Driver) -> None:
    driver.open(box("m1", 40, 40, 90, 90))
    more = driver.page.get_by_role("button", name="More", exact=True)
    more.click()
    assert entries(driver)[:4] == ["Outlines only", "Counting grid", "Crosshair", "Loupe"]
    pick(driver, "Crosshair")
    assert driver.js("e.lens.cross") and more.get_attribute("aria-pressed") == "true"
    more.click()
    assert driver.page.locator('.pda-menu [aria-checked="true"]').inner_text().split("\n")[0] == "Crosshair"
    driver.press("Escape", "c")
    assert not driver.js("e.lens.cross") and more.get_attribute("aria-pressed") == "false"
