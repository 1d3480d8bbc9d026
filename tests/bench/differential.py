"""What a differential costs with the keyboard, and whether its sums are those of the sheet.

    python tests/bench/differential.py --data DATA

The white cells of dev smears are given classes by a fixed rule, as no shared set names any: a number drawn from the image's
name and the cell's place says which of five. 18 % of the cells are proposed with another class than that, which is what
technologists changed of a machine's classes. A drawn set has 13 cells a field, as films read at a low magnification have. A slip
is a wrong key that is taken back. A key is every press that the page gets: classes, Backspace, Enter for the next image.

After each image its value is read as a save reads it. The sums over the fields are compared with the pad's, and with the sheet's.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "bench")]

from PIL import Image  # noqa: E402

from pdc.counting.area import whole_image  # noqa: E402
from pdc.counting.border import TOUCH  # noqa: E402
from pdc.counting.protocol import Protocol, parse_protocol  # noqa: E402
from pdc.counting.sheet import Heading, make_sheet  # noqa: E402
from pdc.counting.tally import FieldCount, Replicate, Sample, count_field  # noqa: E402
from pdc.domain.values import Box, Mark, Origin, Task  # noqa: E402
from pdc.settings import ASSETS  # noqa: E402
from pdc.web.ui.annotator import findings_from, mark_value  # noqa: E402

SHARES = {"neutrophil": 60, "lymphocyte": 28, "monocyte": 7, "eosinophil": 4, "basophil": 1}
WRONG = 18  # per cent
DRAWN, CELLS, SIDE = 20, 13, 60
PAGE = (1280, 960)
PLAYED = ((True, 0), (True, 2), (False, 0))  # the next image by itself, and slips per cent of the keys
HEAD = "| images | fields | cells read | left out by the border rule | next image by itself | slips | keys | keys a cell | sums |"


@dataclass(frozen=True, slots=True)
class Plate:
    """An image as it is proposed: its marks with the classes that a machine gave them, and the true class of each mark by id."""

    name: str
    size: tuple[int, int]
    marks: tuple[Mark, ...]
    true: dict[str, str]


def drawn_from(text: str, shares: dict[str, int]) -> str:
    """One of the names, as often as its share says, and always the same one for a text."""
    at = crc32(text.encode()) % sum(shares.values())
    for name, share in shares.items():
        if at < share:
            return name
        at -= share
    raise AssertionError


def plate(name: str, size: tuple[int, int], cells: Sequence[Mark]) -> Plate:
    true = {f"m{i}": drawn_from(f"{name} {i}", SHARES) for i in range(len(cells))}
    marks = []
    for i, cell in enumerate(cells):
        others = {c: n for c, n in SHARES.items() if c != true[f"m{i}"]}
        wrong = crc32(f"wrong {name} {i}".encode()) % 100 < WRONG
        label = drawn_from(f"other {name} {i}", others) if wrong else true[f"m{i}"]
        marks.append(replace(cell, id=f"m{i}", label=label, origin=Origin.MODEL, score=0.8))
    return Plate(name, size, tuple(marks), true)


def smears(data: Path) -> Iterator[Plate]:
    from finetune.data.coco import read_coco

    for row in read_coco(data / "blood_cells" / "dev.json", Task.COUNT_AND_BOX):
        cells = [m for m in row.findings.marks if m.label == "white blood cell"]
        yield plate(row.path.name, Image.open(row.path).size, cells)


def drawings() -> Iterator[Plate]:
    rng = Random(6)
    for n in range(DRAWN):
        places = [(rng.uniform(2, PAGE[0] - SIDE - 2), rng.uniform(2, PAGE[1] - SIDE - 2)) for _ in range(CELLS)]
        cells = [Mark(f"m{i}", Box(x, y, x + SIDE, y + SIDE), "neutrophil") for i, (x, y) in enumerate(places)]
        yield plate(f"drawn {n}", PAGE, cells)


def value(of: Plate, protocol: Protocol, before: Counter[str], at: int) -> dict[str, Any]:
    """What the editor is given of a field."""
    classes = [c.model_dump(mode="json") for c in protocol.classes]
    counting = {
        "session": "bench",
        "sample": "bench",
        "protocol": protocol.title,
        "border": protocol.border.model_dump(mode="json"),
    }
    counting |= {
        "area": None,
        "classes": classes,
        "before": dict(before),
        "earlier": {},
        "least": protocol.target.least,
        "touch": TOUCH,
    }
    counting |= {"of": list(protocol.target.of), "each": False, "replicate": 1, "replicates": 1, "finish": "field"}
    counting |= {"said": {"short": "", "reached": ""}, "place": at + 1, "places": 999}
    image = {"url": "/picture.png", "width": of.size[0], "height": of.size[1], "name": of.name}
    labels = [label for c in protocol.classes for label in c.labels]
    value = {"case": f"case {at}", "rev": 0, "edits": 0, "image": image, "task": "count_and_box", "kind": "box", "labels": labels}
    return value | {"marks": [mark_value(m) for m in of.marks], "stated": {}, "readonly": False, "counting": counting}


class Player:
    """Eyes and hands: reads which cell is in hand, and presses keys."""

    def __init__(self, page: Any) -> None:
        self.page, self.keys = page, 0

    def js(self, expression: str, argument: object = None) -> Any:
        return self.page.evaluate(
            f"(arg) => {{ const e = document.querySelector('.pdc-editor').pdc; return ({expression}); }}", argument
        )

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def read(self, of: Plate, keys: dict[str, str], slip: Callable[[], bool]) -> None:
        """Every cell that comes up, until none does."""
        while (cell := self.js("e.doc.selected")) is not None:
            if slip():
                self.press(next(key for name, key in keys.items() if name != of.true[cell]))
                self.press("Backspace")
                assert self.js("e.doc.selected") == cell
            self.press(keys[of.true[cell]])


def play(
    page: Any, plates: Sequence[Plate], protocol: Protocol, by_itself: bool, slips: int
) -> tuple[int, Counter[str], list[FieldCount]]:
    """Presses, what the pad shows at the end, and the fields as they are saved."""
    player, keys, rng = Player(page), {c.name: c.key for c in protocol.classes if c.key}, Random(1)
    before: Counter[str] = Counter()
    fields: list[FieldCount] = []
    player.js("e.differential.setByItself(arg)", by_itself)
    for at, of in enumerate(plates):
        player.js("(e.link.put(arg), e.receive(arg), e.differential.toggle(true))", value(of, protocol, before, at))
        gone = page.evaluate("finished")
        player.read(of, keys, lambda: rng.random() * 100 < slips)
        if page.evaluate("finished") == gone:
            player.press("Enter")
        saved = findings_from(player.js("JSON.parse(JSON.stringify(e.doc.value()))"), wh=of.size)
        fields.append(count_field(protocol, of.name, saved.marks, whole_image(*of.size)))
        before.update(fields[-1].counted)
    shown = {row["name"]: row["n"] for row in player.js("e.differential.numbers.rows")}
    return player.keys, Counter({name: n for name, n in shown.items() if n}), fields


def told(name: str, plates: Sequence[Plate], protocol: Protocol, page: Any, how: tuple[bool, int]) -> bool:
    """One row; whether the sums agree."""
    pressed, pad, fields = play(page, plates, protocol, *how)
    sheet = make_sheet(Heading("bench", datetime.now(UTC), "bench", "all"), protocol, Sample((Replicate(tuple(fields)),)))
    summed = Counter({c.name: n for c in protocol.classes if (n := sheet.sample.of([c.name]))})
    rule = protocol.border.rule()
    true = Counter(p.true[m.id] for p in plates for m in p.marks if whole_image(*p.size).inside(m.body, rule))
    read, exact = summed.total(), pad == summed == true
    row = (name, len(plates), read, sum(len(p.marks) for p in plates) - read, "yes" if how[0] else "no", f"{how[1]} %", pressed)
    print("|", *(f"{cell} |" for cell in (*row, f"{pressed / read:.2f}", "exact" if exact else "DIFFER")), flush=True)
    return exact


def in_browser(run: Callable[[Any], bool]) -> bool:
    from conftest import FLAGS
    from editor_page import editor_app
    from editor_redraw import serve
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(serve(editor_app([], [])))
        page.wait_for_selector(".pda-toolbar")
        page.evaluate("() => { window.finished = 0; document.addEventListener('pdc-finish', () => { window.finished += 1; }); }")
        try:
            return run(page)
        finally:
            browser.close()


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--data", type=Path, required=True)
    data = top.parse_args().data
    path = ASSETS / "protocols" / "blood-differential.json"
    protocol = parse_protocol(path.read_text("utf-8"), path.name)
    sets = {"dev smears": list(smears(data)), "drawn": list(drawings())}
    print(HEAD, "|---" * HEAD.count(" | ") + "|---|", sep="\n")

    def run(page: Any) -> bool:
        return all([told(name, plates, protocol, page, how) for name, plates in sets.items() for how in PLAYED])

    if not in_browser(run):
        raise SystemExit("The pad, the saved fields and the sheet do not agree.")


if __name__ == "__main__":
    main()
