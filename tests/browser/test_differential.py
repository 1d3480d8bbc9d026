"""The differential keyboard: one key a cell, and numbers that are those of the sheet."""

from __future__ import annotations

from typing import Any

import pytest
from editor_page import LABELS, Driver, H, W, box, near
from test_keyboard_layouts import LAYOUTS, struck

from pdc.counting.area import whole_image
from pdc.counting.intervals import binomial, ratio
from pdc.counting.protocol import Protocol, parse_protocol
from pdc.counting.tally import count_field
from pdc.settings import ASSETS
from pdc.web.ui.annotator import findings_from
from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser
WHITE = "white blood cell"


def protocol() -> Protocol:
    path = ASSETS / "protocols" / "blood-differential.json"
    return parse_protocol(path.read_text("utf-8"), path.name)


def session(**before: int) -> dict[str, Any]:
    """What the editor is told of a field in a session of the blood differential; `before` are its other fields."""
    asked = protocol()
    classes = [c.model_dump(mode="json") for c in asked.classes]
    counting = {
        "session": 1,
        "sample": "S-17",
        "protocol": asked.title,
        "border": asked.border.model_dump(mode="json"),
        "area": None,
    }
    counting |= {
        "classes": classes,
        "before": {name.replace("_", " "): n for name, n in before.items()},
        "earlier": {},
        "touch": 1.0,
    }
    counting |= {
        "least": asked.target.least,
        "of": list(asked.target.of),
        "each": False,
        "finish": "field",
        "place": 1,
        "places": 3,
    }
    counting |= {"place": 1, "places": 3, "replicate": 1, "replicates": 1, "said": {"short": "go on", "reached": "enough"}}
    return {"labels": [label for c in asked.classes for label in c.labels], "counting": counting}


