"""Scores, the threshold and hints: what is hidden or doubtful is said, and never changes the count."""

from __future__ import annotations

import pytest
from editor_page import LABELS, Driver, box, point

from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser


def rows(driver: Driver) -> list[str]:
    listed = driver.page.locator(".pda-row").all()
    return [row.get_attribute("data-id") for row in sorted(listed, key=lambda row: int(row.get_attribute("aria-posinset")))]


def scored(driver: Driver, **kw: object) -> None:
    driver.js("(e.doc.look({ below: 0, uncertain: false }), e.render())")
    marks = [box(f"m{i}", 30 * i, 20, 30 * i + 20, 40, score=score) for i, score in enumerate((0.9, 0.2, 0.5, 0.35), 1)]
    driver.open(*marks, box("h1", 200, 100, 230, 130, origin="human", score=None), **kw)


def test_the_threshold_hides_says_so_and_counts_what_is_in_sight(driver: Driver) -> None:
    scored(driver)
    driver.page.locator(".pda-threshold").fill("0.4")
    assert driver.text(".pda-hidden-count") == "2 hidden below 0.40, not counted"
    assert rows(driver) == ["m1", "m3", "h1"]
    assert driver.page.locator(".pda-mark:visible").count() == 3
    assert driver.text(".pda-total") == "3"
    driver.page.locator(".pda-hidden-count").click()
    assert not driver.page.locator(".pda-hidden-count").is_visible()
    assert driver.page.locator(".pda-mark:visible").count() == 5 and driver.text(".pda-total") == "5"


def test_hidden_marks_are_neither_walked_nor_clicked_nor_accepted(driver: Driver) -> None:
    scored(driver)
    driver.press(*"........")
    walked = []
    for _ in range(3):
        driver.press("n")
        walked.append(driver.selected())
    assert walked == ["m1", "m3", "h1"]
    driver.press("0", "Escape")
    driver.click(70, 30)
    assert driver.selected() is None
    driver.press("Shift+A")
    driver.press(*",,,,,,,,")
    assert {name: mark["status"] for name, mark in driver.marks().items()} == {
        "m1": "accepted",
        "m2": "open",
        "m3": "accepted",
        "m4": "open",
        "h1": "accepted",
    }
    assert rows(driver) == ["m1", "m2", "m3", "m4", "h1"]


def test_what_the_reader_judged_is_never_hidden(driver: Driver) -> None:
    scored(driver)
    driver.press("n", "n", "a")
    driver.press(*"........")
    assert "m2" in rows(driver)


def test_unsure_first_orders_list_and_walk(driver: Driver) -> None:
    scored(driver)
    driver.press("u")
    assert rows(driver) == ["m2", "m4", "m3", "m1", "h1"]
    driver.press("n", "n")
    assert driver.selected() == "m4"
    assert [mark["id"] for mark in driver.value()["marks"]] == ["m1", "m2", "m3", "m4", "h1"]
    driver.press("u")
    assert rows(driver) == ["m1", "m2", "m3", "m4", "h1"]


def test_words_come_with_the_calibration_only(driver: Driver) -> None:
    scored(driver)
    assert driver.text(".pda-calibration") == "Uncalibrated scores"
    assert driver.text('.pda-row[data-id="m1"] .pda-sure') == ""
    scored(driver, calibration={label: {"confident": 0.8, "unsure": 0.3, "n": 212} for label in LABELS})
    assert driver.text(".pda-calibration") == "Calibrated on 212 reviewed marks"
    words = [driver.text(f'.pda-row[data-id="{name}"] .pda-sure') for name in ("m1", "m2", "m3", "h1")]
    assert words == ["confident", "no answer", "unsure", ""]


def test_a_mark_says_how_many_looks_found_it_and_keeps_that_when_it_is_changed(driver: Driver) -> None:
    voted = {**box("m1", 30, 20, 60, 40), "votes": [3, 4]}
    driver.open(voted, box("m2", 90, 20, 120, 40))
    assert [driver.text(f'.pda-row[data-id="{name}"] .pda-sure') for name in ("m1", "m2")] == ["3/4", ""]
    assert driver.page.get_attribute('.pda-row[data-id="m1"] .pda-score', "title") == "Found by 3 of 4 looks"
    assert "3 of 4 looks" in driver.page.get_attribute('.pda-row[data-id="m1"] .pda-id', "title")
    driver.js("e.select('m1')")
    driver.press("ArrowRight")
    assert driver.js("e.doc.mark.votes") == [3, 4] and driver.js("e.doc.mark.origin") == "edited"
    assert "votes" not in driver.js("e.doc.value().marks[1]")


