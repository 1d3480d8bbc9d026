"""How well boxes fit themselves: rough boxes and clicks on real dev images, before and after, per label and way.

    python -m tests.bench.fit --data DATA [--images 30] [--each 3] [--ways]

A rough box is the true one with each side displaced by a normal error of 12 % of the box's width or height (seeded). A click lies
anywhere in the inner half of the object; beside what it finds stands the box of the label's usual size in the image, put around
the click, which is what a click made before. `--ways` measures detector and colour alone too, which is how the rules in the
model's fit.json were chosen. Objects that overlap the truth by an IoU of 0.7 and 0.5 are counted; intervals are over images.
`--kinds sperm_video` is a kind that the model was never taught: its boxes are fitted by colour, as `Shift F` would.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from finetune.data.coco import read_coco
from finetune.tiny import SOURCES
from finetune.tiny.measure import format_estimate, ratio
from pdc.domain.geometry import clip, iou
from pdc.domain.values import Box, Mark, Point, Task
from pdc.inference.experts.registry import Experts
from pdc.inference.fitting.fitter import Fitter, Wish
from pdc.inference.fitting.rules import Rule, Way, read_rules
from pdc.inference.fitting.trial import displaced
from pdc.settings import EMBEDDED_MODEL

GOOD, FAIR = 0.7, 0.5  # IoU
LEAST = 4.0  # pixels a side of a true box that is measured
WAYS = {"colour alone": Rule(Way.COLOUR), "detector alone": Rule(Way.DETECTOR, (0.3, 0.42))}


@dataclass(frozen=True, slots=True)
class Trial:
    """One object: its true box, a rough one, and a click on it with the box of the usual size around that."""

    label: str
    true: Box
    rough: Box
    click: Point
    usual: Box | None


@dataclass(slots=True)
class Table:
    """Per label and way the IoU with the truth, image by image; and the seconds a fit took, by the processor's time."""

    found: dict[tuple[str, str], list[list[float]]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, label: str, way: str, overlap: float, image: int) -> None:
        rows = self.found.setdefault((label, way), [])
        rows += [[] for _ in range(image + 1 - len(rows))]
        rows[image].append(overlap)


def usual_around(at: Point, others: Sequence[Box], wh: tuple[int, int]) -> Box | None:
    """What a click made before: a box of the size that the label's other boxes have (medians); None without any."""
    if not others:
        return None
    w, h = median(b.width for b in others), median(b.height for b in others)
    return clip(Box(at.x - w / 2, at.y - h / 2, at.x + w / 2, at.y + h / 2), wh)


def trials(marks: Sequence[Mark], each: int, rng: np.random.Generator, wh: tuple[int, int]) -> Iterator[Trial]:
    """At most `each` objects a label, drawn at random."""
    boxes = [(m.label, m.shape) for m in marks if isinstance(m.shape, Box)]
    for label in dict.fromkeys(name for name, _ in boxes):
        own = [box for name, box in boxes if name == label and min(box.width, box.height) >= LEAST]
        for i in rng.permutation(len(own))[:each]:
            true, (u, v) = own[i], rng.uniform(0.25, 0.75, 2)
            click = Point(true.x1 + u * true.width, true.y1 + v * true.height)
            usual = usual_around(click, [box for box in own if box is not true], wh)
            yield Trial(label, true, displaced(true, rng, wh), click, usual)


def measure(fitters: Mapping[str, Fitter], rows: Sequence, each: int, table: Table) -> None:
    rng = np.random.default_rng(0)
    for n, row in enumerate(rows):
        with Image.open(row.path) as file:
            image = np.asarray(file.convert("RGB"))
        for trial in trials(row.findings.marks, each, rng, (image.shape[1], image.shape[0])):
            table.add(trial.label, "rough box", iou(trial.rough, trial.true), n)
            table.add(trial.label, "click: usual size", iou(trial.usual, trial.true) if trial.usual else 0.0, n)
            for way, fitter in fitters.items():
                started = time.process_time()
                found = fitter.fit(image, trial.label, trial.rough, Wish.ASKED)
                table.seconds.setdefault(way, []).append(time.process_time() - started)
                table.add(trial.label, way, iou(found.box if found else trial.rough, trial.true), n)
            clicked = next(iter(fitters.values())).find(image, trial.label, trial.click, trial.usual)
            box = clicked.box if clicked else trial.usual
            table.add(trial.label, "click: fitted", iou(box, trial.true) if box else 0.0, n)


def report(table: Table) -> None:
    print(f"{'label':<18}{'way':<20}{'n':>5}  {'IoU 0.7':<20}{'IoU 0.5':<20}median IoU")
    for label, way in sorted(table.found, key=lambda key: key[0]):
        images = table.found[label, way]
        every = [overlap for some in images for overlap in some]
        cells = (ratio([(sum(o >= least for o in some), len(some)) for some in images]) for least in (GOOD, FAIR))
        shares = "".join(f"{format_estimate(cell):<20}" for cell in cells)
        print(f"{label:<18}{way:<20}{len(every):>5}  {shares}{median(every):.2f}", flush=True)
    for way, seconds in table.seconds.items():
        print(
            f"{way}: {1000 * median(seconds):.0f} ms of processor time a fit (95 %: {1000 * np.percentile(seconds, 95):.0f} ms)"
        )


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--data", type=Path, required=True)
    top.add_argument("--kinds", nargs="+", default=list(SOURCES))
    top.add_argument("--images", type=int, default=30, help="of each kind")
    top.add_argument("--first", type=int, default=0, help="how many images of each kind are passed over before")
    top.add_argument("--each", type=int, default=3, help="objects of each label an image")
    top.add_argument("--ways", action="store_true", help="also detector and colour alone")
    arguments = top.parse_args()
    folder = EMBEDDED_MODEL
    experts, rules = Experts(str(folder)), read_rules(folder)
    fitters = {"fitted": Fitter(rules, experts)}
    if arguments.ways:
        fitters |= {name: Fitter(dict.fromkeys(rules, rule), experts) for name, rule in WAYS.items()}
    for kind in arguments.kinds:
        table = Table()
        measure(
            fitters, read_coco(arguments.data / kind / "dev.json", Task.COUNT_AND_BOX)[: arguments.images], arguments.each, table
        )
        report(table)


if __name__ == "__main__":
    main()
