"""A reader, played: corrects what the model says to the truth, round after round, each folded into a new adapter.

The curve it writes is the product's proof: how much less there is to correct after so many corrected images. Edits are
counted by `finetune.evaluate.edits`, on held-out images that are never trained on. The reader leaves a box alone when it
overlaps its object by `accept_iou`; what is learnt from is the truth. A simulation that was killed goes on with the round,
and within it with the checkpoint, that it had reached.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.data.dataset import Row
from finetune.data.replay import replay_rows
from finetune.evaluate.compare import ask
from finetune.evaluate.edits import STRICT_IOU, edits_of, mean_edits
from finetune.evaluate.metrics import ScoredAnswer, change, evaluate
from finetune.experiments.curve import CurvePoint, describe_point
from finetune.experiments.sampling import describe_image
from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Box, Findings, Mark
from pdc.files import read_json, write_json
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.choosing import choose_diverse, uncertainty
from pdc.inference.memory import free
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.local import LocalPredictor
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

if TYPE_CHECKING:
    from pdc.inference.qwen import Qwen

ORDERS = ("uncertainty", "random")
OLD_SEED = 9000
MOST_LOOKED_AT = 150  # images a round, when the least certain are wanted


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What is simulated. `order` chooses the next images; `warm` goes on from the last adapter, else each is fresh."""

    rounds: int = 5
    per_round: int = 10
    order: str = "uncertainty"
    held_out: int = 20
    accept_iou: float = 0.5
    warm: bool = True
    seed: int = 1

    def checked(self) -> SimulationPlan:
        """Itself, or BadSetting naming the field, its value and what was expected."""
        if self.order not in ORDERS:
            raise BadSetting(f"order is {self.order!r}; use {' or '.join(ORDERS)}.")
        for name in ("rounds", "per_round", "held_out"):
            if getattr(self, name) < 1:
                raise BadSetting(f"{name} is {getattr(self, name)}; it needs a number above 0.")
        return self


Say = Callable[[str], None]