def test_words_are_those_of_the_marks_own_label(driver: Driver) -> None:
    scored(driver, calibration={LABELS[1]: {"confident": 0.8, "unsure": 0.3, "n": 212}})
    assert driver.text(".pda-calibration") == f"Calibrated on 212 reviewed marks: {LABELS[1]}"
    assert driver.text('.pda-row[data-id="m1"] .pda-sure') == ""


def worth(said: int, low: int, high: int, percent: int, sure: bool) -> dict:
    return {"said": said, "low": low, "high": high, "percent": percent, "sure": sure}


@pytest.mark.parametrize(
    ("of", "said", "look"),
    [
        (worth(0, 0, 0, 93, True), "none, 93 % sure", "sure"),
        (worth(0, 0, 1, 62, False), "none, unsure, 62 %", "unsure"),
        (worth(5, 4, 7, 40, False), "(4 to 7)", ""),
        (worth(7, 5, 9, 30, False), "model 7 (5 to 9)", ""),
    ],
)
def test_what_the_models_count_is_worth_stands_beside_the_count(driver: Driver, of: dict, said: str, look: str) -> None:
    marks = [box(f"m{i}", 30 * i, 20, 30 * i + 20, 40) for i in range(of["said"] and 5)]
    driver.open(*marks, worth={"all": of, "labels": {LABELS[0]: of}})
    shown = driver.page.locator(".pda-header .pda-worth")
    assert shown.text_content() == said and shown.get_attribute("data-sure") == look
    assert driver.text(f'.pda-label[data-label="{LABELS[0]}"] .pda-worth') == said
    driver.open(*marks, worth=None)
    assert driver.text(".pda-header .pda-worth") == "" and shown.get_attribute("data-sure") == ""


def hinted(driver: Driver) -> dict[str, str]:
    driver.until(lambda: driver.js("e.hints.timer === null && e.hints.checked === e.doc.marks"), "the check")
    return driver.js("Object.fromEntries([...e.hints.found].map(([id, hint]) => [id, hint.kind]))")


def test_doubles_and_marks_at_or_beyond_the_edge_are_pointed_out(driver: Driver) -> None:
    driver.open(
        box("m1", 100, 100, 150, 150),
        box("m2", 104, 100, 154, 150),
        box("m3", 104, 100, 154, 150, label=LABELS[1]),
        box("m4", 0, 200, 40, 240),
        box("m5", 380, 20, 470, 60),
        box("m6", 130, 100, 180, 150),
        point("m7", 200, 200),
        point("m8", 202, 202),
        point("m9", 240, 200),
    )
    assert hinted(driver) == {
        "m1": "duplicate",
        "m2": "duplicate",
        "m3": "labels",
        "m5": "outside",
        "m7": "duplicate",
        "m8": "duplicate",
        "m9": "shape",
    }
    assert driver.text(".pda-hints").split("\n") == [
        "4 may be marked twice",
        "1 may be one object under two labels",
        "1 point without a box",
        "1 outside the image",
        "1 cut by the edge",
    ]
    driver.press("f")
    assert driver.selected() == "m1"
    driver.press("f")
    assert driver.selected() == "m2"
    driver.page.locator('[data-hint="outside"].pda-hint').click()
    assert driver.selected() == "m5"
    assert driver.page.locator('.pda-row[data-id="m1"] .pda-row-hint').get_attribute("title") == "Maybe the same object as m2"
    driver.js("e.select('m1')")
    driver.press("r")
    assert hinted(driver)["m2"] == "labels"


def test_a_crowd_of_marks_is_checked_as_every_pair_would_be(driver: Driver) -> None:
    wrong = driver.page.evaluate(
        """CHECKS.then(({ check }) => {
        let seed = 7;
        const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
        const marks = Array.from({ length: 300 }, (_, i) => {
            const [x, y, w] = [random() * 300, random() * 200, 10 + random() * 20];
            return { id: `m${i}`, label: i % 2 ? "a" : "b", box: [x, y, x + w, y + w], status: "open" };
        });
        const found = check(marks, { width: 1000, height: 1000 });
        const pair = (a, b) => check([a, b], { width: 1000, height: 1000 }).get(a.id)?.kind === "duplicate";
        const twin = (a) => marks.some((b) => a !== b && pair(a, b));
        return marks.filter((m) => (found.get(m.id)?.kind === "duplicate") !== twin(m)).length;
    })""".replace("CHECKS", import_expression("annotator/checks.js"))
    )
    assert wrong == 0
