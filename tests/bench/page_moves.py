"""`python -m tests.bench.page_moves --data DATA [--against CHECKOUT]`: pointer moves and keys that correcting real images costs.

A player corrects the shipped model's answers in Chromium, in the app as it starts, until the page shows the truth. `--against`
(`git worktree add FOLDER COMMIT`) plays another checkout in the same run, with the same weights, images and rules.

The player knows what is in each image, as a reader does, and of the page only what it shows: where the marks are, what is
selected, and what a step has done. It takes the shortest way that it knows of, and pays for what did not work. A pointer move is
a move to a place to press or release there, so a drag is two. A chord counts each of its keys. Nobody was timed.

A box is left alone from an IoU of GOOD on; a lower one is dragged by as few handles as make it good. One that meets no true box
by LOOSE is rejected. A missing box is clicked where clicks have worked for this label so far, else dragged. Where the page can
fit boxes, all loose ones are fitted first, and the step is taken back where it left more to do. What is still loose is clicked.
Where the page has an edges tool, that is used instead: a press puts the edge or corner right that the page says it would. A move
to a place where the page then shows the wrong thing, so that nothing is pressed, counts too.
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
GOOD, LOOSE, SAME = 0.7, 0.3, 0.9  # intersection over union
TINY = 12  # pixels of the image: no click is tried on an object with a shorter side
TURNS = 3  # how often the page is asked for another edge that it may have meant
SMALL = 36  # pixels of the screen: the side of a box whose handles are taken after zooming to it
HANDLES = {"nw": (0, 1), "ne": (2, 1), "sw": (0, 3), "se": (2, 3), "n": (1,), "s": (3,), "w": (0,), "e": (2,)}
FIT_ALL, SEVERAL, EDGES = "Shift F", "Ctrl A", "Shift D"
TOOLS = {"select": "v", "draw": "d", "edges": "Shift+D"}
SHOWN_FIRST = "shown where the pointer rests"  # so says the help of a page that shows what a click would make
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


def pulls(box: Box, true: Box) -> tuple[str, ...]:
    """As `drags`, by an edge rather than a corner: of which box a place means an edge is the clearer."""
    good = [edge for edge in "nesw" if iou(_dragged(box, true, edge), true) >= GOOD]
    return (max(good, key=lambda edge: iou(_dragged(box, true, edge), true)),) if good else drags(box, true)


def _beyond_the_middle(box: Box, true: Box, handle: str) -> bool:
    """Whether a side would go so far that a press there means the opposite one."""
    far = {"w": (true.x1 - box.x1, box.width), "e": (box.x2 - true.x2, box.width)}
    far |= {"n": (true.y1 - box.y1, box.height), "s": (box.y2 - true.y2, box.height)}
    return any(far[side][0] > far[side][1] / 2 for side in handle)


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
        with self.held("Shift" if shift else ""):
            self.page.mouse.click(*self._screen(x, y))
        self.moves += 1

    def hover(self, x: float, y: float) -> Box | None:
        """Rest here; what the page says that a press would make, if anything."""
        self.page.mouse.move(*self._screen(x, y), steps=2)
        self.moves += 1
        self.page.evaluate(f"async () => {{ await new Promise((r) => setTimeout(r, 250)); await {READ}.ghost.asked?.found; }}")
        return self.ghost()

    def ghost(self) -> Box | None:
        """The box that the page says a press here would make."""
        points = (self.page.get_attribute(".pda-draft", "points") or "").replace(",", " ").split()
        return Box(*map(float, (points[0], points[1], points[4], points[5]))) if points else None

    def again(self) -> None:
        """Another click without moving the pointer."""
        self.page.mouse.down()
        self.page.mouse.up()

    def drag(self, start: tuple[float, float], end: tuple[float, float], shift: bool = False) -> None:
        with self.held("Shift" if shift else ""):
            self.page.mouse.move(*self._screen(*start))
            self.page.mouse.down()
            self.page.mouse.move(*self._screen(*end), steps=4)
            self.page.mouse.up()
        self.moves += 2

    def drag_on(self, end: tuple[float, float], key: str) -> None:
        """Press where the pointer is, and release there."""
        with self.held(key):
            self.page.mouse.down()
            self.page.mouse.move(*self._screen(*end), steps=4)
            self.page.mouse.up()
        self.moves += 1

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
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

    def pointed(self) -> str | None:
        """The mark that the pointer is on, as the page shows it."""
        return self.page.evaluate(f"() => {READ}.layer.hovered")

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

    def says(self, words: str) -> bool:
        """Whether the page's help says this."""
        return words in (self.page.text_content(".pda-help") or "")

    def tool(self) -> str:
        return self.page.evaluate(f"() => {READ}.tool")

    def armed(self) -> str:
        """The label of the next box drawn."""
        return self.page.evaluate(f"() => {READ}.doc.drawLabel")

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
    pulls: bool
    shown_first: bool
    clicks: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    last: Box | None = None

    def correct(self, true: Sequence[tuple[str, Box]]) -> Task:
        """Make the page show the truth; what could not be made right is returned."""
        first = self._todo(true)
        self.last = None
        if self.pulls:
            self._pull_all([*first.loose, *_nearly(first)])
        elif first.loose and self.fits:
            self._fit_all(first, true)
        task = self._todo(true)
        self._judge(task.false, "r")
        self._judge(task.doubted, "a")
        for seen, label in task.renamed:
            self._judge([seen], self._digit(label))
        if self.fits and not self.pulls:
            self._click_loose(self._todo(true).loose)
        if missed := self._todo(true).missed:
            self._draw(missed)
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

    def _pull_all(self, loose: Sequence[tuple[Seen, Box]]) -> None:
        if not loose:
            return
        if self.hands.selected():  # of which a press would be taken to speak
            self.hands.press("Escape")
        self._take("edges")
        for seen, true in loose:
            for handle in pulls(seen.box, true):
                if not self._pull(seen, true, handle):
                    break

    def _pull(self, seen: Seen, true: Box, handle: str) -> bool:
        """Whether the page could be told that this edge or corner is meant."""
        now = next(s for s in self.hands.marks() if s.id == seen.id)
        if _beyond_the_middle(now.box, true, handle):
            return False
        meant, shown = _dragged(now.box, true, (handle,)), self.hands.hover(*_place(true, handle, now.box))
        for _ in range(TURNS):
            if shown is None or iou(shown, meant) >= SAME:
                break
            self.hands.press("n")
            shown = self.hands.ghost()
        if shown is None or iou(shown, meant) < SAME:
            return False
        self.hands.again()
        self.hands.settle()
        return True

    def _click_loose(self, loose: Sequence[tuple[Seen, Box]]) -> None:
        """In the draw tool a click on an object that has a box puts that box right."""
        some = [
            (seen, box) for seen, box in sorted(loose, key=lambda pair: pair[0].label) if self._likely("loose", seen.label, box)
        ]
        if some:
            self._take("draw")
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
        if self.pulls and key in "ra" and self.hands.tool() != "select" and not self.hands.selected():
            some = [seen for seen in some if not self._judge_pointed(seen, key)]
        if some:
            self._take("select")
        if len(some) > 1 and self.several and self._select_all(some):
            self.hands.press(key)
            return
        for seen in some:
            if self._select(seen):
                self.hands.press(key)

    def _judge_pointed(self, seen: Seen, key: str) -> bool:
        """With a tool in hand a verdict is on the mark that the pointer is on, as the page shows."""
        b = seen.box
        self.hands.hover(b.x1 + (b.x2 - b.x1) / 10, b.y1 + (b.y2 - b.y1) / 10)
        for _ in range(TURNS):
            if self.hands.pointed() == seen.id or self.hands.tool() != "edges":
                break
            self.hands.press("n")
        if self.hands.pointed() != seen.id:
            return False
        self.hands.press(key)
        return True

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
        self._take("select")
        if not self._select(seen):
            return
        if self.pulls and not any(_beyond_the_middle(seen.box, true, handle) for handle in pulls(seen.box, true)):
            self._take("edges")
            if all([self._pull(seen, true, handle) for handle in pulls(seen.box, true)]):
                return
            self._take("select")
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
        for label, box in sorted(missed, key=lambda m: m[0]):
            self._arm(label)
            self._take("draw")
            if self.shown_first:
                self._drawn_as_shown(box)
                continue
            if self._likely("missed", label, box):
                worked = self._clicked(box)
                self._learn("missed", label, box, worked)
                if worked:
                    continue
            self._dragged(box)

    def _take(self, tool: str) -> None:
        if self.hands.tool() != tool:
            self.hands.press(TOOLS[tool])

    def _arm(self, label: str) -> None:
        """The label of the next box; a digit would change that of a selected mark."""
        if label == self.hands.armed():
            return
        while not self.pulls and self.hands.selected():
            self.hands.press("Escape")
        if (
            self.pulls and self.hands.selected()
        ):  # there the digit would change the mark just drawn, and no other in the draw tool
            self.hands.press("b")
        self.hands.press(self._digit(label))

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

    def _drawn_as_shown(self, box: Box) -> None:
        """A click in the middle where that makes a good box, as the page shows beforehand; else a drag from there."""
        before, (x, y) = {s.id for s in self.hands.marks()}, ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
        with self.hands.held("Shift" if self._on_last(x, y) else ""):
            shown = self.hands.hover(x, y)
            if shown and iou(shown, box) >= GOOD:
                self.hands.again()
            else:
                self.hands.drag_on((box.x2, box.y2), "Control")
        made = self._made(before)
        if made and iou(made.box, box) < GOOD:
            self.hands.press("Control+z")

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
        last, reach = self.last, 10 * max(self.last.x2 - self.last.x1, 1) / max(self.hands.side(self.last), 1)
        handles = (_place(last, handle) for handle in HANDLES)
        inside = last.x1 <= x <= last.x2 and last.y1 <= y <= last.y2
        return inside or any(abs(hx - x) <= reach and abs(hy - y) <= reach for hx, hy in handles)

    def _digit(self, label: str) -> str:
        return str(self.hands.labels().index(label) + 1)


def _nearly(task: Task) -> list[tuple[Seen, Box]]:
    """False marks of which one edge or corner has to be put right to make them the box of something missed."""
    pairs = [(seen, box) for seen in task.false for label, box in task.missed if seen.label == label]
    near = [(seen, box) for seen, box in pairs if iou(_dragged(seen.box, box, drags(seen.box, box)[:1]), box) >= GOOD]
    taken: list[tuple[Seen, Box]] = []
    for seen, box in near:
        if all(seen.id != other.id and box != there for other, there in taken):
            taken.append((seen, box))
    return taken


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
    player = Player(hands, hands.knows(FIT_ALL), hands.knows(SEVERAL), hands.knows(EDGES), hands.says(SHOWN_FIRST))
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
      if (said.pool === undefined) return 0;
      return said.rows.filter((row) => row[2] === "new").length + (said.waiting || 0) + (said.anew || 0);
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
    page.wait_for_function(f"() => {READ}.doc.open && {READ}.doc.head.rev > 0 && !{READ}.doc.head.answering", timeout=WAIT)
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
    fields = some_fields(options.data, options.skip)[: options.images]
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
    parser.add_argument("--skip", type=int, default=0, help="how many images are passed over first")
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
