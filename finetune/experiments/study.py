"""Studies of the method: on the same images one thing is changed at a time. `studies.py` says which; here they are played.

An arm is one row of the table: what was trained for it, if anything, and what it is asked. Arms may share a training. A
study that was killed goes on: trainings and measurements that are whole are not done again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import stdev

from finetune.data.dataset import Row
from finetune.data.replay import replay_rows
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.compare import ask
from finetune.evaluate.metrics import Evaluation, ScoredAnswer, evaluate
from finetune.evaluate.tables import align_columns, overall_table
from finetune.experiments.plots import bars
from pdc.domain.progress import Progress, unseen
from pdc.domain.prompts import words as usual_words
from pdc.domain.values import Question
from pdc.files import read_json, write_json
from pdc.inference.adapter_ref import AdapterRef, Wanted
from pdc.inference.memory import free
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import Qwen
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

METRICS = {"F1": "f1", "count MAE": "count_mae", "zero-case": "zero_case", "unreadable": "unreadable"}
Say = Callable[[str], None]
Words = Callable[[Question, str], str]


@dataclass(frozen=True, slots=True)
class StudyTraining:
    """An adapter to train on `rows`, from `parent` or afresh. Where the config has a preference, what the parent says of the
    rows is what their corrections are preferred to."""

    name: str
    config: TrainConfig
    rows: Sequence[Row]
    parent: StudyTraining | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """A row of the table: `rows` asked of what `adapter` leads to (None: the base alone), in `words`."""

    name: str
    rows: Sequence[Row]
    adapter: StudyTraining | Wanted | None = None
    words: Words = usual_words


class Player:
    """Trains and measures into the folder `out`; one model is in memory at a time."""

    def __init__(self, config: TrainConfig, out: Path, say: Say = print, progress: Progress = unseen) -> None:
        self.config, self.out, self.say, self.progress = config, out, say, progress
        self.serving: Wanted = AdapterRef()
        self._forget()

    def _forget(self) -> None:
        """Leave the memory to the model that is to be trained next."""
        self._qwen: Qwen | None = None
        self.predictor = LocalPredictor(lambda: self.qwen, lambda: self.serving)
        free()

    @property
    def qwen(self) -> Qwen:
        if self._qwen is None:
            self._qwen = self._load()
        return self._qwen

    def play(self, arms: Sequence[Arm]) -> dict[str, Evaluation]:
        """Each arm's measurement by its name, in their order."""
        return {arm.name: self._measured(arm) for arm in arms}

    def answers(self, arm: Arm) -> list[ScoredAnswer]:
        """What the arm answers to its rows."""
        self.serving = self.trained(arm.adapter) if isinstance(arm.adapter, StudyTraining) else arm.adapter or AdapterRef()
        self.qwen.words = arm.words
        return ask(self.predictor, arm.rows, lambda done: self.progress(f"Asking: {arm.name}", done, len(arm.rows)))

    def trained(self, training: StudyTraining) -> AdapterRef:
        """The training's adapter, trained now unless that was done before."""
        from finetune.train.trainer import train

        runs = self.out / "runs"
        run = Run(runs / training.name)
        if not run.is_complete():
            if not run.folder.exists():
                run = Run.create(runs, training.config, training.name)
            parent = self.trained(training.parent) if training.parent else None
            rows = self._with_predictions(training, parent) if training.config.preference else training.rows
            known = replay_rows(training.config.replay_data, self.out / "replay")
            start = (parent.name or "", Path(parent.folder or "")) if parent else None
            self.say(f"Training {training.name}.")
            self._forget()
            done = train(run, self._load(), rows, start, self.say, known, self.progress)
            self.say(f"{done.told}, in {done.seconds:.0f} s.")
            free()
            run.mark_complete()
        return AdapterRef(training.name, str(run.adapter))

    def _with_predictions(self, training: StudyTraining, parent: AdapterRef | None) -> list[Row]:
        self.serving, self.qwen.words = parent or AdapterRef(), usual_words
        return [replace(r, predicted=c.predicted) for r, c in zip(training.rows, ask(self.predictor, training.rows), strict=True)]

    def _measured(self, arm: Arm) -> Evaluation:
        path = self.out / "measured" / f"{re.sub(r'[^A-Za-z0-9]+', '-', arm.name)}.json"
        if (found := read_json(path)) is not None:
            return Evaluation.from_json(found)
        evaluation = evaluate(self.answers(arm), model=self.qwen.name, adapter=self.serving.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, json.loads(json.dumps(evaluation.to_json())))
        self.say(f"{arm.name}: F1 {evaluation.overall.f1}, {evaluation.n} images.")
        return evaluation

    def _load(self) -> Qwen:
        from pdc.inference.qwen import load

        return load(self.config.model, **self.config.loading)


def report(title: str, found: Mapping[str, Evaluation], out: Path) -> str:
    """table.txt, plot.png and results.json; the table's text."""
    parts = [title, overall_table(dict(found)), labels_table(found), spread_table(found)]
    text = "\n\n".join(filter(None, parts)) + "\n"
    (out / "table.txt").write_text(text, encoding="utf-8")
    write_json(out / "results.json", {"study": title, "arms": {name: e.to_json() for name, e in found.items()}})
    bars(out / "plot.png", panels(found), f"{title}; bars: 95 % over images or their groups")
    return text


def panels(found: Mapping[str, Evaluation]) -> dict[str, dict[str, Estimate | None]]:
    return {title: {name: getattr(e.overall, key) for name, e in found.items()} for title, key in METRICS.items()}


def labels_table(found: Mapping[str, Evaluation]) -> str:
    """F1 and recall of each label, where there are several; 95 % intervals in brackets."""
    rows = [("F1, recall by label", "label", "marks", "F1", "recall")]
    for name, e in found.items():
        rows += [(name, label, str(s.true_marks), _cell(s.f1), _cell(s.recall)) for label, s in e.labels.items()]
    return align_columns(rows) if any(len(e.labels) > 1 for e in found.values()) else ""


def _cell(e: Estimate | None) -> str:
    return "-" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def spread_table(found: Mapping[str, Evaluation]) -> str:
    """How far apart the rows are: lowest, highest and standard deviation of each metric."""
    rows = [("over the rows", "lowest", "highest", "standard deviation")]
    for title, values in panels(found).items():
        known = [e.value for e in values.values() if e is not None]
        if len(known) > 1:
            rows.append((title, f"{min(known):.3f}", f"{max(known):.3f}", f"{stdev(known):.3f}"))
    return align_columns(rows)
