"""`python -m tests.bench.page_moves --data DATA [--against CHECKOUT]`: pointer moves and keys that correcting real images costs.

A player corrects the shipped model's answers in Chromium, in the app as it starts, until the page shows the truth. `--against`
(`git worktree add FOLDER COMMIT`) plays another checkout in the same run, with the same weights, images and rules.

The player knows what is in each image, as a reader does, and of the page only what it shows: where the marks are, what is
selected, and what a step has done. It takes the shortest way that it knows of, and pays for what did not work. A pointer move is
a move to a place to press or release there, so a drag is two. A chord counts each of its keys. Nobody was timed.

A box is left alone from an IoU of GOOD on; a lower one is dragged by as few handles as make it good. One that meets no true box
by LOOSE is rejected. A missing box is clicked where clicks have worked for this label so far, else dragged. Where the page can
fit boxes, all loose ones are fitted first, and the step is taken back where it left more to do. What is still loose is clicked.
The images are opened once the app has answered them in the background, where it does that: they lie there over night.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from finetune.tiny.measure import Field
from pdc.domain.geometry import iou
from pdc.domain.values import Box
from tests.bench.keystrokes import IMAGES, some_fields

HERE = Path(__file__).resolve().parents[2]
GOOD, LOOSE = 0.7, 0.3  # intersection over union
TINY = 12  # pixels of the image: no click is tried on an object with a shorter side
SMALL = 36  # pixels of the screen: the side of a box whose handles are taken after zooming to it
HANDLES = {"nw": (0, 1), "ne": (2, 1), "sw": (0, 3), "se": (2, 3), "n": (1,), "s": (3,), "w": (0,), "e": (2,)}
FIT_ALL, SEVERAL = "Shift F", "Ctrl A"
READ = "document.querySelector('.pdc-editor').pdc"
STATE = f"() => JSON.stringify({READ}.doc.marks) + (document.querySelector('.pda-fitted')?.textContent ?? '')"
STILL = 0.5  # seconds without a change
WAIT = 90_000  # milliseconds
SHOWN = ("PDC_ANSWER_POOL", "PDC_LOOKS")  # settings that both apps are given


@dataclass(frozen=True, slots=True)
class Seen:
    """A mark as the page shows it; `counts`: it is neither doubtful nor rejected."""

    id: str
    label: str
    box: Box
    counts: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Task:
    """What is still wrong in an image: marks to reject, to count, to relabel and to reshape, and boxes to draw."""

    false: list[Seen]
    doubted: list[Seen]
    renamed: list[tuple[Seen, str]]
    loose: list[tuple[Seen, Box]]
    missed: list[tuple[str, Box]]

    @property
    def moves(self) -> int:
        """About what it costs, to compare two states of a page by."""
        simple = len(self.false) + len(self.doubted) + len(self.renamed)
        return simple + 2 * len(self.missed) + sum(1 + 2 * len(drags(seen.box, true)) for seen, true in self.loose)


def compare(seen: Sequence[Seen], true: Sequence[tuple[str, Box]]) -> Task:
    """What lies between the page and the truth: the nearest pairs first, of the same label before others."""
    drawn = [s for s in seen if s.counts or s.doubtful]
    pairs = [
        (s.label == label, iou(s.box, box), s.counts, i, j) for i, s in enumerate(drawn) for j, (label, box) in enumerate(true)
    ]
    partner: dict[int, int] = {}
    for _, overlap, _, i, j in sorted(pairs, reverse=True):
        if overlap >= LOOSE and i not in partner and j not in partner.values():
            partner[i] = j
    pair = [(drawn[i], *true[j]) for i, j in partner.items()]
    return Task(
        false=[s for i, s in enumerate(drawn) if i not in partner and s.counts],
        doubted=[s for s, _, _ in pair if s.doubtful],
        renamed=[(s, label) for s, label, _ in pair if s.label != label],
        loose=[(s, box) for s, _, box in pair if iou(s.box, box) < GOOD],
        missed=[t for j, t in enumerate(true) if j not in partner.values()],
    )


def drags(box: Box, true: Box) -> tuple[str, ...]:
    """The fewest handles that, dragged to where the true box has them, make a good box of this one."""
    for n in (1, 2):
        options = [(iou(_dragged(box, true, some), true), some) for some in combinations(HANDLES, n)]
        best, some = max(options)
        if best >= GOOD:
            return some
    return ("nw", "se")


def _dragged(box: Box, true: Box, handles: Sequence[str]) -> Box:
    sides = list(box.xyxy)
    for handle in handles:
        for side in HANDLES[handle]:
            sides[side] = true.xyxy[side]
    (x1, x2), (y1, y2) = sorted((sides[0], sides[2])), sorted((sides[1], sides[3]))
    return Box(x1, y1, x2, y2)


@dataclass(slots=True)
class Hands:
    """Eyes and hands on the page. All places are in pixels of the image. `keys` and `moves` are what was spent."""

    page: Any
    keys: int = 0
    moves: int = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1 + key.count("+")

    def click(self, x: float, y: float, shift: bool = False) -> None:
        with self._held("Shift" if shift else ""):
            self.page.mouse.click(*self._screen(x, y))
        self.moves += 1

    def again(self) -> None:
        """Another click without moving the pointer."""
        self.page.mouse.down()
        self.page.mouse.up()

    def drag(self, start: tuple[float, float], end: tuple[float, float], shift: bool = False) -> None:
        with self._held("Shift" if shift else ""):
            self.page.mouse.move(*self._screen(*start))
            self.page.mouse.down()
            self.page.mouse.move(*self._screen(*end), steps=4)
            self.page.mouse.up()
        self.moves += 2

    @contextmanager
    def _held(self, key: str) -> Iterator[None]:
        """A key that is held down meanwhile."""
        if key:
            self.page.keyboard.down(key)
            self.keys += 1
        yield
        if key:
            self.page.keyboard.up(key)

    def marks(self) -> list[Seen]:
        shown = self.page.evaluate(f"() => {READ}.doc.shown.map((m) => [m.id, m.label, m.box, m.status])")
        return [Seen(i, label, Box(*box), s in ("open", "accepted"), s == "doubtful") for i, label, box, s in shown]

    def selected(self) -> str | None:
        return self.page.evaluate(f"() => {READ}.doc.selected")

    def chosen(self) -> set[str]:
        """All that is selected, where the page can select several."""
        return set(self.page.evaluate(f"() => {READ}.doc.chosen.map((m) => m.id)"))

    def name(self) -> str:
        return (self.page.get_attribute(".pda-picture", "alt") or "").removeprefix("Image ")

    def labels(self) -> list[str]:
        return self.page.evaluate(f"() => {READ}.doc.labels")

    def knows(self, key: str) -> bool:
        """Whether the page's help names this key."""
        shown = self.page.evaluate("() => [...document.querySelectorAll('.pda-help dt')].map((e) => e.textContent)")
        return key.replace(" ", "") in [text.replace(" ", "") for text in shown]

    def side(self, box: Box) -> float:
        """The shorter side, in pixels of the screen."""
        (x1, y1), (x2, y2) = self._screen(box.x1, box.y1), self._screen(box.x2, box.y2)
        return min(x2 - x1, y2 - y1)

    def settle(self) -> None:
        """Until nothing changes any more: what the server was asked for has come, and is drawn."""
        since, last = time.monotonic(), None
        while time.monotonic() - since < STILL:
            self.page.wait_for_timeout(40)
            now = self.page.evaluate(STATE)
            if now != last or "Fitting" in now:
                since, last = time.monotonic(), now

    def _screen(self, x: float, y: float) -> tuple[float, float]:
        size = self.page.evaluate(f"() => [{READ}.doc.size.width, {READ}.doc.size.height]")
        at = self.page.locator(".pda-picture").bounding_box()
        return at["x"] + x * at["width"] / size[0], at["y"] + y * at["height"] / size[1]


