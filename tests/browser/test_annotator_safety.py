"""Nothing the reader did is lost: answers that come bit by bit, acknowledgements, copies in the browser, a lost connection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from editor_page import LABELS, Driver, box, draft, let_through, near

from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser


def streamed(value: dict, rev: int, *marks: dict, edits: int = 0, answering: bool = True) -> dict:
    return {**value, "rev": rev, "edits": edits, "marks": list(marks), "merge": True, "answering": answering}


def test_marks_of_an_answer_come_in_beside_what_the_reader_does(driver: Driver) -> None:
    value = driver.open(answering=True)
    m = [box(f"m{i}", 40 * i, 20, 40 * i + 20, 40) for i in range(6)]
    driver.js("e.receive(arg)", streamed(value, 1, m[0], m[1]))
    driver.press("n", "r", "n", "Shift+ArrowDown", "d", "0")
    driver.drag((300, 200), (340, 240))
    driver.js("e.receive(arg)", streamed(value, 2, m[0], m[1], m[2]))
    marks = driver.marks()
    assert list(marks) == ["m0", "m1", "h1", "m2"]
    assert marks["m0"]["status"] == "rejected"
    assert (marks["m1"]["box"], marks["m1"]["origin"]) == ([40, 30, 60, 50], "edited")
    driver.js("e.receive(arg)", streamed(value, 3, *m[:3], box("m2", 81, 21, 101, 41), m[3], answering=False))
    driver.press("Control+z", "Control+z")
    marks = driver.marks()
    assert list(marks) == ["m0", "m1", "m2", "m3"]
    assert (marks["m1"]["box"], marks["m2"]["box"]) == ([40, 20, 60, 40], [81, 21, 101, 41])
    driver.press("Control+y", "Control+y")
    assert set(driver.marks()) == {"m0", "m1", "m2", "m3", "h1"}
    driver.until(lambda: driver.received and driver.received[-1] == driver.value(), "the autosave of both")


def test_what_the_reader_removed_stays_removed_in_an_answer(driver: Driver) -> None:
    own = box("h9", 200, 200, 220, 220, origin="human", score=None)
    value = driver.open(own, answering=True)
    driver.press("n", "Delete")
    driver.js("e.receive(arg)", streamed(value, 1, own, box("m1", 50, 50, 90, 90)))
    assert list(driver.marks()) == ["m1"]


def test_what_was_changed_before_the_question_takes_the_answers_version(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a")
    driver.js("e.receive(arg)", streamed(value, 1, box("m1", 10, 10, 30, 30), edits=1))
    assert (driver.marks()["m1"]["box"], driver.marks()["m1"]["status"]) == ([10, 10, 30, 30], "open")


def test_a_drag_goes_on_while_marks_come_in(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90), answering=True)
    driver.page.mouse.move(*driver.screen(70, 70))
    driver.page.mouse.down()
    driver.page.mouse.move(*driver.screen(90, 80))
    driver.js("e.receive(arg)", streamed(value, 1, box("m1", 50, 50, 90, 90), box("m2", 200, 50, 240, 90)))
    driver.page.mouse.move(*driver.screen(100, 90))
    driver.page.mouse.up()
    assert near(driver.marks()["m1"]["box"], [80, 70, 120, 110])
    assert set(driver.marks()) == {"m1", "m2"}


def test_stop_is_told_once_and_the_state_ends_with_the_answer(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90), answering=True)
    assert "answering…" in driver.text(".pda-answering")
    driver.keys.clear()
    driver.page.get_by_role("button", name="Stop").click()
    driver.press("x")
    driver.until(lambda: driver.keys, "stop")
    assert driver.keys == [f"stop {value['case']}"]
    assert driver.page.get_by_role("button", name="Stopping…").is_disabled()
    driver.answer({"case": value["case"], "rev": 0, "answering": False})
    driver.until(lambda: not driver.page.locator(".pda-answering").is_visible(), "the end of the answer")
    driver.until(lambda: driver.js("e.link.last.marks.length") == 1, "our value")


def test_escape_stops_the_answer_and_only_then_clears_the_selection(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90), answering=True)
    driver.keys.clear()
    driver.press("n", "Escape")
    driver.until(lambda: driver.keys, "stop")
    assert (driver.keys, driver.selected()) == ([f"stop {value['case']}"], "m1")
    driver.press("Escape")
    assert driver.selected() is None


def test_a_new_answer_takes_the_place_of_the_models_open_marks_and_of_nothing_else(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90), box("m2", 100, 50, 140, 90), box("h1", 10, 10, 30, 30, origin="human"))
    driver.press("n", "a")
    driver.js("e.receive(arg)", streamed(value, 1, box("m1", 50, 50, 90, 90), box("n1", 100, 52, 140, 90)))
    assert [(name, mark["status"]) for name, mark in driver.marks().items()] == [
        ("m1", "accepted"),
        ("h1", "open"),
        ("n1", "open"),
    ]
    driver.press("Control+z")
    assert set(driver.marks()) == {"m1", "h1", "n1"}


def test_an_answer_to_another_case_is_not_shown(driver: Driver) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.js("e.receive(arg)", streamed({**value, "case": "another"}, 9, box("m7", 1, 1, 9, 9)))
    assert (driver.value()["case"], list(driver.marks())) == (value["case"], ["m1"])


COPIES = "Object.keys(localStorage).filter((key) => key.startsWith('pdc-copy:'))"


def copies(driver: Driver) -> list[dict]:
    return [json.loads(text) for text in driver.page.evaluate(f"{COPIES}.map((key) => localStorage.getItem(key))")]


def forget(driver: Driver) -> None:
    driver.page.evaluate(f"{COPIES}.forEach((key) => localStorage.removeItem(key))")


def test_a_copy_is_kept_until_the_server_has_it(driver: Driver) -> None:
    forget(driver)
    value = driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a", "2")
    driver.until(lambda: [copy["edits"] for copy in copies(driver)] == [2], "the copy")
    assert copies(driver)[0]["marks"][0]["label"] == LABELS[1]
    note = {"case": value["case"], "rev": 0}
    driver.answer({**note, "acked": 1})
    driver.until(lambda: driver.value().get("acked") == 1, "the first note")
    assert len(copies(driver)) == 1
    driver.answer({**note, "acked": 2})
    driver.until(lambda: copies(driver) == [], "the copy to go")
    driver.answer({"case": "another", "rev": 9, "acked": 99})
    driver.page.wait_for_timeout(300)
    assert driver.value()["case"] == value["case"] and driver.value()["acked"] == 2
    assert list(driver.marks()) == ["m1"]


def test_another_readers_copy_is_not_offered(driver: Driver) -> None:
    forget(driver)
    value = driver.open(box("m1", 50, 50, 90, 90), reader="ada")
    left_behind(driver, value, box("m1", 60, 60, 99, 99))
    driver.js("e.receive(arg)", {**value, "case": "between"})
    driver.js("e.receive(arg)", {**value, "reader": "ben"})
    assert not driver.page.locator('[data-notice="restore"]').is_visible()
    driver.js("e.receive(arg)", {**value, "case": "between"})
    driver.js("e.receive(arg)", value)
    assert driver.page.locator('[data-notice="restore"]').is_visible()
    forget(driver)


def left_behind(driver: Driver, value: dict, *marks: dict, edits: int = 3) -> None:
    """A copy as an earlier page would have left it."""
    entry = {"at": 1.9e12, "edits": edits, "marks": list(marks), "stated": {}}
    key = f"pdc-copy:{json.dumps([value.get('reader', ''), value['case'], value['image']['url']], separators=(',', ':'))}:before"
    driver.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [key, json.dumps(entry)])


def test_unsaved_changes_of_an_earlier_page_are_offered_and_restored(driver: Driver) -> None:
    forget(driver)
    value = draft(box("m1", 50, 50, 90, 90))
    mine = [{**value["marks"][0], "status": "accepted"}, box("h1", 10, 10, 40, 40, origin="human", score=None)]
    left_behind(driver, value, *mine)
    driver.js("e.receive(arg)", value)
    driver.page.get_by_role("button", name="Restore your unsaved changes").click()
    assert driver.value()["marks"] == mine
    driver.until(lambda: driver.received and driver.received[-1]["marks"] == mine, "the autosave")
    driver.press("Control+z")
    assert driver.value()["marks"] == value["marks"]
    assert not driver.page.locator('[data-notice="restore"]').is_visible()
    driver.until(lambda: driver.received[-1]["marks"] == value["marks"], "the autosave of the undo")


def test_nothing_is_offered_when_the_server_has_it_or_the_reader_said_no(driver: Driver) -> None:
    forget(driver)
    value = draft(box("m1", 50, 50, 90, 90))
    left_behind(driver, value, *value["marks"])
    driver.js("e.receive(arg)", value)
    assert not driver.page.locator('[data-notice="restore"]').is_visible()
    assert copies(driver) == []
    value = draft(box("m1", 50, 50, 90, 90))
    left_behind(driver, value)
    driver.js("e.receive(arg)", value)
    driver.page.get_by_role("button", name="Discard them").click()
    assert copies(driver) == []
    assert driver.value()["marks"] == value["marks"]


def test_copies_are_few_and_broken_ones_go(driver: Driver) -> None:
    forget(driver)
    driver.page.evaluate("localStorage.setItem('pdc-copy:broken', '{')")
    for _ in range(30):
        left_behind(driver, draft(), box("m1", 1, 1, 9, 9))
    driver.open(box("m1", 50, 50, 90, 90))
    driver.press("n", "a")
    driver.until(lambda: len(copies(driver)) == 20, "the cap")
    forget(driver)


def test_a_lost_connection_is_loud_and_the_copy_can_be_taken_along(driver: Driver, tmp_path: Path) -> None:
    value = driver.open(box("m1", 50, 50, 90, 90))
    context = driver.page.context
    context.set_offline(True)
    bar = driver.page.get_by_role("alert").filter(has_text="kept in this browser")
    bar.wait_for(state="visible")
    driver.press("n", "a")
    driver.until(lambda: "Not saved. A copy is kept in this browser." in bar.inner_text(), "the bar")
    driver.until(lambda: any(copy["marks"][0]["status"] == "accepted" for copy in copies(driver)), "the copy")
    with driver.page.expect_download() as download:
        driver.page.get_by_role("button", name="Download copy").click()
    download.value.save_as(tmp_path / "copy.json")
    assert download.value.suggested_filename == "picture.png-marks.json"
    assert json.loads((tmp_path / "copy.json").read_text())["marks"] == driver.value()["marks"]
    mine = driver.value()["marks"]
    driver.page.evaluate("window.before = true")
    context.set_offline(False)
    driver.page.wait_for_function("!window.before && document.querySelector('.pdc-editor')?.pdc", timeout=60000)
    driver.js("e.receive(arg)", value)
    driver.page.get_by_role("button", name="Restore your unsaved changes").click()
    assert driver.value()["marks"] == mine
    driver.until(lambda: driver.received and driver.received[-1]["marks"] == mine, "the edit to arrive")
    driver.page.reload()  # the page does so by itself, on a busy machine twice: not in the middle of the tests that follow
    driver.page.wait_for_function("document.querySelector('.pdc-editor')?.pdc", timeout=60000)


def test_an_answer_to_a_call_from_before_the_loss_does_not_hide_the_bar(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    held = []
    driver.answer_calls = lambda route: route.continue_() if held else held.append(route)
    driver.press("n", "a")
    driver.until(lambda: held, "the call")
    driver.page.evaluate("window.dispatchEvent(new Event('offline'))")
    with driver.page.expect_response("**/gradio_api/run/**"):
        held[0].continue_()
    bar = driver.page.get_by_role("alert").filter(has_text="Not saved")
    driver.page.wait_for_timeout(300)
    assert bar.is_visible()
    driver.press("2")
    bar.wait_for(state="hidden")
    driver.answer_calls = let_through


def test_a_connection_that_comes_back_by_itself_sends_what_was_kept(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    with driver.page.expect_response("**/gradio_api/run/**"):
        driver.press("n", "a")
    driver.page.wait_for_timeout(200)
    driver.received.clear()
    driver.page.evaluate("window.dispatchEvent(new Event('offline'))")
    bar = driver.page.get_by_role("alert").filter(has_text="Not saved")
    bar.wait_for(state="visible")
    driver.page.evaluate("window.dispatchEvent(new Event('online'))")
    driver.until(lambda: driver.received and driver.received[-1]["marks"][0]["status"] == "accepted", "the edit again")
    bar.wait_for(state="hidden")


def test_a_refused_edit_is_loud_until_one_is_taken(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    driver.answer_calls = lambda route: route.fulfill(status=500, json={"error": "full"})
    driver.press("n", "a")
    bar = driver.page.get_by_role("alert").filter(has_text="Not saved")
    bar.wait_for(state="visible")
    driver.answer_calls = let_through
    driver.press("2")
    bar.wait_for(state="hidden")
    driver.until(lambda: driver.received and driver.received[-1]["marks"][0]["label"] == LABELS[1], "both edits")


def test_a_refused_edit_is_sent_again_by_itself(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))
    refused = []
    driver.answer_calls = lambda route: (
        route.continue_() if refused else refused.append(route.fulfill(status=503, json={"error": "full"}))
    )
    driver.press("n", "a")
    bar = driver.page.get_by_role("alert").filter(has_text="Not saved")
    bar.wait_for(state="visible")
    driver.until(lambda: driver.received and driver.received[-1]["marks"][0]["status"] == "accepted", "the edit again")
    bar.wait_for(state="hidden")
    driver.answer_calls = let_through


def test_an_editor_that_is_built_again_adds_nothing_to_the_document(driver: Driver) -> None:
    build = """async (n) => {
      const { Link } = await LINK;
      const added = [], sent = [], add = document.addEventListener;
      document.addEventListener = (type, ...rest) => { added.push(type); return add.call(document, type, ...rest); };
      for (let i = 0; i < n; i += 1) {
        const host = document.createElement("div");
        document.body.append(host);
        const link = new Link({ put: (value) => sent.push([i, value]), trigger: () => {} }, host);
        link.edited(() => ({ edit: 1 }));
        link.edited(() => ({ edit: 2 }));
        if (i < n - 1) host.remove();
      }
      document.addEventListener = add;
      document.dispatchEvent(new Event("pointerdown"));
      return { added, last: sent.filter(([i]) => i === n - 1).map(([, value]) => value.edit) };
    }""".replace("LINK", import_expression("annotator/link.js"))
    assert driver.page.evaluate(build, 5) == {"added": [], "last": [1, 2]}
