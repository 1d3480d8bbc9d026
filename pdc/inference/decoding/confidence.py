"""How sure the model is of each mark and of the count, read from the probabilities of the tokens that said them.

Three signals a mark: that there is another mark of this label at all (the branch between going on and closing the list,
and the label where it is a choice), its coordinates (the mass near each number), and whether the dense head, asked on its
own, sees the same object there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from pdc.domain.geometry import distance, iou
from pdc.domain.matching import AGREEMENT_PIXELS
from pdc.domain.values import Box, Findings, Mark, Question
from pdc.inference.decoding.partial_answer import PartialMark, read_partial, shape_of, without_labels
from pdc.inference.types import Decoded, DenseOpinion, TokenStep

_LABELLED = re.compile(r', "label": "[^"]*"')
ALONE = 0.02  # agreement of a mark that the dense head does not see
TRUST = 0.8  # weight of the second opinion: on unseen images it tells right marks from wrong ones better than the tokens do


@dataclass(frozen=True, slots=True)
class ConfidenceSignals:
    """Each 0 to 1; `agreement` is None when there is no second opinion."""

    exists: float
    coordinates: float
    agreement: float | None

    @property
    def score(self) -> float:
        """The signals as one number. Says which marks are surer than others; what share is right, calibration says."""
        said = self.exists * self.coordinates
        return said if self.agreement is None else said ** (1 - TRUST) * max(self.agreement, ALONE) ** TRUST


def with_scores(findings: Findings, question: Question, decoded: Decoded, style: str) -> Findings:
    """The findings of the whole answer with a score per mark, uncalibrated."""
    signals = mark_signals(question, decoded, style) if _known(decoded) else []
    if len(signals) != len(findings.marks):
        return findings
    marks = tuple(replace(m, score=round(s.score, 4)) for m, s in zip(findings.marks, signals, strict=True))
    return replace(findings, marks=marks)


def partial_findings(question: Question, decoded: Decoded, style: str) -> Findings:
    """The complete marks of a half-written answer, in the model's frame, each with its score."""
    said = read_partial(question, decoded.text, style).marks
    marks = tuple(Mark(f"m{i}", shape_of(s.numbers), s.label) for i, s in enumerate(said, start=1))
    return with_scores(Findings(marks), question, decoded, style)


def _known(decoded: Decoded) -> bool:
    """Whether anything speaks for or against a mark: a server may keep its probabilities to itself."""
    return bool(decoded.steps) or decoded.second_opinion is not None


def mark_signals(question: Question, decoded: Decoded, style: str) -> list[ConfidenceSignals]:
    """Of every complete mark, in the answer's order."""
    so_far, ends, before, signals = read_partial(question, decoded.text, style), _ends(decoded.steps), 0, []
    for said in so_far.marks:
        inside = _between(decoded, ends, said.start, said.end - 1)
        numbers = [s.probability for s in inside[1:] if s.text.strip().isdigit()]
        exists = inside[0].probability if inside else 1.0
        if so_far.flat:  # the branch lies before the key, and the label, a choice of its own, comes after the shape
            label = _LABELLED.match(decoded.text, said.end)
            opening, naming = _between(decoded, ends, before, said.start), _between(decoded, ends, said.end, label.end())
            exists, before = prod(s.probability for s in (*opening, *inside[:1], *naming)), label.end()
        coordinates = prod(numbers) ** (1 / max(len(numbers), 1))
        signals.append(ConfidenceSignals(exists, coordinates, _agreement(said, decoded.second_opinion)))
    return signals


def _between(decoded: Decoded, ends: Sequence[int], start: int, end: int) -> list[TokenStep]:
    """Steps whose text ends after `start` and not after `end`."""
    return [s for s, at in zip(decoded.steps, ends, strict=True) if start < at <= end]


def _agreement(said: PartialMark, opinion: DenseOpinion | None) -> float | None:
    """The dense head's score of the object that lies best over the mark, times how well it does; None where it has no say."""
    if opinion is None or said.label not in opinion:
        return None
    return max((p.score * _overlap(said.numbers, p.numbers) for p in opinion[said.label]), default=0.0)


def _overlap(a: Sequence[int], b: Sequence[int]) -> float:
    first, second = shape_of(a), shape_of(b)
    if isinstance(first, Box) and isinstance(second, Box):
        return iou(first, second) ** 0.5
    return max(0.0, 1 - distance(first, second) / AGREEMENT_PIXELS)


def count_distribution(question: Question, decoded: Decoded, style: str) -> dict[str, Mapping[int, float]]:
    """Per label: the probability of each count up to the one said, and under said + 1 that of any larger one.

    It follows the list as it was written: how likely it was to stop after none, one, two marks, and so on. Empty for a
    task without marks, for the paper's flat list, in which labels take turns, and where no probabilities are known.
    """
    so_far = read_partial(question, decoded.text, style)
    if not question.task.has_marks or so_far.flat or not decoded.steps:
        return {}
    goes_on = _branches(decoded)
    counts: dict[str, Mapping[int, float]] = {}
    for label in question.labels:
        mine = [s for s in so_far.marks if s.label == label]
        first, counted = _list_start(question, decoded.text, label), 1.0
        odds: dict[int, float] = {}
        for n, at in enumerate([first, *(s.end for s in mine)]):
            more = goes_on(at)
            odds[n], counted = counted * (1 - more), counted * more
        counts[label] = {**odds, len(mine) + 1: counted}
    return counts


def _branches(decoded: Decoded):
    """position in the text -> the probability that the list goes on there."""
    ends = _ends(decoded.steps)

    def goes_on(at: int) -> float:
        step = next((s for s, end in zip(decoded.steps, ends, strict=True) if end > at), None)
        return min(max(step.more, 0.0), 1.0) if step else 0.0

    return goes_on


def _list_start(question: Question, text: str, label: str) -> int:
    """Where in the text the label's list has its first character."""
    blank, at = without_labels(text), -1
    for _ in range(question.labels.index(label) + 1):
        at = blank.find("_2d", at + 1)
    return blank.find("[", at) + 1 if at >= 0 else len(text)


def _ends(steps: Sequence[TokenStep]) -> list[int]:
    ends, position = [], 0
    for step in steps:
        position += len(step.text)
        ends.append(position)
    return ends
