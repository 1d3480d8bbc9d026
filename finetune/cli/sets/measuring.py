"""Adapters measured on named test sets, beside the base and what serves: what becomes metrics["sets"]."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from finetune.cli.failure import sentence
from finetune.data.dataset import Row, measurable, read_rows, thin_out
from finetune.evaluate.compare import Comparison, Stopped
from finetune.evaluate.edits import STRICT_IOU
from finetune.evaluate.metrics import ScoredAnswer, score
from finetune.evaluate.robustness.measure import sources_of
from pdc.adapters.registry import Adapters
from pdc.compose import images_of
from pdc.domain.errors import BadModel, BadSetting, PdcError
from pdc.domain.label_changes import findings_now, question_now
from pdc.domain.progress import Progress, unseen
from pdc.domain.values import Findings
from pdc.formats.test_set_files import shown_in
from pdc.images.near_duplicates import ImageHash
from pdc.inference.adapter_folder import AdapterManifest
from pdc.inference.adapter_ref import Wanted, routed
from pdc.inference.answer_settings import taught
from pdc.settings import Settings
from pdc.store.store import Store
from pdc.training.config import TrainConfig
from pdc.training.dataset_export import likenesses_to_learn_from
from pdc.training.test_sets import MOST_QUESTIONS, MOST_SECONDS, ROWS, TestSet, TestSets

PATIENCE = 3  # times as long, and it is given up
SHOWN = "{n} of its {all} images are among those that {whom}, or near copies of them ({names}), so it measures nothing."
NO_LABEL = "it asks about {labels}, and the adapter answers about {served}; they have no label in common."
TOO_LONG = "it took more than {n} s and was given up; measure fewer images with `--limit`."
NAMED = 3
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many questions of a set, and so many seconds as planned by `pace`, the seconds that a question takes with
    every model; None: not known."""

    questions: int = MOST_QUESTIONS
    seconds: float = MOST_SECONDS
    pace: float | None = None

    def affordable(self, n: int) -> int:
        """How many of n questions are asked; at least one."""
        most = min(n, self.questions)
        return max(1, min(most, int(self.seconds / self.pace))) if self.pace else most


@dataclass(frozen=True)
class SetMeasuring:
    """Where everything is that measuring takes. `how` says how the model is loaded, and `compare` measures base, serving
    and candidate on rows."""

    settings: Settings
    store: Store
    adapters: Adapters
    how: Settings | TrainConfig
    compare: Callable[..., Comparison]
    say: Say = print
    stop: Callable[[], bool] = lambda: False
    progress: Progress = unseen
    limits: Limits = field(default_factory=Limits)

    @property
    def sets(self) -> TestSets:
        return TestSets(self.settings.home)

    def open_sets(self) -> list[TestSet]:
        """Those in use that are not locked."""
        return [one for one in self.sets.all() if not one.locked]

    def on_open_sets(self, candidate: Wanted) -> dict[str, Any]:
        """`measured`, on every set that is not locked; nothing, aloud, where the sets cannot be read."""
        try:
            sets = self.open_sets()
        except PdcError as error:
            self.say(f"Nothing was measured on test sets. {error}")
            return {}
        return self.measured(candidate, sets)

    def measured(self, candidate: Wanted, sets: Sequence[TestSet]) -> dict[str, Any]:
        """Per set what was found, or under "not_measured" why nothing was, whatever it was: what was trained and measured before
        must not be lost by it. Raises Stopped when asked to stop."""
        return {one.name: self._tried(candidate, one) for one in sets}

    def _tried(self, candidate: Wanted, one: TestSet) -> dict[str, Any]:
        try:
            return self.measure(candidate, one)
        except Stopped:
            raise
        except Exception as error:
            why = sentence(error)
            self.say(f"Not measured on the test set {one.name}: {why}")
            return {"not_measured": why, "set": described(one, 0)}

    def measure(self, candidate: Wanted, one: TestSet) -> dict[str, Any]:
        """Base, serving and candidate on one set. BadSetting when training was shown its images, or no label is common."""
        self.refuse_shown(candidate, one)
        every = self.rows(candidate, one)
        rows = thin_out(every, self.limits.affordable(len(every)))
        self.say(f"Measuring on the test set {one.name}: {len(rows)} of {len(every)} questions.")
        found = self._compared(candidate, rows)
        return {**found.to_json(), **beyond(found, rows), "held_out": {}, "set": described(one, len(every))}

    def rows(self, candidate: Wanted, one: TestSet) -> list[Row]:
        """The set's questions about labels that the adapter answers about, in the words that it was taught."""
        able = routed(candidate).able
        known = taught(self.settings.model, *(a.folder for a in able))
        served = frozenset(label for a in able for label in a.served) if all(a.served for a in able) else frozenset()
        kept = [row for row in (about(row, served or known) for row in self.worded(one, candidate)) if row]
        if not kept:
            said = ", ".join(sorted(served or known or ())) or "nothing"
            raise BadSetting(NO_LABEL, labels=", ".join(one.labels), served=said)
        return kept

    def worded(self, one: TestSet, candidate: Wanted) -> list[Row]:
        """All the set's questions, in the words that the model with this adapter was taught."""
        one = self.sets.get(one.name)
        rows = measurable(read_rows(self.sets.folder(one.name) / ROWS, []))
        known = taught(self.settings.model, *(a.folder for a in routed(candidate).able))
        words = self.store.dictionary().also(sorted(known)).taught(list(one.labels), known) if known else {}
        return [_worded(row, words) for row in rows]

    def refuse_shown(self, candidate: Wanted, one: TestSet) -> None:
        """BadSetting when a model that is compared was trained on the set's images, or the next training would be."""
        learnt = likenesses_to_learn_from(self.store, images_of(self.settings))
        whom = {"the reviews that training learns from hold": learnt, **self._trained(candidate)}
        for name, images in whom.items():
            if shown := shown_in(one.hashes(), images):
                names = ", ".join(sha256[:12] for sha256 in shown[:NAMED])
                raise BadSetting(SHOWN, n=len(shown), all=one.images, whom=name, names=names)

    def _trained(self, candidate: Wanted) -> dict[str, Mapping[str, ImageHash]]:
        folders = {a.named: a.folder for a in (*routed(candidate).able, *self.adapters.route().able)}
        return {f"{name} was trained on": _trained_on(folder) for name, folder in folders.items() if folder}

    def _compared(self, candidate: Wanted, rows: list[Row]) -> Comparison:
        end = time.monotonic() + PATIENCE * self.limits.seconds
        over = lambda: self.stop() or time.monotonic() > end  # noqa: E731
        try:
            return self.compare(self.how, self.adapters, candidate, rows, stop=over, progress=self.progress)
        except Stopped:
            if self.stop():
                raise
            raise BadSetting(TOO_LONG, n=f"{PATIENCE * self.limits.seconds:.0f}") from None


