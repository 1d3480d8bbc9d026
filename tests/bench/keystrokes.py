"""What it costs to correct the same 20 predictions here and in Label Studio: key presses, pointer moves, seconds.

    python -m tests.bench.keystrokes --data DATA

The keystroke-level model (Card, Moran & Newell 1980, "The keystroke-level model for user performance time with interactive
systems", CACM 23(7)): K 0.28 s a key by an average typist, P 1.10 s to point, H 0.40 s to move a hand between keyboard and mouse,
M 1.35 s to decide; B 0.10 s to press or release a button (Kieras 2001). A chord presses each of its keys. The left hand
stays on the keyboard and the right one on the mouse, so keys of the right half cost the way there and back, in both tools.

Here a click in the draw tool makes a box of the size that its label usually has in this image; it is counted where that box, put
down a twentieth of its sides beside the true centre, fits by GOOD_IOU. Where it does not, the box is dragged, as there.

The edits are what lies between the shipped model's answer and the truth of real images: a box that overlaps the true one by an
IoU of 0.7 is left alone; from 0.5 on its wrong corners are dragged; a lower one is deleted and drawn anew. One decision an
edit and one an image. Both tools get their edits in the same order: deletions, labels, corners, then additions by label.

Label Studio by its guide (https://labelstud.io/guide/hotkeys, "Hotkeys and settings", and https://labelstud.io/guide/labeling):
a click selects a region, Backspace deletes it, a label's digit applies or arms it, Escape unselects (else the digit would
rename the selected region), Ctrl+Enter submits and opens the next task. It is given predictions as draft annotations and "Keep
label selected after creating a region", which is the best case. Nobody was timed: these are the model's seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from finetune.tiny.measure import Field, ask, fields
from pdc.domain.diff import Correction, CorrectionKind, diff
from pdc.domain.geometry import iou
from pdc.domain.values import Box, Findings, Mark, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.local import LocalPredictor
from pdc.settings import EMBEDDED_MODEL

KEY, POINT, BUTTON, HOME, MIND = 0.28, 1.10, 0.10, 0.40, 1.35  # seconds
IMAGES = 20
GOOD_IOU = 0.7  # a box that fits so well is left alone
NEAR = 0.1  # a corner so near its place, in sides of the true box, is left alone
LEFT = set("qwertasdfgzxcvb12345") | {"ctrl", "shift", "alt", "escape", "tab", "space"}
CLICK, DRAG, DECIDE = ("point", "button", "button"), ("point", "button", "point", "button"), ("mind",)
Steps = tuple[str, ...]  # "point", "button", "mind", or the name of a key


@dataclass(frozen=True, slots=True)
class Tool:
    """What each edit takes in one tool. `arm` makes a label the next drawn one; the two around adding frame a run of it."""

    delete: Steps
    relabel: Callable[[int], Steps]
    select: Steps
    arm: Callable[[int], Steps]
    before_adding: Steps
    after_adding: Steps
    finish: Steps
    usual_size: bool  # a click draws a box of the usual size


@dataclass(frozen=True, slots=True)
class Cost:
    """Key presses, pointer moves, seconds."""

    keys: int
    moves: int
    seconds: float


HERE = Tool(
    delete=(*CLICK, "r"),
    relabel=lambda n: (*CLICK, str(n)),
    select=CLICK,
    arm=lambda n: (str(n),),
    before_adding=("d",),
    after_adding=("v",),
    finish=("enter",),
    usual_size=True,
)
LABEL_STUDIO = Tool(
    delete=(*CLICK, "backspace"),
    relabel=lambda n: (*CLICK, str(n)),
    select=CLICK,
    arm=lambda n: (str(n),),
    before_adding=("escape",),
    after_adding=(),
    finish=("ctrl", "enter"),
    usual_size=False,
)


def cost(steps: Sequence[str]) -> Cost:
    """Counts and seconds of these steps, with the ways of the right hand between the mouse, where it starts, and the keyboard."""
    seconds = {"point": POINT, "button": BUTTON, "mind": MIND}
    hand = ["mouse" if s in ("point", "button") else "keys" for s in steps if s != "mind" and s not in LEFT]
    homes = sum(a != b for a, b in zip(["mouse", *hand], hand, strict=False))
    keys = sum(s not in seconds for s in steps)
    return Cost(keys, steps.count("point"), sum(seconds.get(s, KEY) for s in steps) + homes * HOME)


def corners(before: Box, after: Box) -> int:
    """How many of two opposite corners have to be dragged."""
    reach = NEAR * after.width, NEAR * after.height
    first = abs(before.x1 - after.x1) > reach[0] or abs(before.y1 - after.y1) > reach[1]
    second = abs(before.x2 - after.x2) > reach[0] or abs(before.y2 - after.y2) > reach[1]
    return max(first + second, 1)


def script(changes: Sequence[Correction], field: Field, tool: Tool) -> tuple[str, ...]:
    """All steps that make one image right, and go on to the next."""
    return (*_edits(changes, field.labels, tool), *_additions(changes, field, tool), *DECIDE, *tool.finish)


def _edits(changes: Sequence[Correction], labels: Sequence[str], tool: Tool) -> Iterator[str]:
    for c in changes:
        if c.kind is CorrectionKind.REMOVED:
            yield from (*DECIDE, *tool.delete)
        elif c.kind is CorrectionKind.RELABELLED:
            yield from (*DECIDE, *tool.relabel(labels.index(c.after.label) + 1))
        if c.before and c.after and iou(c.before.shape, c.after.shape) < GOOD_IOU:
            selected = () if c.kind is CorrectionKind.RELABELLED else tool.select
            yield from (*DECIDE, *selected, *DRAG * corners(c.before.shape, c.after.shape))


def _additions(changes: Sequence[Correction], field: Field, tool: Tool) -> Iterator[str]:
    added = [c.after for c in changes if c.kind is CorrectionKind.ADDED]
    if not added:
        return
    there = [m for m in field.true.marks if m.id not in {a.id for a in added}]
    yield from tool.before_adding
    for n, label in enumerate(field.labels, 1):
        mine = [m for m in added if m.label == label]
        yield from tool.arm(n) if mine else ()
        for mark in mine:
            clicked = tool.usual_size and fits_usual(mark, there)
            yield from (*DECIDE, *(CLICK if clicked else DRAG))
            there.append(mark)
    yield from tool.after_adding


def fits_usual(mark: Mark, there: Sequence[Mark]) -> bool:
    """Whether a box as large as the label's others usually are does for this mark, put down a little beside its centre."""
    boxes = [m.shape for m in there if m.label == mark.label]
    if not boxes:
        return False
    w, h = median(b.width for b in boxes), median(b.height for b in boxes)
    x, y = mark.shape.center.x + w / 20, mark.shape.center.y + h / 20
    return iou(Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2), mark.shape) >= GOOD_IOU


