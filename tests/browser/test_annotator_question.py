"""The same marks under another question: the editor keeps the document, its undo steps, and what the reader did meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from editor_page import LABELS, Driver, box, point
from store_values import an_image

from pdc.domain.carrying import carried
from pdc.domain.values import Question, Task
from pdc.web.ui.annotator import findings_from, to_value
from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser
RED, PLATELET, WHITE = LABELS
TASKS = {"box": Task.COUNT_AND_BOX, "point": Task.CNT_AND_POINT, "count": Task.COUNTING}


def turned(driver: Driver, kind: str, *labels: str, value: Mapping | None = None) -> dict:
    """What the server answers when the question changes."""
    before = dict(value or driver.value())
    asked = Question(TASKS[before["kind"]], tuple(before["labels"]))
    question = Question(TASKS[kind], labels)
    found = carried(findings_from(before), asked, question)
    image = an_image(name="picture.png", width=400, height=300)
    case = f"{before['case']} as {kind} {labels}"
    return to_value(
        case, question, found, image, "/picture.png", rev=before["rev"] + 1, edits=before["edits"], turned=before["case"]
    )


def ask(driver: Driver, kind: str, *labels: str) -> None:
    driver.js("e.receive(arg)", turned(driver, kind, *labels))


def opened(driver: Driver) -> None:
    driver.open(box("m1", 20, 20, 60, 60), box("m2", 100, 20, 140, 80, label=PLATELET), box("m3", 200, 100, 260, 160))


def test_a_label_more_or_less_keeps_every_mark_and_every_undo_step(driver: Driver) -> None:
    opened(driver)
    driver.press("n", "a")
    ask(driver, "box", *LABELS, "schistocyte")
    assert list(driver.marks()) == ["m1", "m2", "m3"] and driver.text(".pda-total") == "3"
    assert driver.page.locator('.pda-label[data-label="schistocyte"]').is_visible()
    ask(driver, "box", RED)
    assert list(driver.marks()) == ["m1", "m3"] and driver.text(".pda-total") == "2"
    driver.press("Control+z")
    assert driver.marks()["m1"]["status"] == "open"
    driver.press("Control+y")
    ask(driver, "box", *LABELS)
    assert sorted(driver.marks()) == ["m1", "m2", "m3"] and driver.marks()["m1"]["status"] == "accepted"


def test_boxes_become_points_and_the_moved_points_boxes(driver: Driver) -> None:
    opened(driver)
    ask(driver, "point", *LABELS)
    assert driver.marks()["m1"]["point"] == [40, 40] and driver.page.locator('.pda-mark[data-kind="point"]').count() == 3
    driver.js("e.select('m1')")
    driver.press("ArrowRight")
    ask(driver, "box", *LABELS)
    assert driver.marks()["m1"]["box"] == [21, 20, 61, 60] and driver.marks()["m2"]["box"] == [100, 20, 140, 80]
    driver.press("Control+z")
    assert driver.marks()["m1"]["box"] == [20, 20, 60, 60]


def test_a_count_follows_the_marks_and_gives_them_back(driver: Driver) -> None:
    opened(driver)
    driver.press("n", "r")
    ask(driver, "count", *LABELS)
    assert driver.text(".pda-total") == "2" and driver.page.locator(".pda-mark").count() == 0
    assert driver.page.locator(f'.pda-count-input[data-label="{RED}"]').input_value() == "1"
    driver.press("Control+z")
    assert driver.text(".pda-total") == "3"
    ask(driver, "box", *LABELS)
    assert len(driver.marks()) == 3


def test_what_the_reader_drew_while_the_question_changed_is_kept_and_sent(driver: Driver) -> None:
    opened(driver)
    late = turned(driver, "point", RED)
    driver.press("d")
    driver.drag((300, 200), (340, 240))
    driver.received.clear()
    driver.js("e.receive(arg)", late)
    assert driver.marks()["h1"]["point"] == [320, 220]
    driver.until(lambda: [r["case"] for r in driver.received[-1:]] == [late["case"]], "the late edit under the new question")


def test_a_point_without_a_box_is_kept_and_named_where_boxes_are_asked_for(driver: Driver) -> None:
    driver.open(point("m1", 50, 50), kind="point")
    ask(driver, "box", *LABELS)
    assert driver.marks()["m1"]["point"] == [50, 50] and driver.text(".pda-total") == "1"
    hint = driver.page.locator('.pda-hint[data-hint="shape"]')
    hint.wait_for()
    assert hint.inner_text() == "1 point without a box"


@pytest.mark.parametrize(
    "way", [("box", "point", "box"), ("box", "count", "point"), ("point", "box", "count"), ("count", "box", "count")]
)
def test_the_browser_and_the_server_carry_marks_alike(driver: Driver, way: tuple[str, ...]) -> None:
    """The server's rule for the marks is also the browser's for their undo steps."""
    driver.open(box("m1", 20, 20, 60, 60), box("m2", 100, 20, 140, 80, label=PLATELET), point("m3", 9, 9), kind=way[0])
    for kind, labels in zip(way[1:], ((RED, WHITE), LABELS), strict=True):
        value = driver.value()
        theirs = turned(driver, kind, *labels)
        script = f"""async ([value, to]) => {{
          const {{ carry }} = await {import_expression("annotator/carry.js")};
          const state = {{ marks: value.marks, stated: value.stated, aside: value.aside }};
          return carry(state, value, to);
        }}"""
        ours = driver.page.evaluate(script, [value, theirs])
        assert [ours[part] for part in ("marks", "stated", "aside")] == [theirs[part] for part in ("marks", "stated", "aside")]
        driver.js("e.receive(arg)", theirs)


def test_undo_asks_for_the_question_before_and_redo_for_the_one_after(driver: Driver) -> None:
    opened(driver)
    driver.page.evaluate("""() => {
        window.wanted = [];
        document.addEventListener("pdc-question", (event) => {
            event.detail.taken = true;
            window.wanted.push(event.detail.labels);
        }, { signal: (window.over = new AbortController()).signal });
    }""")
    driver.press("n", "a")
    ask(driver, "box", RED)
    driver.press("Control+z")
    assert driver.page.evaluate("window.wanted") == [LABELS]
    assert driver.marks()["m1"]["status"] == "accepted", "the edit before the question is not what was done last"
    ask(driver, "box", *LABELS)
    assert sorted(driver.marks()) == ["m1", "m2", "m3"]
    driver.press("Control+y")
    assert driver.page.evaluate("window.wanted") == [LABELS, [RED]]
    ask(driver, "box", RED)
    driver.press("Control+z")
    ask(driver, "box", *LABELS)
    driver.press("Control+z")
    assert driver.page.evaluate("window.wanted.length") == 3 and driver.marks()["m1"]["status"] == "open"
    driver.page.evaluate("window.over.abort()")
