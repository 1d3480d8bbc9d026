"""Which failures are measured: per task and per label, as the paper and its neighbours name them.

zero_case     the share of images with objects that are answered "none", per task
unreadable    the share of answers that cannot be read, per task
count_mae     the mean absolute error of the count, per task, and per label where there are several
count_rmse    the root of its mean square, which a few wild counts raise
f1            of the marks, per task where several tasks have marks: points within their radius, boxes by IoU
recall        of the marks, per label
false_alarms  the share of images and pieces without the label on which it is found

Answers weigh as `ScoredAnswer.weight` says: where the truth is an answer that somebody accepted as it stood, it favours the
model that gave it, so such images count less, in the numbers and in every draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from finetune.evaluate.bootstrap import Group
from finetune.evaluate.failures.paired import Failure, Kind, Measure, failure
from finetune.evaluate.false_alarms import alarms
from finetune.evaluate.metrics import (
    ABSOLUTE,
    ANSWERS,
    COUNTS,
    MATCHED,
    PREDICTED,
    SQUARED,
    TRUE,
    UNREADABLE,
    WITH,
    ZERO,
    Ruler,
    ScoredAnswer,
    groups_of,
    sums_by_image,
    weighed,
)

Cases = Sequence[ScoredAnswer]


def _share(part: int, whole: int) -> Measure:
    return lambda sums: (sums[..., part], sums[..., whole])


def _f1(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 2 * sums[..., MATCHED], sums[..., PREDICTED] + sums[..., TRUE]


COUNT_MAE = Kind("count_mae", _share(ABSOLUTE, COUNTS))
COUNT_RMSE = Kind("count_rmse", _share(SQUARED, COUNTS), root=True)
ZERO_CASE, UNREAD = Kind("zero_case", _share(ZERO, WITH)), Kind("unreadable", _share(UNREADABLE, ANSWERS))
F1, RECALL = Kind("f1", _f1, higher=False), Kind("recall", _share(MATCHED, TRUE), higher=False)
FALSE_ALARMS = Kind("false_alarms", _share(0, 1))


def failures(answers: Mapping[str, Cases], negatives: Mapping[str, Cases] | None = None) -> dict[str, list[Failure]]:
    """What the last model does worse than each other one, by that one's name. `answers` are about the same rows; `negatives`
    about the same rows and clean pieces of them."""
    *others, last = answers
    of = {name: _Sums(cases) for name, cases in answers.items()}
    clean = negatives or answers
    return {name: [*_compared(of[name], of[last]), *_alarms(clean[name], clean[last])] for name in others}


class _Sums:
    """The sums of each image, by task and label; made once a model."""

    def __init__(self, cases: Cases) -> None:
        self.cases, self.ruler = cases, Ruler()
        self.tasks = sorted({case.question.task for case in cases})
        self.labels = sorted({label for case in cases for label in case.question.labels})
        self.by_task = {str(task): self._table([c for c in cases if c.question.task is task]) for task in self.tasks}
        self.by_label = {label: self._table([c for c in cases if label in c.question.labels], label) for label in self.labels}

    def _table(self, cases: Cases, label: str | None = None) -> tuple[np.ndarray, list[Group]]:
        return sums_by_image(cases, lambda case: weighed(case, self.ruler, label)), list(groups_of(cases))


def _compared(before: _Sums, after: _Sums) -> Iterator[Failure]:
    marked = [task for task in after.tasks if task.has_marks]
    for task in after.tasks:
        kinds = [ZERO_CASE, UNREAD, COUNT_MAE, COUNT_RMSE, *([F1] if len(marked) > 1 and task.has_marks else [])]
        (old, groups), (new, _) = before.by_task[task], after.by_task[task]
        yield from _known(failure(kind, old, new, groups, task=str(task)) for kind in kinds)
    for label in after.labels:
        kinds = [RECALL, *([COUNT_MAE, COUNT_RMSE] if len(after.labels) > 1 else [])]
        (old, groups), (new, _) = before.by_label[label], after.by_label[label]
        yield from _known(failure(kind, old, new, groups, label=label) for kind in kinds)


def _alarms(before: Cases, after: Cases) -> Iterator[Failure]:
    for label in sorted({label for case in after for label in case.question.labels}):
        old, new = ([*alarms(cases, label)] for cases in (before, after))
        groups = [case.group for case, _ in new]
        before_and_after = [np.array([(c.weight * bad, c.weight) for c, bad in some], float) for some in (old, new)]
        if new:
            yield from _known([failure(FALSE_ALARMS, before_and_after[0], before_and_after[1], groups, label=label)])


def _known(found: Iterator[Failure | None] | list[Failure | None]) -> Iterator[Failure]:
    return (one for one in found if one is not None)