class Simulation:
    """One reader on `rows`, with one order and seed. All that is needed to go on after a kill is in its folder."""

    def __init__(
        self,
        rows: Sequence[Row],
        known: Sequence[Row],
        config: TrainConfig,
        plan: SimulationPlan,
        out: Path,
        say: Say = print,
        progress: Progress = unseen,
    ) -> None:
        self.config, self.plan, self.say, self.progress = config, plan.checked(), say, progress
        self.folder, self.shared = out / f"{plan.order}-{plan.seed}", out
        self.pool, self.held_out = split_rows(rows, plan.held_out)
        self.known, self.known_before = known, []
        if len(self.pool) < plan.rounds * plan.per_round:
            raise BadSetting(
                f"{plan.rounds} rounds of {plan.per_round} and {len(self.held_out)} held-out images need "
                f"{plan.rounds * plan.per_round + len(self.held_out)} images; there are {len(rows)}."
            )

    def play(self) -> list[CurvePoint]:
        """Every round that is not done yet; the state after each, those done before included."""
        points = [CurvePoint.from_json(p) for p in self._state("points")]
        if len(points) > self.plan.rounds:
            return points
        self.folder.mkdir(parents=True, exist_ok=True)
        self.known_before = self._ask(self._predictor(AdapterRef()), self.known)
        rounds = range(self.plan.rounds + 1)
        for number in rounds[len(points) :]:
            self.progress(self._named("Rounds"), number, len(rounds))
            points.append(self._round(number))
            write_json(self.folder / "points.json", {"points": [asdict(p) for p in points]})
            self.say(f"{self.plan.order} {self.plan.seed}, round {number}: {describe_point(points[-1])}.")
        self.progress(self._named("Rounds"), len(rounds), len(rounds))
        return points

    def _named(self, what: str) -> str:
        return f"{what}, {self.plan.order} {self.plan.seed}"

    def _round(self, number: int) -> CurvePoint:
        started, edits = time.monotonic(), 0.0
        if number:
            if len(self._state("chosen")) < number:
                self._choose(number)
            edits = self._state("chosen")[number - 1]["edits"]
            self._fold(number)
        return self._measure(number, edits, started)

    def _state(self, name: str) -> list[Any]:
        return (read_json(self.folder / f"{name}.json") or {}).get(name, [])

    def _predictor(self, wanted: AdapterRef) -> LocalPredictor:
        return LocalPredictor(self._load, lambda: wanted)

    def _load(self) -> Qwen:
        from pdc.inference.qwen import load

        return load(self.config.model, **self.config.loading)

    def _serving(self, number: int) -> AdapterRef:
        """What serves after that round."""
        run = Run(self.folder / f"{self.plan.order}-{self.plan.seed}-{number}")
        return AdapterRef(run.name, str(run.adapter)) if number else AdapterRef()

    def _choose(self, number: int) -> None:
        """Write down which images the reader takes next, what the model said of them, and the edits each needed on average."""
        before = self._state("chosen")
        done = {image for past in before for image in past["images"]}
        chance = np.random.default_rng([self.plan.seed, number])
        left = [row for row in self.pool if str(row.path) not in done]
        looked = [left[i] for i in chance.permutation(len(left))]
        unsure = self.plan.order == "uncertainty"
        looked = looked[: MOST_LOOKED_AT if unsure else self.plan.per_round]
        qwen, wanted = self._load(), self._serving(number - 1)
        predictor = LocalPredictor(lambda: qwen, lambda: wanted)
        answers = [predictor.predict(r.image(), r.question) for r in follow("Choosing images", looked, self.progress)]
        taken = self._unsure(qwen, predictor, looked, answers, chance) if unsure else range(len(looked))
        cases = [ScoredAnswer(str(looked[i].path), looked[i].question, looked[i].findings, answers[i].findings) for i in taken]
        edits = float(np.mean([edits_of(c, self.plan.accept_iou) for c in cases]))
        said = {c.image: None if c.predicted is None else _boxes(c.predicted) for c in cases}
        write_json(self.folder / "chosen.json", {"chosen": [*before, {"images": said, "edits": edits}]})

    def _unsure(
        self, qwen: Qwen, predictor: LocalPredictor, rows: Sequence[Row], answers: Sequence[Answer], chance: np.random.Generator
    ) -> list[int]:
        """Which of the rows to take. A model that was never taught the labels has no doubts worth asking about."""
        features = np.stack([describe_image(qwen, row.image()) for row in rows])
        new = [bool(predictor.untaught(row.question)) for row in rows]
        doubts = [1.0 if n else uncertainty(a.findings, a.counts) for n, a in zip(new, answers, strict=True)]
        return choose_diverse(features, doubts, self.plan.per_round, chance)

    def corrected(self, number: int) -> list[Row]:
        """The images of all rounds up to this one, in the order in which they were corrected."""
        said = {image: boxes for past in self._state("chosen")[:number] for image, boxes in past["images"].items()}
        rows = {str(row.path): row for row in self.pool}
        return [replace(rows[image], predicted=None if b is None else _findings(b)) for image, b in said.items()]

    def _ask(self, predictor: LocalPredictor, rows: Sequence[Row]) -> list[ScoredAnswer]:
        return ask(predictor, rows, lambda done: self.progress("Measuring images", done, len(rows)))

    def _fold(self, number: int) -> None:
        from finetune.train.trainer import train

        plan, wanted = self.plan, self._serving(number)
        run = Run(Path(wanted.folder or "").parent)
        if run.is_complete():
            return
        if not run.folder.exists():
            Run.create(self.folder, replace(self.config, seed=plan.seed * 100 + number), run.name)
        free()
        qwen = self._load()
        before = self._serving(number - 1)
        parent = (before.name, Path(before.folder)) if plan.warm and before.name and before.folder else None
        known = replay_rows(self.config.replay_data, self.shared / "replay")
        done = train(run, qwen, self.corrected(number), parent, self.say, known, self.progress)
        self.say(f"{done.told}, in {done.seconds:.0f} s.")
        run.mark_complete()
        del qwen
        free()

    def _measure(self, number: int, edits: float, started: float) -> CurvePoint:
        wanted, plan = self._serving(number), self.plan
        predictor = self._predictor(wanted)
        cases, known = (self._ask(predictor, rows) for rows in (self.held_out, self.known))
        overall = evaluate(cases, model=self.config.model, adapter=wanted.name).overall
        known_f1 = evaluate(known, model=self.config.model, adapter=wanted.name).overall.f1
        needed, strict = (mean_edits(cases, iou) for iou in (plan.accept_iou, STRICT_IOU))
        return CurvePoint(
            plan.order,
            plan.seed,
            number,
            number * plan.per_round,
            overall.f1,
            overall.count_mae,
            needed,
            strict,
            edits,
            known_f1,
            change(self.known_before, known),
            round(time.monotonic() - started, 1),
        )


def split_rows(rows: Sequence[Row], held_out: int) -> tuple[list[Row], list[Row]]:
    """The pool to correct from and at least `held_out` images to measure on, by group, dealt out by the sha256 of its name."""
    groups = sorted({r.group for r in rows}, key=lambda g: hashlib.sha256(g.encode()).hexdigest())
    kept: set[str] = set()
    for group in groups:
        if sum(r.group in kept for r in rows) < held_out:
            kept.add(group)
    return [r for r in rows if r.group not in kept], [r for r in rows if r.group in kept]


def _boxes(findings: Findings) -> list[list[Any]]:
    return [[m.label, *m.shape.xyxy] for m in findings.marks if m.counts and isinstance(m.shape, Box)]


def _findings(boxes: Sequence[Sequence[Any]]) -> Findings:
    return Findings(tuple(Mark(f"m{i}", Box(*box), label) for i, (label, *box) in enumerate(boxes, start=1)))
