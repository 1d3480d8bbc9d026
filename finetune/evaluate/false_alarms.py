"""What models say where reviewed images show nothing, and where they say nothing though there is something.

The negatives of a label are real, and of the kind that the model is asked about: whole images whose reader looked for it and
left none, and pieces that are cut from images beside every mark. Only complete reviews count. Pieces are cut beside boxes alone,
because it is not known how far an object reaches from its point. Each model answers the same negatives, so that changes are
drawn pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.data.dataset import Row
from finetune.evaluate.bootstrap import Estimate, Group, mean, units
from finetune.evaluate.metrics import ScoredAnswer
from finetune.evaluate.pieces import clean_piece
from finetune.evaluate.views import View
from pdc.domain.values import Box, Findings
from pdc.inference.predictors.base import Predictor

Cases = Sequence[ScoredAnswer]


@dataclass(frozen=True, slots=True)
class Paired:
    """How often each model did something wrong on the same `n` images and pieces, which belong to `groups` groups, and how that
    changed to the last model's from each other one's."""

    n: int
    groups: int
    shares: Mapping[str, Estimate]
    changes: Mapping[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        def plain(some: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
            return {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in some.items()}

        return {"n": self.n, "groups": self.groups, "shares": plain(self.shares), "changes": plain(self.changes)}


@dataclass(frozen=True, slots=True)
class CleanPiece:
    """A part of a reviewed image that shows none of what its row asks for."""

    row: Row
    view: View

    def asked(self, predictor: Predictor) -> ScoredAnswer:
        found = predictor.predict(self.view.image(), self.row.question).findings
        return ScoredAnswer(f"{self.row.path} {self.view.window}", self.row.question, Findings(), found, self.row.group)


def clean_pieces(rows: Sequence[Row]) -> list[CleanPiece]:
    """The largest piece beside all marks of each image, doubtful ones too; none where a mark is no box, or the review is not
    complete."""
    return [CleanPiece(row, View(row.path, window)) for row in rows if (window := _beside(row))]


def _beside(row: Row) -> tuple[int, int, int, int] | None:
    boxes = [m.shape for m in row.findings.marks if isinstance(m.shape, Box)]
    fit = row.findings.complete and row.question.task.has_boxes and boxes and len(boxes) == len(row.findings.marks)
    return clean_piece((row.width, row.height), boxes) if fit else None


def false_alarms(answers: Mapping[str, Cases]) -> dict[str, Paired]:
    """Per label: how often each model counts one where there is none. `answers`: about the same rows and pieces, by model."""
    labels = sorted({label for cases in answers.values() for case in cases for label in case.question.labels})
    found = {
        label: _paired({name: [(case.group, bad) for case, bad in alarms(cases, label)] for name, cases in answers.items()})
        for label in labels
    }
    return {label: paired for label, paired in found.items() if paired}


def zero_cases(answers: Mapping[str, Cases]) -> Paired | None:
    """How often each model says "none" where there is something; None without such an image."""
    return _paired({name: list(_missed(cases)) for name, cases in answers.items()})


def alarms(cases: Cases, label: str) -> Iterator[tuple[ScoredAnswer, bool]]:
    """The answers about what does not show the label, and whether each counts one."""
    for case in cases:
        if label in case.question.labels and _shows_none(case.true, label):
            yield case, _count(case, label) > 0


def _shows_none(true: Findings, label: str) -> bool:
    """Not where a mark was left doubtful: it may be one."""
    return not true.stated.get(label) and all(m.label != label for m in true.marks)


def _count(case: ScoredAnswer, label: str) -> int:
    return case.predicted.counts(case.question.task).get(label, 0) if case.predicted else 0


def _missed(cases: Cases) -> Iterator[tuple[Group, bool]]:
    for case in cases:
        if case.true.count(case.question.task):
            yield case.group, not case.predicted or not case.predicted.count(case.question.task)


def _paired(wrong: Mapping[str, Sequence[tuple[Group, bool]]]) -> Paired | None:
    *others, last = wrong
    if not wrong[last]:
        return None
    groups = [group for group, _ in wrong[last]]
    said = {name: [float(bad) for _, bad in some] for name, some in wrong.items()}
    changes = {name: mean([b - a for a, b in zip(said[name], said[last], strict=True)], groups=groups) for name in others}
    shares = {name: mean(values, groups=groups) for name, values in said.items()}
    return Paired(len(groups), len(units(groups)), _known(shares), _known(changes))


def _known(found: Mapping[str, Estimate | None]) -> dict[str, Estimate]:
    return {name: e for name, e in found.items() if e}