@dataclass(slots=True)
class Player:
    """Corrects image after image. `clicks` remembers how many made a good box, of how many, per label, apart for loose boxes."""

    hands: Hands
    fits: bool
    several: bool
    clicks: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    drawn: str = ""
    drawing: bool = False
    last: Box | None = None

    def correct(self, true: Sequence[tuple[str, Box]]) -> Task:
        """Make the page show the truth; what could not be made right is returned."""
        first = self._todo(true)
        self.drawn, self.drawing, self.last = "", False, None
        if first.loose and self.fits:
            self._fit_all(first, true)
        task = self._todo(true)
        self._judge(task.false, "r")
        self._judge(task.doubted, "a")
        for seen, label in task.renamed:
            self._judge([seen], self._digit(label))
        if self.fits:
            self._click_loose(self._todo(true).loose)
        if missed := self._todo(true).missed:
            self._draw(missed)
        if self.drawing:
            self.hands.press("v")
        for seen, box in self._todo(true).loose:
            self._reshape(seen, box)
        return self._todo(true)

    def _todo(self, true: Sequence[tuple[str, Box]]) -> Task:
        self.hands.settle()
        return compare(self.hands.marks(), true)

    def _fit_all(self, before: Task, true: Sequence[tuple[str, Box]]) -> None:
        self.hands.press("Shift+F")
        if self._todo(true).moves > before.moves:
            self.hands.press("Control+z")

    def _click_loose(self, loose: Sequence[tuple[Seen, Box]]) -> None:
        """In the draw tool a click on an object that has a box puts that box right."""
        some = [
            (seen, box) for seen, box in sorted(loose, key=lambda pair: pair[0].label) if self._likely("loose", seen.label, box)
        ]
        if some:
            self._take_draw_tool()
        for seen, box in some:
            if not self._likely("loose", seen.label, box):
                continue
            self._arm(seen.label)
            worked = self._put_right(seen, box)
            self._learn("loose", seen.label, box, worked)

    def _put_right(self, seen: Seen, box: Box) -> bool:
        before = self.hands.marks()
        self.hands.click((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
        self.hands.settle()
        now = self.hands.marks()
        if any(s.id == seen.id and iou(s.box, box) >= GOOD for s in now) and len(now) == len(before):
            return True
        if now != before:
            self.hands.press("Control+z")
        return False

    def _judge(self, some: Sequence[Seen], key: str) -> None:
        if len(some) > 1 and self.several and self._select_all(some):
            self.hands.press(key)
            return
        for seen in some:
            if self._select(seen):
                self.hands.press(key)

    def _select_all(self, some: Sequence[Seen]) -> bool:
        """Whether just these are selected then; the first by a click, the others with Shift."""
        if not self._select(some[0]):
            return False
        for seen in some[1:]:
            self.hands.click(*_spot(seen, self.hands.marks()), shift=True)
        return self.hands.chosen() == {seen.id for seen in some}

    def _select(self, seen: Seen) -> bool:
        if self.hands.selected() == seen.id:
            return True
        self.hands.click(*_spot(seen, self.hands.marks()))
        for _ in range(6):
            if self.hands.selected() == seen.id:
                return True
            self.hands.again()
        return False

    def _reshape(self, seen: Seen, true: Box) -> None:
        if not self._select(seen):
            return
        near = self.hands.side(seen.box) < SMALL
        if near:
            self.hands.press("z")
            self.hands.settle()
        for handle in drags(seen.box, true):
            now = next(s for s in self.hands.marks() if s.id == seen.id)
            self.hands.drag(_place(now.box, handle), _place(true, handle, now.box))
        if near:
            self.hands.press("0")
            self.hands.settle()

    def _draw(self, missed: Sequence[tuple[str, Box]]) -> None:
        self._take_draw_tool()
        for label, box in sorted(missed, key=lambda m: m[0]):
            self._arm(label)
            if self._likely("missed", label, box):
                worked = self._clicked(box)
                self._learn("missed", label, box, worked)
                if worked:
                    continue
            self._dragged(box)

    def _take_draw_tool(self) -> None:
        if not self.drawing:
            self.hands.press("Escape")
            self.hands.press("d")
            self.drawing, self.drawn = True, ""

    def _arm(self, label: str) -> None:
        if label != self.drawn:
            if self.hands.selected():  # whose label the digit would change
                self.hands.press("Escape")
                self.hands.press("d")
            self.hands.press(self._digit(label))
            self.drawn = label

    def _likely(self, what: str, label: str, box: Box) -> bool:
        """Whether clicks on such objects have worked more often than not; of tiny ones nobody tries."""
        good, tried = self.clicks.get((what, label), (2, 2))
        return min(box.x2 - box.x1, box.y2 - box.y1) >= TINY and good / tried > 0.5

    def _learn(self, what: str, label: str, box: Box, worked: bool) -> None:
        good, tried = self.clicks.get((what, label), (2, 2))
        self.clicks[what, label] = good + worked, tried + 1

    def _clicked(self, box: Box) -> bool:
        before, (x, y) = {s.id for s in self.hands.marks()}, ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
        self.hands.click(x, y, shift=self._on_last(x, y))
        made = self._made(before)
        if made and iou(made.box, box) >= GOOD:
            return True
        if made:
            self.hands.press("Control+z")
            if self._made(before):  # the object's box is one step, the usual one below it another
                self.hands.press("Control+z")
        return False

    def _dragged(self, box: Box) -> None:
        before = {s.id for s in self.hands.marks()}
        self.hands.drag((box.x1, box.y1), (box.x2, box.y2), shift=self._on_last(box.x1, box.y1))
        made = self._made(before)
        if made and iou(made.box, box) < GOOD:
            self.hands.press("Control+z")

    def _made(self, before: set[str]) -> Seen | None:
        self.hands.settle()
        made = next((s for s in self.hands.marks() if s.id not in before), None)
        self.last = made.box if made else self.last
        return made

    def _on_last(self, x: float, y: float) -> bool:
        """Whether a press there would take hold of the box that was drawn last, where the page lets one; Shift draws over it."""
        if self.last is None or not self.several:
            return False
        reach = 10 * max(self.last.x2 - self.last.x1, 1) / max(self.hands.side(self.last), 1)
        return self.last.x1 - reach <= x <= self.last.x2 + reach and self.last.y1 - reach <= y <= self.last.y2 + reach

    def _digit(self, label: str) -> str:
        return str(self.hands.labels().index(label) + 1)


def _spot(seen: Seen, others: Sequence[Seen]) -> tuple[float, float]:
    """A place in the mark that few others cover, as a reader aims."""
    b = seen.box
    places = [(b.x1 + fx * (b.x2 - b.x1), b.y1 + fy * (b.y2 - b.y1)) for fx in (0.5, 0.3, 0.7) for fy in (0.5, 0.3, 0.7)]
    return min(places, key=lambda p: sum(o.box.x1 <= p[0] <= o.box.x2 and o.box.y1 <= p[1] <= o.box.y2 for o in others))


def _place(box: Box, handle: str, kept: Box | None = None) -> tuple[float, float]:
    """Where a box has this handle; an edge's handle keeps the other coordinate of the box it is dragged from."""
    other = kept or box
    x = box.x1 if "w" in handle else box.x2 if "e" in handle else (other.x1 + other.x2) / 2
    y = box.y1 if "n" in handle else box.y2 if "s" in handle else (other.y1 + other.y2) / 2
    return x, y


@dataclass(frozen=True, slots=True)
class Played:
    """What an image took in one checkout; `left` is what the player could not make right."""

    keys: int
    moves: int
    faults: Mapping[str, int]
    left: int


def play(page: Any, url: str, fields: Sequence[Field]) -> dict[str, Played]:
    """Upload the images, correct and save each, in the order in which the page gives them."""
    page.goto(url)
    page.wait_for_selector(".pdc-thumbs .pdc-item", state="attached", timeout=WAIT)
    truth = {f.path.name: [(m.label, m.shape) for m in f.true.marks if isinstance(m.shape, Box)] for f in fields}
    page.locator('input[data-role="file"]').set_input_files([str(f.path) for f in fields])
    page.wait_for_function(
        "n => document.querySelector('.pdc-progress').textContent.includes(n)", arg=str(len(fields)), timeout=WAIT
    )
    _answered_ahead(page, len(fields))
    hands = Hands(page)
    player = Player(hands, hands.knows(FIT_ALL), hands.knows(SEVERAL))
    played: dict[str, Played] = {}
    for _ in fields:
        name = _next_open(page, set(truth) - set(played))
        _answered(page)
        before, faults = (hands.keys, hands.moves), _faults(compare(hands.marks(), truth[name]))
        left = player.correct(truth[name])
        _finish(page, hands, name)
        played[name] = Played(hands.keys - before[0], hands.moves - before[1], faults, sum(_faults(left).values()))
        print(f"  {name[:24]:24} {played[name]}", flush=True)
    return played


def _answered_ahead(page: Any, n: int) -> None:
    """Until the app has answered all images in the background; at once where it does not do that."""
    waiting = """async () => {
      const said = await (await fetch("api/worklist")).json();
      return said.pool === undefined ? 0 : said.rows.filter((row) => row[2] === "new").length + (said.waiting || 0);
    }"""
    for _ in range(600):
        if os.environ.get(SHOWN[0]) == "off" or not page.evaluate(waiting):
            return
        page.wait_for_timeout(1000)
    raise SystemExit(f"The app did not answer {n} images within ten minutes.")


def _faults(task: Task) -> dict[str, int]:
    kinds = "false", "doubted", "renamed", "loose", "missed"
    return {kind: len(getattr(task, kind)) for kind in kinds}


def _next_open(page: Any, left: set[str]) -> str:
    """The image that is open; another of the list where this one is done."""
    shown = (page.get_attribute(".pda-picture", "alt") or "").removeprefix("Image ")
    if shown in left:
        return shown
    name = sorted(left)[0]
    page.locator(".pdc-own .pdc-item", has_text=name[:12]).first.click()
    page.wait_for_function("n => document.querySelector('.pda-picture')?.alt === `Image ${n}`", arg=name, timeout=WAIT)
    return name


def _answered(page: Any) -> None:
    page.wait_for_timeout(800)
    page.wait_for_function(f"() => {READ}.doc.open && !{READ}.doc.head.answering", timeout=WAIT)
    page.wait_for_timeout(400)
    page.wait_for_function(f"() => !{READ}.doc.head.answering", timeout=WAIT)


def _finish(page: Any, hands: Hands, name: str) -> None:
    hands.press("Enter")
    page.wait_for_function("n => document.querySelector('.pda-picture')?.alt !== `Image ${n}`", arg=name, timeout=WAIT)


@contextmanager
def served(checkout: Path) -> Iterator[str]:
    """The app of this checkout with an empty store, as it starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PDC_") or k in SHOWN}
        environment = kept | {"PDC_HOME": home, "PDC_PORT": str(port), "PYTHONPATH": str(checkout)}
        said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([sys.executable, "app.py"], cwd=checkout, env=environment, **said) as process:
            try:
                _wait_for(port)
                yield f"http://127.0.0.1:{port}/"
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit("The app did not start within two minutes.")


def main() -> None:
    options = _options()
    fields = some_fields(options.data)[: options.images]
    ways = [HERE, *([options.against.resolve()] if options.against else [])]
    results = [_played(way, fields) for way in ways]
    print("\n| checkout | pointer moves | keys | moves an image | keys an image | left wrong |\n|---|---|---|---|---|---|")
    for way, result in zip(ways, results, strict=True):
        print(_row("this" if way == HERE else "the other", list(result.values())))
    if len(results) == 2:
        mine, other = ([r[f.path.name] for f in fields] for r in results)
        moves, keys = (sum(getattr(p, w) for p in mine) / sum(getattr(p, w) for p in other) for w in ("moves", "keys"))
        print(f"\nthis / the other: pointer moves {moves:.2f}, keys {keys:.2f}; faults {_all(mine)} and {_all(other)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with dev images and their truth")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="folder of another checkout to compare with")
    parser.add_argument("--images", type=int, default=IMAGES, help="default: %(default)s")
    return parser.parse_args()


def _played(checkout: Path, fields: Sequence[Field]) -> dict[str, Played]:
    from playwright.sync_api import sync_playwright

    print(f"{'this checkout' if checkout == HERE else 'the other checkout'}", flush=True)
    with served(checkout) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        try:
            return play(page, url, fields)
        finally:
            browser.close()


def _all(played: Sequence[Played]) -> str:
    total: Counter[str] = Counter()
    for one in played:
        total.update(one.faults)
    return ", ".join(f"{n} {kind}" for kind, n in total.items())


def _row(name: str, played: Sequence[Played]) -> str:
    moves, keys, left = (sum(getattr(p, what) for p in played) for what in ("moves", "keys", "left"))
    n = len(played)
    return f"| {name} | {moves} | {keys} | {moves / n:.1f} | {keys / n:.1f} | {left} |"


if __name__ == "__main__":
    main()
