"""Measure adapters on held-out rows by real decoding: what the app would have shown, against what the reader left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from finetune.data.dataset import Row, likenesses
from finetune.data.replay import blank_images
from finetune.data.unjudged import without_unjudged
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.conformal import Chosen
from finetune.evaluate.edits import describe_edits
from finetune.evaluate.failures.kinds import failures
from finetune.evaluate.failures.paired import Failure
from finetune.evaluate.false_alarms import Paired, clean_pieces, false_alarms, zero_cases
from finetune.evaluate.kept.answers import KeptAnswers, weights_of
from finetune.evaluate.metrics import Evaluation, ScoredAnswer, change, evaluate
from finetune.evaluate.sets.image_free import ImageFree, image_free
from finetune.evaluate.side_by_side import count_changes
from pdc.domain.doubt import Thresholds, with_doubts
from pdc.domain.progress import Progress, unseen
from pdc.domain.values import Findings, Shape
from pdc.inference.adapter_ref import Route, Wanted, routed
from pdc.inference.experts.registry import NOBODY, Experts
from pdc.inference.predictors.base import Predictor
from pdc.inference.predictors.experts import ExpertPredictor, share
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.predictors.vote import VotePredictor

if TYPE_CHECKING:
    from pdc.inference.qwen import Qwen

BASE, ACTIVE, CANDIDATE = "base", "active", "candidate"
BLANKS = 3  # black, grey and white
MOST_QUESTIONS = 4  # that are asked about them
GLANCE = 0.5  # what an image weighs in comparisons whose truth is an answer accepted as it stood
MOST_PIECES = 60  # clean pieces that each model is asked about
Report = Callable[[str], None]
Answerer = Callable[[Row, Callable[[], Findings | None]], Findings | None]
Choose = Callable[[Sequence[ScoredAnswer]], Mapping[str, Chosen]]


class Stopped(Exception):
    """Somebody asked to stop."""


def ask(
    predictor: Predictor,
    rows: Sequence[Row],
    after_each: Callable[[int], None] = lambda done: None,
    answer: Answerer = lambda row, ask: ask(),
) -> list[ScoredAnswer]:
    """Each row's own question, asked about its image. `after_each` is told how many are done and may raise Stopped; `answer`
    may know the answer already."""
    cases = []
    for row in rows:
        said = answer(row, lambda row=row: predictor.predict(row.image(), row.question).findings)
        found = said and without_unjudged(said, row.findings)
        cases.append(ScoredAnswer(str(row.path), row.question, row.findings, found, row.group, weight_of(row)))
        after_each(len(cases))
    return cases


def weight_of(row: Row) -> float:
    """GLANCE where the truth is an answer that was accepted as it stood, which favours the model that gave it; else 1."""
    return GLANCE if row.predicted is not None and _shown(row.predicted) == _shown(row.findings) else 1.0


def _shown(findings: Findings) -> tuple[set[tuple[str, Shape]], dict[str, int]]:
    return {(m.label, m.shape) for m in findings.marks}, dict(findings.stated)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several models on the same rows: what each scored, how the score changed to the candidate's from each other one,
    the images they were measured on (sha256 with likeness), and what the candidate reports on blank images. Per label the
    false alarms where reviewed images show none, and how often something is answered with none. `chosen`: thresholds of the
    candidate, which hold for all that is said of it. `image_free`: what its answers are worth without the image."""

    evaluations: dict[str, Evaluation]
    changes: dict[str, Estimate | None]
    held_out: dict[str, str]
    blank_marks: int
    answers: Mapping[str, Sequence[ScoredAnswer]] = field(default_factory=dict)
    """what each said; not kept in metrics.json"""
    negatives: dict[str, Paired] = field(default_factory=dict)
    zero_cases: Paired | None = None
    failures: Mapping[str, Sequence[Failure]] = field(default_factory=dict)
    """what the candidate does worse than each other one"""
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    image_free: ImageFree | None = None

    def to_json(self) -> dict[str, object]:
        """What metrics.json and the registry keep; `n` is the number of images, `edits` the work that the answers leave."""
        n = max((e.n for e in self.evaluations.values()), default=0)
        changes = {name: change and asdict(change) for name, change in self.changes.items()}
        measured = {name: e.to_json() for name, e in self.evaluations.items()}
        asked = [*self.answers.values()][-1] if self.answers else []
        edits = describe_edits(self.answers, list(self.answers)[-1]) if self.answers else {}
        return {
            **measured,
            "n": n,
            "changes": changes,
            "held_out": self.held_out,
            "as_answered": {"n": sum(c.weight < 1 for c in asked), "of": len(asked)},
            "blank_marks": self.blank_marks,
            "edits": edits,
            "images": count_changes(self.answers, list(self.answers)[-1]) if self.answers else {},
            "negatives": {label: found.to_json() for label, found in self.negatives.items()},
            "zero_cases": self.zero_cases and self.zero_cases.to_json(),
            "failures": {name: [one.to_json() for one in found] for name, found in self.failures.items()},
            "image_free": self.image_free and self.image_free.to_json(),
        }


