"""What nobody judged: marks that the reader left doubtful, and what an image shows beyond an incomplete review.

Neither is an object to learn, nor background. A doubtful mark is written into the answer, so that those behind it are learnt as
they will be said, but its tokens have no loss; nor have the end of an incomplete list and a count that is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pdc.domain.matching import EVALUATION, UNJUDGED, Threshold
from pdc.domain.prompts import PAPER, answer, shape_key
from pdc.domain.values import Findings, Mark, Question, Status

Part = tuple[int, int]  # from a character up to but not including another
SHAPE = re.compile(r"\[\s*-?\d[^\[\]]*\]")
OBJECT = re.compile(r"\{[^{}]*\}")  # a shape with its label, in the paper's flat lists
COUNT = re.compile(r'"counts":\s*(\d+)')


@dataclass(frozen=True, slots=True)
class PartlyJudged:
    """An answer's text, and the parts of it that nobody judged, in characters, in order."""

    text: str
    unjudged: tuple[Part, ...] = ()


def partly_judged(question: Question, findings: Findings, style: str) -> PartlyJudged:
    """The answer with its doubtful marks in their places. `findings` are in the model's frame, in reading order."""
    shown = replace(findings, marks=tuple(replace(m, status=Status.OPEN) if _doubtful(m) else m for m in findings.marks))
    text = answer(question, shown, style)
    if judged_whole(findings):
        return PartlyJudged(text)
    marks = [[m for m in findings.marks if m.label == label and (m.counts or _doubtful(m))] for label in question.labels]
    return PartlyJudged(text, tuple(sorted({*_shapes(question, text, marks, style, findings), *_counts(text, marks, findings)})))


def judged_whole(findings: Findings) -> bool:
    """Whether the findings are all that the image shows."""
    return findings.complete and not any(map(_doubtful, findings.marks))


def judged(findings: Findings) -> Findings:
    """Without its doubtful marks."""
    return replace(findings, marks=tuple(m for m in findings.marks if not _doubtful(m)))


def _doubtful(mark: Mark) -> bool:
    return mark.status is Status.DOUBTFUL


def _shapes(question: Question, text: str, marks: Sequence[Sequence[Mark]], style: str, findings: Findings) -> Iterator[Part]:
    key = shape_key(question.task)
    if key is None:
        return
    flat = style == PAPER and not question.task.states_count
    lists = [(text.index("["), [m for named in marks for m in named])] if flat else _lists(text, key, marks)
    for start, listed in lists:
        end, pattern = start + 1, OBJECT if flat else SHAPE
        for mark in listed:
            found = pattern.search(text, end)
            assert found is not None  # the text lists every mark
            if _doubtful(mark):
                yield end, found.end()
            end = found.end()
        if not findings.complete:
            yield end if listed else start, text.index("]", end) + 1


def _lists(text: str, key: str, marks: Sequence[Sequence[Mark]]) -> Iterator[tuple[int, Sequence[Mark]]]:
    """Where each label's list begins, and its marks."""
    starts = (found.end() for found in re.finditer(rf'"{key}":\s*(?=\[)', text))
    return zip(starts, marks, strict=True)


def _counts(text: str, marks: Sequence[Sequence[Mark]], findings: Findings) -> Iterator[Part]:
    counts = list(COUNT.finditer(text))
    for found, named in zip(counts, marks, strict=bool(counts)):
        if not findings.complete or any(map(_doubtful, named)):
            yield found.span(1)


def without_unjudged(predicted: Findings, true: Findings) -> Findings:
    """The answer without marks that are about a doubtful mark, and about nothing that was judged."""
    doubtful = [m for m in true.marks if _doubtful(m)]
    judged = [m for m in true.marks if m.counts]
    kept = (m for m in predicted.marks if _any_same(EVALUATION, m, judged) or not _any_same(UNJUDGED, m, doubtful))
    return replace(predicted, marks=tuple(kept)) if doubtful else predicted


def _any_same(rule: Threshold, mark: Mark, others: Sequence[Mark]) -> bool:
    return any(other.label == mark.label and rule.same(other.shape, mark.shape) for other in others)
