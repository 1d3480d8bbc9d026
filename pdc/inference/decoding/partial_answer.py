"""The partial-answer parser: of a half-written answer, the marks that are complete and the one being written.

It reads a prefix of JSON, which no JSON parser does, and runs after every pass; so it works with regular expressions. The
drafter, the confidence and the marks that stream to the screen all stand on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pdc.domain.prompts import COMPACT, MAX_COUNT
from pdc.domain.values import Box, Point, Question

# Six digits at most: a server's text may hold anything, and these become numbers.
SHAPE = re.compile(r"\[\d{1,6}, ?\d{1,6}(?:, ?\d{1,6}, ?\d{1,6})?\]", re.ASCII)
_LABEL = re.compile(r'("label": ?")([^"]*)("?)')
_OPEN = re.compile(r"\[(\d{1,6}(?:, ?\d{1,6})*)?(?:, ?)?$", re.ASCII)


@dataclass(frozen=True, slots=True)
class PartialMark:
    """A complete mark of a half-written answer: its label, its numbers as written, and where its brackets stand in the text."""

    label: str
    numbers: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PartialAnswer:
    """A half-written answer, parsed: its complete marks, and what is being written.

    `label` is the one whose list is under way, or None; `begun` the numbers of the unfinished shape, or None. `count` is
    the number of marks that was stated before the list. In a `flat` list a mark of any later label may follow.
    """

    marks: tuple[PartialMark, ...]
    label: str | None
    begun: tuple[int, ...] | None
    count: int | None = None
    flat: bool = False


def without_labels(text: str) -> str:
    """The text with every label's own characters blanked, so that a label can never be taken for a shape."""
    return _LABEL.sub(lambda m: m[1] + " " * len(m[2]) + m[3], text)


def find_shapes(text: str) -> list[re.Match[str]]:
    """The complete shapes in the text, `[x,y]` or `[x1,y1,x2,y2]`, in order."""
    return list(SHAPE.finditer(without_labels(text)))


def read_partial(question: Question, text: str, style: str) -> PartialAnswer:
    """Read a prefix of an answer in either style. In the paper's flat list a mark counts once its label is known."""
    task = question.task
    if not task.has_marks:
        return PartialAnswer((), _current(question, text.count('"label"')), None)
    if style != COMPACT and not task.states_count:
        return _flat(question, text)
    marks: list[PartialMark] = []
    label, begun, count = None, None, None
    for i, (start, part) in enumerate(_parts(text, _opener(style))):
        label = _current(question, i + 1)
        if label is None:
            break
        shapes = list(SHAPE.finditer(part))
        marks += [PartialMark(label, _numbers(m[0]), start + m.start(), start + m.end()) for m in shapes]
        begun = _begun(part[shapes[-1].end() if shapes else 0 :])
        stated = re.search(r'"counts": (\d{1,6}),', part)
        count = int(stated[1]) if stated and style != COMPACT else None
    return PartialAnswer(tuple(marks), label, begun, count)


def stated_counts(question: Question, text: str, style: str) -> dict[str, int]:
    """The count of each label that a half-written answer has stated in full."""
    counts: dict[str, int] = {}
    for i, (_, part) in enumerate(_parts(text, _opener(style))):
        label, stated = _current(question, i + 1), re.search(r'"counts": ?(\d{1,6})[,}]', part)
        if question.task.states_count and label and stated and int(stated[1]) <= MAX_COUNT:
            counts[label] = int(stated[1])
    return counts


def _opener(style: str) -> str:
    """The key with which each label's object begins."""
    return '"label"' if style == COMPACT else '"counts"'


def _parts(text: str, opener: str) -> list[tuple[int, str]]:
    """(where it starts, the text) of each label's object."""
    blank = without_labels(text)
    starts = [m.start() for m in re.finditer(re.escape(opener), blank)]
    return [(a, blank[a:b]) for a, b in zip(starts, [*starts[1:], len(blank)], strict=False)]


def _current(question: Question, nth: int) -> str | None:
    """The label of the nth object, from 1: the grammar keeps the question's order."""
    return question.labels[nth - 1] if 1 <= nth <= len(question.labels) else None


def _flat(question: Question, text: str) -> PartialAnswer:
    """A list of {shape, label}: the label comes last, so a shape without one is still begun."""
    blank, marks, last, begun, end = without_labels(text), [], question.labels[0], None, 0
    for shape in SHAPE.finditer(blank):
        named = re.match(r', "label": "([^"]*)"', text[shape.end() :])
        end, begun = shape.end(), None if named else _numbers(shape[0])
        if named and named[1] in question.labels:
            last = named[1]
            marks.append(PartialMark(last, _numbers(shape[0]), *shape.span()))
    return PartialAnswer(tuple(marks), last, begun or _begun(blank[end:], flat=True), flat=True)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def _begun(tail: str, flat: bool = False) -> tuple[int, ...] | None:
    """The numbers of a shape that is open at the end of the text. An opened list with no shape in it is not one."""
    opened = _OPEN.search(tail)
    if not opened or (opened[1] is None and not re.search(r'": \[$' if flat else r"[\[,]\s*\[$", tail)):
        return None
    return _numbers(opened[0])


def shape_of(numbers: Sequence[int]) -> Box | Point:
    """A point of two numbers, a box of four; corners in either order, as `pdc.domain.prompts.parse` reads them."""
    if len(numbers) == 2:
        return Point(*map(float, numbers))
    x1, y1, x2, y2 = map(float, numbers)
    return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
