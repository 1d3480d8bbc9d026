"""Drills of the promotion gate: candidates that must be refused, and good ones that must pass.

Per image the truth, what serves and a candidate are drawn with a seed: cells (4 an image) and platelets (2), a fifth of the
images without any. Three questions an image: count and box, pointing, counting. An object that is hard for what serves is hard
for the candidate too (`SHARED` of its difficulty), as two adapters of one base are alike. A share of images that a drill spoils
is exactly that share, at least one; which ones is drawn. The metrics and the gate are the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from finetune.evaluate.compare import BASE, CANDIDATE, compared
from finetune.evaluate.metrics import ScoredAnswer, evaluate
from pdc.adapters.promotion_gate import objections
from pdc.domain.message import Message
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape, Task
from pdc.inference.adapter_folder import AdapterManifest

CELL, PLATELET = "red blood cell", "platelet"
LABELS = {CELL: 4.0, PLATELET: 2.0}  # objects an image
SHARED, CELLS_IN_A_ROW, STEP, SIDE = 0.8, 12, 60.0, 40.0
WITHOUT = 0.2  # of the images show nothing
MANIFEST = AdapterManifest("candidate", "base", None, "compact-1", None, "d", {}, "2026-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Skill:
    """How a model answers: the share of objects it finds, wrong marks an image, and where it fails. `zero`, `unreadable`:
    shares of the answers with objects that are "none", and of all that cannot be read. `alarms`: the share of images without
    anything on which it finds something. `off`: pixels that each mark lies off; `miscount`, `wild`: how far a count is off, and
    the share of counts that are off by 100."""

    recall: float = 0.8
    spurious: float = 1.0
    zero: float = 0.03
    unreadable: float = 0.0
    alarms: float = 0.05
    off: float = 4.0
    miscount: float = 0.5
    wild: float = 0.0
    of_label: tuple[tuple[str, float], ...] = ()  # a recall of their own
    only: tuple[tuple[Task, Skill], ...] = ()  # another skill at a task

    def at(self, task: Task) -> Skill:
        return dict(self.only).get(task, self)

    def finds(self, label: str) -> float:
        return dict(self.of_label).get(label, self.recall)


@dataclass(frozen=True)
class Drill:
    """A candidate beside what serves; `blanks`: marks on blank images."""

    name: str
    candidate: Skill
    serving: Skill = Skill()
    blanks: int = 0


@dataclass(frozen=True)
class _Image:
    """One image: its objects with their places, how hard each is, and what is drawn for all models alike."""

    name: str
    objects: tuple[tuple[str, Point], ...]
    hard: np.ndarray
    whole: float = 0.5  # how hard the image is as a whole


def skilled(**of_tasks: Skill) -> tuple[tuple[Task, Skill], ...]:
    return tuple((Task(name), skill) for name, skill in of_tasks.items())


SERVING = Skill()
BETTER = Skill(recall=0.9, spurious=0.6)
REFUSED = (
    Drill(
        "the paper's: zero-case 3 to 29 %, unreadable 0 to 10 %, count error tenfold, pointing .80 to .20",
        Skill(
            0.95, 0.4, 0.29, 0.10, only=skilled(pointing=Skill(0.15, 4), counting=Skill(miscount=5, zero=0.29, unreadable=0.1))
        ),
    ),
    Drill("zero-case 3 to 29 %, the other answers better", replace(BETTER, recall=0.97, spurious=0.2, zero=0.29)),
    Drill("unreadable 0 to 10 %, the other answers better", replace(BETTER, recall=0.95, spurious=0.3, unreadable=0.10)),
    Drill("the count's error tenfold, marks better", replace(BETTER, only=skilled(counting=Skill(miscount=5.0)))),
    Drill("one count in twenty off by 100, marks better", replace(BETTER, only=skilled(counting=Skill(wild=0.05)))),
    Drill("pointing .80 to .20, boxes much better", Skill(0.98, 0.1, only=skilled(pointing=Skill(0.2, 3)))),
    Drill("30 points of a label's recall lost, the other better", replace(BETTER, recall=0.97, of_label=((PLATELET, 0.5),))),
    Drill("a label lost, the other better", replace(BETTER, recall=0.99, spurious=0.2, of_label=((PLATELET, 0.0),))),
    Drill("findings on images without any, 5 to 50 %", replace(BETTER, alarms=0.5)),
    Drill("'none' at one task alone, 3 to 29 %", replace(BETTER, only=skilled(counting=Skill(zero=0.29)))),
    Drill("overall 15 points worse", Skill(recall=0.65, spurious=2.0)),
    Drill("findings on blank images, all else better", BETTER, blanks=2),
)
GOOD = (
    Drill("finds more, with fewer wrong marks", BETTER),
    Drill("finds 8 points more of everything", Skill(recall=0.88, spurious=0.8)),
    Drill("fewer wrong marks, the same recall", Skill(spurious=0.2)),
    Drill("counts better, marks a little better", Skill(0.87, 0.7, only=skilled(counting=Skill(miscount=0.2)))),
    Drill("one label much better, the other as before", Skill(of_label=((PLATELET, 0.8),)), Skill(of_label=((PLATELET, 0.4),))),
    Drill("a new label that what served never found", Skill(), Skill(of_label=((PLATELET, 0.0),))),
)


def metrics_of(drill: Drill, n: int, seed: int) -> dict[str, Any]:
    """What is measured of the drill's candidate on `n` images."""
    rng = np.random.default_rng((seed, n))
    images = [_image(i, rng) for i in range(n)]
    said = {BASE: _answers(drill.serving, images, rng), CANDIDATE: _answers(drill.candidate, images, rng)}
    clean = {BASE: [*said[BASE], *_pieces(drill.serving, images, rng)]}
    clean[CANDIDATE] = [*said[CANDIDATE], *_pieces(drill.candidate, images, rng)]
    measured = {name: evaluate(cases, model="base", adapter=None, with_map=False) for name, cases in said.items()}
    return {**compared(measured, said, clean).to_json(), "blank_marks": drill.blanks}


