"""What each part of an answer weighs in the loss: by its task, by its label, and the stated counts by themselves.

An answer's characters weigh 1 times its task's factor; those of an object also its label's factor; those of a stated count also
the counts' factor. Rare labels weigh more with `label_balance` p > 0. With n objects and looks of a label, and their mean m:

    factor = given factor * (m / n)^p

p = 1 is inverse frequency, under which all labels weigh the same in all; p = 0 is off (Cui et al. 2019, arXiv 1901.05555).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING

from finetune.data.unjudged import COUNT
from pdc.domain.errors import BadSetting
from pdc.domain.values import Task
from pdc.training.config import TrainConfig

if TYPE_CHECKING:
    from finetune.data.dataset import Row

Weighed = tuple[int, int, float]  # from a character up to but not including another, and what each weighs
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Factors on the loss, by task and by label, and of stated counts; what is not named has 1."""

    tasks: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, float] = field(default_factory=dict)
    counts: float = 1.0

    def parts(self, task: Task, text: str) -> list[Weighed]:
        """The answer's parts with their weights, the later ones within the earlier."""
        whole = self.tasks.get(task, 1.0)
        found: list[Weighed] = [(0, len(text), whole)]
        for start, end, label in _objects(text):
            weight = whole * self.labels.get(label, 1.0)
            found.append((start, end, weight))
            found += [(*number.span(1), weight * self.counts) for number in COUNT.finditer(text, start, end)]
        return found


def loss_weights(config: TrainConfig, rows: Sequence[Row]) -> LossWeights:
    """The config's weights, for these reviews. BadSetting when it names a label that nobody was asked for."""
    asked = {label for row in rows for label in row.question.labels}
    if unknown := set(config.label_weights) - asked:
        raise BadSetting(
            "No review asks for {label}, so it cannot weigh anything; use {labels}.",
            label=repr(min(unknown)),
            labels=", ".join(sorted(asked)),
        )
    balance = label_balance(rows, config.label_balance)
    labels = {label: factor * config.label_weights.get(label, 1.0) for label, factor in balance.items()}
    return LossWeights(config.task_weights, labels, config.count_weight)


def label_balance(rows: Sequence[Row], power: float) -> dict[str, float]:
    """Per label the factor (m / n)^power of n, its objects and the images asked for it."""
    n = Counter(label for row in rows for label in row.question.labels)
    n.update(m.label for row in rows for m in row.findings.marks if m.counts and m.label in n)
    usual = mean(n.values()) if n else 1.0
    return {label: (usual / number) ** power for label, number in n.items()}


def weigh_tokens(spans: Sequence[tuple[int, int]], parts: Sequence[Weighed]) -> list[float]:
    """What each token weighs, given its characters: as the last part that holds its first character. Outside of all, as the
    end of the turn is, it weighs as the whole answer, the first part."""
    return [next((weight for a, b, weight in reversed(parts) if a <= start < b), parts[0][2]) for start, _ in spans]


def _objects(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each object of an answer begins and ends, and its label."""
    start = text.find("{")
    while start >= 0:
        value, end = _DECODER.raw_decode(text, start)
        yield start, end, value["label"]
        start = text.find("{", end)