def some_fields(data: Path, skip: int = 0) -> list[Field]:
    """Dev images of every kind in turn, after the first `skip`; ids of true marks that no mark of the model has."""
    kinds = [some for kind, some in fields(data, skip + IMAGES).items() if "full" not in kind]
    return [_named(f) for row in zip(*kinds, strict=False) for f in row][skip : skip + IMAGES]


def _named(field: Field) -> Field:
    marks = tuple(replace(m, id=f"true-{i}") for i, m in enumerate(field.true.marks))
    return replace(field, true=replace(field.true, marks=marks))


def embedded() -> LocalPredictor:
    from pdc.inference.qwen import load

    shipped = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]
    return LocalPredictor(lambda: load(str(EMBEDDED_MODEL)), lambda: AdapterRef(shipped.name, str(shipped)))


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--data", type=Path, required=True)
    data = top.parse_args().data
    if not data.exists():
        raise SystemExit(f"There is no {data}; name a folder with dev images and their truth.")
    predictor, answered = embedded(), []
    for field in some_fields(data):
        answer = ask(predictor, field.path, Task.COUNT_AND_BOX, field.labels)
        answered.append((diff(answer.findings or Findings(), field.true), field))
    counted = [c.kind for changes, _ in answered for c in changes]
    said = ", ".join(f"{counted.count(kind)} {kind}" for kind in CorrectionKind)
    print(f"{len(answered)} images; marks: {said}\n")
    print("| | key presses | pointer moves | seconds | seconds an image |\n|---|---|---|---|---|")
    for name, tool in (("PDC", HERE), ("Label Studio", LABEL_STUDIO)):
        total = cost([step for changes, field in answered for step in script(changes, field, tool)])
        print(f"| {name} | {total.keys} | {total.moves} | {total.seconds:.0f} | {total.seconds / len(answered):.1f} |")


if __name__ == "__main__":
    main()