def cells(n: int, label: str = WHITE) -> list[dict]:
    return [
        box(f"m{i}", 20 + 60 * (i % 6), 20 + 60 * (i // 6), 44 + 60 * (i % 6), 44 + 60 * (i // 6), label=label) for i in range(n)
    ]


def begin(driver: Driver, *marks: dict, **kw: Any) -> None:
    driver.js("e.differential.toggle(false)")
    driver.open(*marks, **kw)
    driver.press("Shift+K")


def row(driver: Driver, name: str) -> dict[str, str]:
    """What the pad shows of a class."""
    of = driver.page.locator(f'.pda-keyed-row[data-class="{name}"]')
    return {part: of.locator(f".pda-{part}").inner_text() for part in ("number", "keyed-open", "share", "between")}


def said(driver: Driver) -> str:
    return driver.text(".pda-keyed-said")


def test_one_key_labels_a_cell_accepts_it_and_brings_up_the_next(driver: Driver) -> None:
    begin(driver, *cells(3), **session())
    assert driver.selected() == "m0"
    driver.press("j")
    first = driver.marks()["m0"]
    assert (first["label"], first["status"], first["origin"]) == ("neutrophil", "accepted", "edited")
    assert driver.selected() == "m1" and said(driver) == "neutrophil: 1"
    assert driver.js("e.doc.past.length") == 1


def test_a_cell_is_shown_in_the_middle_and_as_large_as_the_others(driver: Driver) -> None:
    middle = [box("m0", 120, 100, 140, 120, label=WHITE), box("m1", 220, 160, 250, 190, label=WHITE)]
    begin(driver, *middle, **session())
    seen = [driver.js("[...e.view.middle(), e.view.scale]")]
    driver.press("j")
    seen.append(driver.js("[...e.view.middle(), e.view.scale]"))
    assert near(seen[0][:2], [130, 110]) and near(seen[1][:2], [235, 175])
    assert seen[0][2] == seen[1][2] > 2 * driver.js("e.view.fitScale()")
    driver.press("Backspace", "+")
    larger = driver.js("e.view.scale")
    driver.press("j")
    assert driver.js("e.view.scale") == pytest.approx(larger)


def test_a_label_that_belongs_to_the_class_is_kept(driver: Driver) -> None:
    begin(driver, *cells(1), **session())
    driver.press("h")
    assert (driver.marks()["m0"]["label"], driver.marks()["m0"]["origin"]) == (WHITE, "model")
    assert row(driver, "unclassified")["number"] == "1"


def test_backspace_takes_one_key_back_and_comes_back_to_its_cell(driver: Driver) -> None:
    begin(driver, *cells(4), **session())
    driver.press("j", "Space", "k")
    assert driver.selected() == "m3"
    driver.press("Backspace")
    assert driver.selected() == "m2" and driver.marks()["m2"]["status"] == "open"
    driver.press("Backspace")
    assert driver.selected() == "m1" and driver.marks()["m0"]["status"] == "accepted"  # a skipped cell had no step
    driver.press("Backspace")
    assert driver.selected() == "m0" and driver.marks()["m0"]["label"] == WHITE
    driver.press("Backspace")
    assert said(driver).startswith("Nothing to take back")


def test_a_skipped_cell_stays_open_and_comes_again_after_the_others(driver: Driver) -> None:
    begin(driver, *cells(3), **session())
    driver.press("Space", "j", "r")
    assert [m["status"] for m in driver.marks().values()] == ["open", "accepted", "rejected"]
    assert said(driver) == "1 cells are not read. Space shows the next one." and driver.selected() is None
    driver.press("j")  # a key too many
    assert driver.marks()["m0"]["status"] == "open"
    driver.press("Space", "k")
    assert driver.marks()["m0"]["label"] == "lymphocyte" and said(driver).startswith("All cells of this image are read.")


def test_the_numbers_are_those_of_the_sheet_with_exact_limits(driver: Driver) -> None:
    edge = box("edge", 380, 20, W, 44, label=WHITE)  # touches a side, which the protocol leaves out
    before = {"neutrophil": 61, "lymphocyte": 20, "nucleated_red_cell": 7, "smudge_cell": 2}
    begin(driver, *cells(9), edge, **session(**before))
    driver.press(*"jjklnmh", "r", "Space")
    asked = protocol()
    marks = findings_from(driver.value()).marks
    counted = count_field(asked, "field", marks, whole_image(W, H)).counted
    whole = {c.name: counted.get(c.name, 0) + before.get(c.name.replace(" ", "_"), 0) for c in asked.classes}
    waiting = {"unclassified": 1}
    total = sum(whole[name] - waiting.get(name, 0) for name in asked.target.of)
    assert driver.text(".pda-keyed-total") == str(total)
    for name in whole:
        n = whole[name] - waiting.get(name, 0)
        low, high = binomial(n, total) if name in asked.target.of else ratio(n, total)
        shown = {"number": str(n), "share": f"{n / total:.0%}"[:-1], "between": f"{low:.0%}–{high:.0%}".replace("%", "")}
        assert row(driver, name) == {**shown, "keyed-open": f"+{waiting[name]}" if name in waiting else ""}, name


def test_limits_in_the_browser_are_those_of_the_sheet(driver: Driver) -> None:
    pairs = [(k, n) for n in (1, 2, 7, 100, 200, 1000, 20_000) for k in {0, 1, n // 3, n // 2, n - 1, n}]
    limits = "(m) => pairs.map(([k, n]) => [m.binomial(k, n), m.ratio(k, n)])"
    script = f"(pairs) => {import_expression('annotator/binomial.js')}.then({limits})"
    for (k, n), (share, beside) in zip(pairs, driver.page.evaluate(script, pairs), strict=True):
        assert share == pytest.approx(binomial(k, n), abs=1e-10), (k, n)
        assert beside == pytest.approx(ratio(k, n), rel=1e-9), (k, n)


def test_the_bell_rings_when_the_target_is_reached_and_can_be_silenced(driver: Driver) -> None:
    driver.page.evaluate("""() => {
        window.tones = 0;
        const make = AudioContext.prototype.createOscillator;
        AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
    }""")
    begin(driver, *cells(3), **session(neutrophil=98))
    driver.press("n")  # nucleated red cells are outside the hundred
    driver.press("j")
    assert driver.page.locator(".pda-rung").is_hidden() and driver.page.evaluate("tones") == 0
    driver.press("j")
    assert driver.text(".pda-rung") == "100 of 100 counted: finish this field."
    assert driver.page.evaluate("tones") > 0
    heard = driver.page.evaluate("tones")
    driver.page.get_by_label("Bell").click()
    begin(driver, *cells(1), **session(neutrophil=199))
    driver.press("j")
    assert driver.text(".pda-rung") == "200 counted." and driver.page.evaluate("tones") == heard
    driver.page.get_by_label("Bell").click()


def test_a_key_that_is_held_down_counts_one_cell(driver: Driver) -> None:
    begin(driver, *cells(4), **session())
    driver.page.keyboard.down("j")
    driver.page.keyboard.down("j")
    driver.page.keyboard.up("j")
    assert [m["status"] for m in driver.marks().values()] == ["accepted", "open", "open", "open"]


def test_class_keys_are_at_their_place_on_other_keyboards(driver: Driver) -> None:
    begin(driver, *cells(2), **session())
    event = {"bubbles": True, "cancelable": True, **struck(LAYOUTS["Russian"], "j")}
    driver.page.evaluate("(event) => document.body.dispatchEvent(new KeyboardEvent('keydown', event))", event)
    assert driver.marks()["m0"]["label"] == "neutrophil"


def test_a_class_may_have_any_letter_whatever_it_means_elsewhere(driver: Driver) -> None:
    field = session()
    for name, key in (("neutrophil", "w"), ("lymphocyte", "r"), ("monocyte", "a")):
        next(c for c in field["counting"]["classes"] if c["name"] == name)["key"] = key
    event = "new KeyboardEvent('keydown', { key: 'w', code: 'KeyW' })"
    asked = f"{import_expression('annotator/keys.js')}.then((m) => m.claimed({event}))"
    begin(driver, *cells(4), **field)
    assert driver.page.evaluate(asked)  # so that the list of images leaves it alone
    driver.press(*"wra", "Delete")
    assert [m["label"] for m in driver.marks().values()] == ["neutrophil", "lymphocyte", "monocyte", WHITE]
    assert driver.marks()["m3"]["status"] == "rejected"
    assert "As proposed" not in driver.text(".pda-keyed-deeds") and "Del" in driver.text(".pda-keyed-deeds")
    driver.press("Escape")
    assert not driver.page.evaluate(asked)


def test_without_a_session_the_digits_are_the_labels_of_the_question(driver: Driver) -> None:
    begin(driver, *cells(3, LABELS[2]))
    driver.press("1", "3", "g", "a")  # the letter beside the keys does nothing
    assert [m["label"] for m in driver.marks().values()] == [LABELS[0], LABELS[2], LABELS[2]]
    assert not driver.js("e.grid.on") and driver.text(".pda-keyed-total") == "3"
    driver.press("Escape", "g")
    assert driver.js("e.grid.on") and driver.page.locator(".pda-keyed").is_hidden()
    driver.press("g")


def test_the_keyboard_stays_on_over_an_image_that_cannot_be_edited(driver: Driver) -> None:
    begin(driver, *cells(1), **session())
    driver.open(*cells(1), **session(), readonly=True)
    assert driver.page.locator(".pda-keyed").is_hidden()
    driver.open(*cells(1), **session())
    assert driver.page.locator(".pda-keyed").is_visible() and driver.selected() == "m0"


def test_a_drawn_cell_is_given_its_class_by_the_next_key(driver: Driver) -> None:
    begin(driver, **session())
    assert said(driver) == "No cells here. Press D and draw one."
    driver.press("k")
    assert said(driver).endswith("is: lymphocyte")
    driver.press("d")
    driver.drag((100, 100), (140, 140))
    driver.press("l")
    (mark,) = driver.marks().values()
    assert (mark["label"], mark["status"], row(driver, "monocyte")["number"]) == ("monocyte", "accepted", "1")
    driver.press("v")


def test_the_next_image_comes_by_itself_where_the_reader_wants_it(driver: Driver) -> None:
    driver.page.evaluate(
        "() => { window.finished = 0; document.addEventListener('pdc-finish', () => { window.finished += 1; }); }"
    )
    begin(driver, *cells(2), **session())
    driver.press("j", "j")
    assert driver.page.evaluate("finished") == 0
    driver.page.get_by_label("Next image by itself").click()
    begin(driver, *cells(2), **session())
    driver.press("j")
    assert driver.page.evaluate("finished") == 0
    driver.press("j")
    assert driver.page.evaluate("finished") == 1
    driver.open(*cells(1), **session())  # the image that follows
    assert driver.selected() == "m0"
    driver.page.get_by_label("Next image by itself").click()


def test_from_five_nucleated_red_cells_per_hundred_on_the_white_count_is_corrected(driver: Driver) -> None:
    corrects = {"of": ["nucleated red cell"], "among": list(protocol().target.of), "from": 5, "measured": 12.0}
    field = session(neutrophil=100, nucleated_red_cell=4)
    field["counting"]["corrected"] = corrects
    begin(driver, *cells(1), **field)
    assert driver.text(".pda-keyed-corrected") == ""
    driver.press("n")
    assert driver.text(".pda-keyed-corrected") == "White cells corrected: 12 × 0.952 = 11.4"