def compare(
    qwen: Qwen,
    rows: Sequence[Row],
    adapters: Mapping[str, Wanted],
    *,
    report: Report = lambda text: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = unseen,
    experts: Experts = NOBODY,
    choose: Choose = lambda cases: {},
    looks: int = 1,
    kept: KeptAnswers | None = None,
) -> Comparison:
    """Each named adapter or route (AdapterRef() is the base alone) on the same rows; equal ones are measured once. The last one
    named is the candidate. `choose` finds its thresholds in what it said about the rows and about clean pieces of them. Every
    answer is voted from so many `looks`.

    Answers that are `kept` are not asked for again. `report` gets a sentence after each answer; when `stop` says so, Stopped is
    raised. What is measured is what serves: `experts` stand beside the model, but an adapter goes before them for what it was
    corrected on.
    """
    routes = {name: routed(wanted) for name, wanted in adapters.items()}
    asked = list(dict.fromkeys(label for row in rows for label in row.question.labels))
    serving = [Route()]
    inside = ExpertPredictor(LocalPredictor(lambda: qwen, lambda: serving[0]), experts, lambda: serving[0], qwen.name)
    predictor = VotePredictor(inside, looks)
    given = qwen.folder, looks, sorted((label, repr(m)) for label, m in experts.about(asked).items())
    answers: dict[Route, list[ScoredAnswer]] = {}
    beside: dict[Route, list[ScoredAnswer]] = {}
    seconds: dict[Route, float] = {}
    for wanted in dict.fromkeys(routes.values()):
        serving[0], started = wanted, time.monotonic()
        answers[wanted] = ask(predictor, rows, _watch(wanted, len(rows), report, stop, progress), _known(kept, wanted, given))
        seconds[wanted] = round(time.monotonic() - started, 1)
        beside[wanted] = ask_beside(predictor, rows, stop)
    *_, candidate = routes
    serving[0] = last = routes[candidate]
    chosen = choose([*answers[last], *beside[last]])
    below = {label: found.threshold for label, found in chosen.items()}
    answers[last], beside[last] = (doubted(cases, below) for cases in (answers[last], beside[last]))
    names = {w: _who(qwen.name, rows, w, experts) for w in answers}
    measured = {w: evaluate(a, model=names[w], adapter=w.names(asked), seconds=seconds[w]) for w, a in answers.items()}
    done = {w: replace(e, looks=looks) for w, e in measured.items()}
    said = {name: answers[wanted] for name, wanted in routes.items()}
    clean = {name: [*said[name], *beside[wanted]] for name, wanted in routes.items()}
    found = compared({name: done[wanted] for name, wanted in routes.items()}, said, clean)
    blanks = marks_on_blanks(predictor, rows, below)
    shuffled = image_free(predictor, rows, said[candidate], below)
    return replace(found, held_out=likenesses(rows), blank_marks=blanks, chosen=chosen, image_free=shuffled)


def _known(kept: KeptAnswers | None, wanted: Route, given: tuple[Any, ...]) -> Answerer:
    """Of the answers that are kept those by these weights."""
    if kept is None:
        return lambda row, ask: ask()
    weights = weights_of(given[0], wanted, *given[1:])
    return lambda row, ask: kept.answer(weights, row, ask)


def compared(
    evaluations: Mapping[str, Evaluation], said: Mapping[str, Sequence[ScoredAnswer]], clean: Mapping[str, Sequence[ScoredAnswer]]
) -> Comparison:
    """What follows from answers alone: `said` about the rows, `clean` about the rows and clean pieces of them, by model."""
    *others, candidate = said
    changes = {name: change(said[name], said[candidate]) for name in others}
    negatives, missed = false_alarms(clean), zero_cases(said)
    return Comparison(dict(evaluations), changes, {}, 0, dict(said), negatives, missed, failures(said, clean))


def _who(model: str, rows: Sequence[Row], wanted: Route, experts: Experts) -> str:
    """The model's name, and those of the experts that answered beside it."""
    beside = {name for question in {row.question for row in rows} for name in share(question, wanted, experts).experts}
    return " + ".join([model, *sorted(beside)])


def ask_beside(predictor: Predictor, rows: Sequence[Row], stop: Callable[[], bool] = lambda: False) -> list[ScoredAnswer]:
    """Each row's own question, asked about a piece of its image that shows none of it; of at most MOST_PIECES, evenly spread."""
    pieces = clean_pieces(rows)
    cases = []
    for piece in pieces[:: -(-len(pieces) // MOST_PIECES) or 1]:
        if stop():
            raise Stopped
        cases.append(piece.asked(predictor))
    return cases


def doubted(cases: Sequence[ScoredAnswer], below: Thresholds) -> list[ScoredAnswer]:
    """The answers as they would have been given with these thresholds too."""
    return [replace(c, predicted=c.predicted and with_doubts(c.predicted, below)) for c in cases]


def marks_on_blanks(predictor: Predictor, rows: Sequence[Row], below: Thresholds) -> int:
    """Objects reported on blank images, asked as the first row of each set of labels asks. Not those `below` a threshold."""
    from PIL import Image

    questions = list(dict.fromkeys(row.question for row in rows))[:MOST_QUESTIONS]
    asked = [(q, Image.fromarray(b)) for q in questions for b in blank_images(BLANKS)]
    found = [(q, predictor.predict(image, q).findings) for q, image in asked]
    return sum(with_doubts(f, below).count(q.task) for q, f in found if f)


def _watch(wanted: Route, total: int, report: Report, stop: Callable[[], bool], progress: Progress) -> Callable[[int], None]:
    def after_each(done: int) -> None:
        progress(f"Measuring {wanted.name or 'the base model'}", done, total)
        if stop():
            raise Stopped
        report(f"Measuring {wanted.name or 'the base model'}: {done} of {total} held-out questions.")

    return after_each
