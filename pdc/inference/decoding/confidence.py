"""The confidence of each mark, and of the end of each list, from the probabilities of the tokens that wrote them.

A mark has three signals, each 0 to 1:

    exists       p(another mark): at the branch between going on and closing the list; times p(label) where that is a choice
    coordinates  geometric mean over its numbers of the probability mass near each (`Vocabulary.confidence`)
    agreement    max over the dense head's proposals of score * overlap: a second opinion, from the same visual tokens

    score = (exists * coordinates)^(1 - w) * max(agreement, floor)^w        w = OPINION_WEIGHT, floor = UNSEEN

The score is a weighted geometric mean. It ranks marks; what share of a score is right, calibration says later, and what a
count is worth `pdc.domain.certainty.counts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from pdc.domain.geometry import distance, iou
from pdc.domain.matching import AGREEMENT_PIXELS
from pdc.domain.values import Box, Findings, Mark, Question
from pdc.inference.decoding.partial_answer import PartialMark, read_partial, shape_of, stated_counts, without_labels
from pdc.inference.types import Decoded, DenseOpinion, TokenStep

_LABELLED = re.compile(r', "label": "[^"]*"')
UNSEEN = 0.02  # agreement of a mark that the dense head does not see
OPINION_WEIGHT = 0.8  # on unseen images the second opinion tells right marks from wrong ones better than the tokens do


@dataclass(frozen=True, slots=True)
class ConfidenceSignals:
    """What speaks for a mark, each 0 to 1; `agreement` is None when there is no second opinion."""

    exists: float
    coordinates: float
    agreement: float | None

    @property
    def score(self) -> float:
        """The signals as one number, by the formula above; uncalibrated."""
        tokens = self.exists * self.coordinates
        if self.agreement is None:
            return tokens
        return tokens ** (1 - OPINION_WEIGHT) * max(self.agreement, UNSEEN) ** OPINION_WEIGHT


def with_scores(findings: Findings, question: Question, decoded: Decoded, style: str) -> Findings:
    """The findings of the whole answer with a score per mark, uncalibrated."""
    signals = mark_signals(question, decoded, style) if _known(decoded) else []
    if len(signals) != len(findings.marks):
        return findings
    marks = tuple(replace(m, score=round(s.score, 4)) for m, s in zip(findings.marks, signals, strict=True))
    return replace(findings, marks=marks)


def partial_findings(question: Question, decoded: Decoded, style: str) -> Findings:
    """The complete marks of a half-written answer, in the model's frame, each with its score."""
    written = read_partial(question, decoded.text, style).marks
    marks = tuple(Mark(f"m{i}", shape_of(m.numbers), m.label) for i, m in enumerate(written, start=1))
    return with_scores(Findings(marks), question, decoded, style)


def cut_findings(question: Question, decoded: Decoded, style: str) -> Findings:
    """What an answer that was cut by its length had said in full: marks with their scores, and counts."""
    return replace(partial_findings(question, decoded, style), stated=stated_counts(question, decoded.text, style))


def _known(decoded: Decoded) -> bool:
    """Whether anything speaks for or against a mark: a server may keep its probabilities to itself."""
    return bool(decoded.steps) or decoded.second_opinion is not None


def mark_signals(question: Question, decoded: Decoded, style: str) -> list[ConfidenceSignals]:
    """The signals of every complete mark, in the answer's order."""
    so_far, ends, before, signals = read_partial(question, decoded.text, style), _ends(decoded.steps), 0, []
    for mark in so_far.marks:
        # The token that opens the shape (`[`, `],[`) is the one chosen over closing the list.
        inside = _between(decoded, ends, mark.start, mark.end - 1)
        numbers = [s.probability for s in inside[1:] if s.text.strip().isdigit()]
        exists = inside[0].probability if inside else 1.0
        if so_far.flat:  # the branch lies before the key, and the label, a choice of its own, comes after the shape
            label = _LABELLED.match(decoded.text, mark.end)
            assert label is not None, "in a flat list a mark is complete once its label is"
            opening, naming = _between(decoded, ends, before, mark.start), _between(decoded, ends, mark.end, label.end())
            exists, before = prod(s.probability for s in (*opening, *inside[:1], *naming)), label.end()
        coordinates = prod(numbers) ** (1 / max(len(numbers), 1))
        signals.append(ConfidenceSignals(exists, coordinates, _agreement(mark, decoded.second_opinion)))
    return signals


def _between(decoded: Decoded, ends: Sequence[int], start: int, end: int) -> list[TokenStep]:
    """Steps whose text ends after `start` and not after `end`."""
    return [step for step, step_end in zip(decoded.steps, ends, strict=True) if start < step_end <= end]


def _agreement(mark: PartialMark, opinion: DenseOpinion | None) -> float | None:
    """The best score * overlap among the dense head's proposals; None where it does not know the label."""
    if opinion is None or mark.label not in opinion:
        return None
    return max((p.score * _overlap(mark.numbers, p.numbers) for p in opinion[mark.label]), default=0.0)


def _overlap(a: Sequence[int], b: Sequence[int]) -> float:
    """How much two shapes agree, 0 to 1: sqrt(IoU) of boxes; of points 1 at no distance, 0 from FAR_PIXELS on."""
    first, second = shape_of(a), shape_of(b)
    if isinstance(first, Box) and isinstance(second, Box):
        return iou(first, second) ** 0.5
    return max(0.0, 1 - distance(first, second) / AGREEMENT_PIXELS)


def chance_of_more(question: Question, decoded: Decoded, style: str) -> dict[str, float]:
    """Per label: the probability, 0 to 1, that its list goes on after its last mark, as the model that wrote it has it.

    Empty for a task without marks, for the paper's flat list, in which labels take turns, and where no probabilities are known.
    """
    so_far = read_partial(question, decoded.text, style)
    if not question.task.has_marks or so_far.flat or not decoded.steps:
        return {}
    last = {m.label: m.end for m in so_far.marks}
    continues = _continue_probability(decoded)
    return {label: continues(last.get(label, _list_start(question, decoded.text, label))) for label in question.labels}


def _continue_probability(decoded: Decoded) -> Callable[[int], float]:
    """A function: position in the text -> the probability that the list goes on there."""
    ends = _ends(decoded.steps)

    def continues(at: int) -> float:
        step = next((s for s, end in zip(decoded.steps, ends, strict=True) if end > at), None)
        return min(max(step.continues, 0.0), 1.0) if step else 0.0

    return continues


def _list_start(question: Question, text: str, label: str) -> int:
    """Where in the text the label's list has its first character."""
    blank, at = without_labels(text), -1
    for _ in range(question.labels.index(label) + 1):
        at = blank.find("_2d", at + 1)
    return blank.find("[", at) + 1 if at >= 0 else len(text)


def _ends(steps: Sequence[TokenStep]) -> list[int]:
    """Where in the text each step's token ends."""
    ends, position = [], 0
    for step in steps:
        position += len(step.text)
        ends.append(position)
    return ends
