"""How sure the model is of each mark."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from pdc.decoding.values import Decoded
from pdc.decoding.written import shape_of, shapes, written
from pdc.domain import Findings, Mark, Question


def with_scores(findings: Findings, decoded: Decoded) -> Findings:
    """The findings with a score per mark: P(another item) x the geometric mean over its coordinates. Uncalibrated."""
    scores = mark_scores(decoded)
    if len(scores) != len(findings.marks):
        return findings
    marks = tuple(replace(m, score=round(s, 4)) for m, s in zip(findings.marks, scores, strict=True))
    return replace(findings, marks=marks)


def partial(question: Question, decoded: Decoded, style: str) -> Findings:
    """The complete marks of a half-written answer, in the model's frame, each with its score."""
    said = written(question, decoded.text, style).marks
    scores = dict(zip((m.start() for m in shapes(decoded.text)), mark_scores(decoded), strict=True))
    marks = (Mark(f"m{i}", shape_of(s.numbers), s.label, score=round(scores[s.start], 4)) for i, s in enumerate(said, start=1))
    return Findings(tuple(marks))


def mark_scores(decoded: Decoded) -> list[float]:
    """One score per shape in the answer's text, in order."""
    ends, position = [], 0
    for step in decoded.steps:
        position += len(step.text)
        ends.append(position)
    scores = []
    for found in shapes(decoded.text):
        inside = [s for s, end in zip(decoded.steps, ends, strict=True) if found.start() < end <= found.end() - 1]
        exists = inside[0].probability
        numbers = [s.probability for s in inside[1:] if s.text.strip().isdigit()]
        scores.append(exists * prod(numbers) ** (1 / max(len(numbers), 1)))
    return scores
