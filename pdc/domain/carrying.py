"""What becomes of findings when the same image is asked another question: they stay, as that question shows them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pdc.domain.values import Aside, Box, Findings, Mark, Prediction, Question, Review, Task


def carried(findings: Findings, asked: Question, question: Question) -> Findings:
    """Findings about `asked`, as `question` shows them. Nothing is lost: carried back, they are what they were.

    Marks of labels that are not asked for are put aside, and come back with their label. A box becomes its centre where points
    are asked for, and a box again around the place where it is then; a point that never had a box stays one. When counting, all
    marks are put aside, and the numbers are theirs; a number that was typed stands where its label has no mark.
    """
    if question == asked:
        return findings
    kept = _with_own_ids((*findings.marks, *findings.aside.marks))
    stated = dict(findings.stated) if asked.task.has_marks is question.task.has_marks else {}
    typed = {**findings.aside.stated, **({} if asked.task.has_marks else findings.stated)}
    if not question.task.has_marks:
        numbers = _asked({**typed, **_numbers(kept), **stated}, question)
        unused = {label: n for label, n in typed.items() if label not in numbers}
        return replace(findings, marks=(), stated=numbers, aside=Aside(kept, unused))
    shown = tuple(_as_shape(m, question.task) for m in kept if m.label in question.labels)
    rest = tuple(m for m in kept if m.label not in question.labels)
    return replace(findings, marks=shown, stated=_asked(stated, question), aside=Aside(rest, typed))


def answer_to(prediction: Prediction, question: Question) -> Findings | None:
    """What the model found, as the answer to this question; None when that could not be read. It is silent about labels that it
    was not asked for (`unasked`)."""
    return prediction.findings and carried(prediction.findings, prediction.question, question)


def unasked(prediction: Prediction, question: Question) -> tuple[str, ...]:
    """The labels of a question that the model was not asked for, or of which it was only asked for the number."""
    if question.task.has_marks and not prediction.question.task.has_marks:
        return question.labels
    return tuple(label for label in question.labels if label not in prediction.question.labels)


def judged(prediction: Prediction, review: Review) -> tuple[Findings, Findings] | None:
    """What the model found, and what the reader made of it: of the labels that both are about, as the review's task shows it.

    None when there are none, or the answer could not be read.
    """
    silent = unasked(prediction, review.question)
    labels = tuple(label for label in review.question.labels if label not in silent)
    if prediction.findings is None or not labels:
        return None
    both = replace(review.question, labels=labels)
    return carried(prediction.findings, prediction.question, both), carried(review.findings, review.question, both)


def _as_shape(mark: Mark, task: Task) -> Mark:
    if task.has_points and isinstance(mark.shape, Box):
        return replace(mark, shape=mark.shape.center, extent=mark.shape)
    if task.has_boxes and mark.extent is not None:
        return replace(mark, shape=mark.body, extent=None)
    return mark


def _asked(numbers: Mapping[str, int], question: Question) -> dict[str, int]:
    return {label: numbers[label] for label in question.labels if label in numbers}


def _numbers(marks: Iterable[Mark]) -> dict[str, int]:
    """How many marks of each label count; 0 where there are only others."""
    numbers: dict[str, int] = {}
    for mark in marks:
        numbers[mark.label] = numbers.get(mark.label, 0) + mark.counts
    return numbers


def _with_own_ids(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """The marks, each with an id of its own: while one is put aside, another may be given its id."""
    taken: set[str] = set()
    return tuple(replace(m, id=free_id(m.id, taken)) for m in marks)


def free_id(id: str, taken: set[str]) -> str:
    """The id itself, or with a number behind it, when it is taken; it is taken from then on."""
    name, n = id, 2
    while name in taken:
        name, n = f"{id}-{n}", n + 1
    taken.add(name)
    return name