def objections_to(drill: Drill, n: int, seed: int) -> list[Message]:
    """What the gate says of it."""
    return objections("candidate", metrics_of(drill, n, seed), None, MANIFEST)


def _image(i: int, rng: np.random.Generator) -> _Image:
    there = [label for label, mean in LABELS.items() for _ in range(rng.poisson(mean))] if rng.random() >= WITHOUT else []
    places = [Point(STEP * (k % CELLS_IN_A_ROW) + SIDE, STEP * (k // CELLS_IN_A_ROW) + SIDE) for k in range(len(there))]
    return _Image(f"{i}", tuple(zip(there, places, strict=True)), rng.random(len(there)), rng.random())


def _answers(skill: Skill, images: list[_Image], rng: np.random.Generator) -> list[ScoredAnswer]:
    return [
        case for task in (Task.COUNT_AND_BOX, Task.POINTING, Task.COUNTING) for case in _at(task, skill.at(task), images, rng)
    ]


def _at(task: Task, skill: Skill, images: list[_Image], rng: np.random.Generator) -> list[ScoredAnswer]:
    full, empty = ({i: image.whole for i, image in enumerate(images) if bool(image.objects) is some} for some in (True, False))
    zero, wild = _some(full, skill.zero, rng), _some(full, skill.wild, rng)
    alarmed, unread = _some(empty, skill.alarms, rng), _some(full, skill.unreadable * len(images) / max(len(full), 1), rng)
    cases = []
    for i, image in enumerate(images):
        said = None if i in unread else _said(task, skill, image, rng, i in alarmed, i in zero, 100 * (i in wild))
        cases.append(ScoredAnswer(image.name, Question(task, tuple(LABELS)), _truth(task, image), said))
    return cases


def _pieces(skill: Skill, images: list[_Image], rng: np.random.Generator) -> list[ScoredAnswer]:
    """Answers about a clean piece of each image with objects."""
    empty = [_Image(f"{image.name} beside", (), np.zeros(0), image.whole) for image in images if image.objects]
    return _at(Task.COUNT_AND_BOX, skill, empty, rng)


def _some(hard: dict[int, float], share: float, rng: np.random.Generator) -> set[int]:
    """That share of the images, at least one where there is any share; those that are hard for every model more often."""
    n = max(round(share * len(hard)), 1) if share and hard else 0
    ranked = sorted(hard, key=lambda i: -(SHARED * hard[i] + (1 - SHARED) * rng.random()))
    return set(ranked[:n])


def _truth(task: Task, image: _Image) -> Findings:
    if task is Task.COUNTING:
        return Findings((), {label: sum(o[0] == label for o in image.objects) for label in LABELS})
    return Findings(tuple(Mark(f"t{k}", _shape(task, at), label) for k, (label, at) in enumerate(image.objects)))


def _shape(task: Task, at: Point) -> Shape:
    return at if task is Task.POINTING else Box(at.x - SIDE / 2, at.y - SIDE / 2, at.x + SIDE / 2, at.y + SIDE / 2)


def _said(task: Task, skill: Skill, image: _Image, rng: np.random.Generator, alarm: bool, zero: bool, wild: int) -> Findings:
    if task is Task.COUNTING:
        return Findings((), {label: _count(skill, label, image, rng, alarm, zero, wild) for label in LABELS})
    spurious = 0 if zero else 2 * alarm if not image.objects else rng.poisson(skill.spurious)
    luck = np.where(rng.random(len(image.hard)) < SHARED, image.hard, rng.random(len(image.hard)))
    found = [] if zero else [o for o, u in zip(image.objects, luck, strict=True) if u < skill.finds(o[0])]
    marks = [(label, Point(at.x + rng.normal(0, skill.off), at.y + rng.normal(0, skill.off))) for label, at in found]
    marks += [(CELL, Point(1000 + STEP * k, 1000)) for k in range(spurious)]
    return Findings(tuple(Mark(f"m{k}", _shape(task, at), label) for k, (label, at) in enumerate(marks)))


def _count(skill: Skill, label: str, image: _Image, rng: np.random.Generator, alarm: bool, zero: bool, wild: int) -> int:
    there = sum(o[0] == label for o in image.objects)
    if not image.objects:
        return int(alarm and label == CELL)
    if (zero and not wild) or not skill.finds(label):
        return 0
    return max(0, there + round(rng.choice((-1, 1)) * rng.exponential(skill.miscount))) + wild