def beyond(found: Comparison, rows: Sequence[Row]) -> dict[str, Any]:
    """What a set says beyond the held-out comparison, per model: `strict`, the score with boxes at IoU .75; `sources`, the score
    by where images come from, if from several places."""
    names = dict(zip((str(row.path) for row in rows), sources_of(rows), strict=False))
    strict = {side: _json(score(cases, STRICT_IOU)) for side, cases in found.answers.items()}
    sources = {name: _by_source(found, names, name) for name in sorted(set(names.values()))}
    return {"strict": strict, "sources": sources}


def _by_source(found: Comparison, names: Mapping[str, str], name: str) -> dict[str, Any]:
    def those(cases: Sequence[ScoredAnswer]) -> list[ScoredAnswer]:
        return [case for case in cases if names.get(case.image) == name]

    scores = {side: _json(score(those(cases))) for side, cases in found.answers.items()}
    return {"n": list(names.values()).count(name), **scores}


def _json(estimate: Any) -> dict[str, float] | None:
    return estimate and asdict(estimate)


def described(one: TestSet, questions: int) -> dict[str, Any]:
    """What metrics keep of a set: its likenesses stay in set.json. `questions` is how many it has for this adapter."""
    kept = ("name", "digest", "images", "labels", "locked", "margin", "notes", "source", "added_at")
    return {"questions": questions, **{key: getattr(one, key) for key in kept}}


def _trained_on(folder: str) -> dict[str, ImageHash]:
    try:
        return {name: ImageHash.parse(text) for name, text in AdapterManifest.read(Path(folder)).trained_on.items()}
    except BadModel:
        return {}


def _worded(row: Row, words: Mapping[str, str]) -> Row:
    return replace(row, question=question_now(row.question, words), findings=findings_now(row.findings, words))


def about(row: Row, labels: frozenset[str] | None) -> Row | None:
    """The row asked for these labels alone (None: for all its own); None when it asks for none of them."""
    asked = tuple(n for n in row.question.labels if labels is None or n in labels)
    if not asked:
        return None
    marks = tuple(m for m in row.findings.marks if m.label in asked)
    found = Findings(marks, {n: c for n, c in row.findings.stated.items() if n in asked}, complete=row.findings.complete)
    return replace(row, question=replace(row.question, labels=asked), findings=found)
