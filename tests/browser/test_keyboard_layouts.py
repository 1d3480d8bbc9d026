"""Every key of the help on keyboards of four layouts, with the characters and places that browsers report for them."""

from __future__ import annotations

import string
from typing import NamedTuple

import pytest
from editor_page import LABELS, Driver, box

from pdc.web.ui.scripts import import_expression

pytestmark = pytest.mark.browser


class Struck(NamedTuple):
    """What a browser says of a key: its character, its place on a US keyboard, whether Shift is held."""

    key: str
    code: str
    shift: bool = False


class Layout(NamedTuple):
    letters: dict[str, Struck]
    signs: dict[str, Struck]
    digits: str  # what the keys 1 to 9 and 0 type without Shift


def at_place(typed: str) -> dict[str, Struck]:
    """Letters whose keys lie where the Latin ones lie on a US keyboard."""
    return {a: Struck(t, f"Key{a.upper()}") for a, t in zip(string.ascii_lowercase, typed, strict=True)}


US_SIGNS = {
    ",": Struck(",", "Comma"),
    ".": Struck(".", "Period"),
    "+": Struck("+", "Equal", shift=True),
    "=": Struck("=", "Equal"),
    "-": Struck("-", "Minus"),
    "?": Struck("?", "Slash", shift=True),
}
FRENCH = {"a": "KeyQ", "q": "KeyA", "z": "KeyW", "w": "KeyZ", "m": "Semicolon"}
LAYOUTS = {
    "US": Layout(at_place(string.ascii_lowercase), US_SIGNS, "1234567890"),
    "Russian": Layout(
        at_place("фисвуапршолдьтщзйкыегмцчня"),
        {**US_SIGNS, ",": Struck("б", "Comma"), ".": Struck("ю", "Period"), "?": Struck("?", "Digit7", shift=True)},
        "1234567890",
    ),
    "Greek": Layout(at_place("αβψδεφγηιξκλμνοπ;ρστθωςχυζ"), US_SIGNS, "1234567890"),
    "AZERTY": Layout(
        {a: Struck(a, FRENCH.get(a, f"Key{a.upper()}")) for a in string.ascii_lowercase},
        {
            ",": Struck(",", "KeyM"),
            ".": Struck(".", "Comma", shift=True),
            "+": Struck("+", "Equal", shift=True),
            "=": Struck("=", "Equal"),
            "-": Struck("-", "Digit6"),
            "?": Struck("?", "KeyM", shift=True),
        },
        "&é\"'(-è_çà",
    ),
}


def struck(layout: Layout, chord: str) -> dict[str, object]:
    """The event of a key of the table of bindings, such as "shift+a", on this keyboard."""
    *held, name = chord.split("+") if chord != "+" else ("+",)
    if name in layout.letters:
        found = layout.letters[name]
    elif name in layout.signs:
        found = layout.signs[name]
    elif name.isdigit():
        found = Struck(layout.digits["1234567890".index(name)], f"Digit{name}")
    else:
        found = Struck(name.capitalize(), name.capitalize())
    key = found.key.upper() if "shift" in held else found.key
    return {"key": key, "code": found.code, "shiftKey": "shift" in held or found.shift, "ctrlKey": "ctrl" in held}


# What a key has the editor do, without an editor: the names and arguments of what is called on one that only remembers.
RECORD = """KEYS.then(({ BINDINGS, press }) => {
    const recorder = (said, labels) => {
        const at = (path) => new Proxy(() => {}, {
            get: (_, name) => {
                const way = `${path}.${String(name)}`;
                return [".sheet.open", ".area.on"].includes(way) ? false : at(way);
            },
            apply: (_, self, given) => {
                if (path === ".differential.press") return undefined; // it is off
                said.push(`${path}(${given})`);
                return path === ".digit" ? given[0] <= labels : /^[.](readers|sheet)/.test(path) ? false : true;
            },
        });
        return at("");
    };
    // A key may ask the editor for what this one does not have: as far as it came will do.
    const attempt = (said, run) => { try { run(); } catch (stopped) { said.push(stopped.message); } };
    let heard = [];
    document.dispatchEvent = (event) => heard.push(event.type); // what a key tells other parts of the page
    const bound = Object.fromEntries(BINDINGS.flatMap(([, rows]) => rows.flatMap((row) => Object.entries(row[2]))));
    const found = ARG.map(([chord, event]) => {
        const [meant, done] = [[], []];
        const digit = /^[1-9]$/.test(chord);
        heard = meant;
        if (digit) meant.push(`.digit(${chord})`);
        else attempt(meant, () => bound[chord](recorder(meant, 3)));
        heard = done;
        attempt(done, () => press(recorder(done, 3), Object.assign(new KeyboardEvent("keydown", event))));
        const tried = done.filter((call) => digit || !call.startsWith(".digit"));
        return [chord, meant, tried];
    });
    delete document.dispatchEvent;
    return found;
})"""


def run(driver: Driver, layout: str) -> list[list]:
    chords = driver.page.evaluate(
        f"{import_expression('annotator/keys.js')}.then(({{ BINDINGS }}) =>"
        " BINDINGS.flatMap(([, rows]) => rows.flatMap((row) => Object.keys(row[2]))))"
    )
    asked = [[chord, struck(LAYOUTS[layout], chord)] for chord in (*chords, *"123")]
    script = RECORD.replace("KEYS", import_expression("annotator/keys.js")).replace("ARG", "arg")
    return driver.page.evaluate(f"(arg) => {script}", asked)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_key_does_on_this_keyboard_what_the_help_says(driver: Driver, layout: str) -> None:
    done = run(driver, layout)
    assert sum(bool(meant) for _, meant, _ in done) > 45
    assert {chord: calls for chord, _, calls in done} == {chord: meant for chord, meant, _ in done}


def test_a_russian_keyboard_judges_undoes_and_labels_marks_of_the_editor(driver: Driver) -> None:
    driver.open(box("m1", 50, 50, 90, 90))

    def strike(chord: str, layout: str = "Russian") -> None:
        event = {"bubbles": True, "cancelable": True, **struck(LAYOUTS[layout], chord)}
        driver.page.evaluate("(event) => document.body.dispatchEvent(new KeyboardEvent('keydown', event))", event)

    strike("n")
    strike("r")
    assert driver.marks()["m1"]["status"] == "rejected"
    strike("ctrl+z")
    assert driver.marks()["m1"]["status"] == "open"
    strike("2", "AZERTY")
    assert driver.marks()["m1"]["label"] == LABELS[1]


@pytest.mark.parametrize(
    ("event", "means"),
    [
        ({"key": "z", "code": "KeyY"}, "z"),  # QWERTZ
        ({"key": "ß", "code": "Minus"}, "ß"),
        ({"key": "ö", "code": "Semicolon"}, "ö"),
        ({"key": "s", "code": "Semicolon"}, "s"),  # Dvorak
        ({"key": ",", "code": "KeyW"}, ","),
        ({"key": "'", "code": "KeyQ"}, "'"),
        ({"key": "ı", "code": "KeyI"}, "i"),  # Turkish
        ({"key": "=", "code": "Digit0", "shiftKey": True}, "="),
        ({"key": "Enter", "code": "NumpadEnter"}, "enter"),
    ],
)
def test_a_latin_keyboard_means_what_is_printed_on_its_keys(driver: Driver, event: dict, means: str) -> None:
    after_a_letter = "(meant({ key: 'e', code: 'KeyD' }), meant(arg))"
    script = f"(arg) => {import_expression('annotator/keys.js')}.then(({{ meant }}) => {after_a_letter})"
    assert driver.page.evaluate(script, event) == means
