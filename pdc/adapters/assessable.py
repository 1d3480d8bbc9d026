"""What the held-out images cannot say about an adapter: it speaks against nothing, and is said all the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pdc.domain.message import Message

ENOUGH_NEGATIVES = 30  # none wrong of so many: at most 10 % are, with 95 % confidence
NOT_MEASURED = "False alarms were not measured on real negatives; evaluate the adapter again."
NO_NEGATIVES = "No held-out image shows that there is no {label}, so its false alarms are not known."
FEW_NEGATIVES = "Whether {label} is found where there is none cannot be decided: {n} more negatives are needed."

Metrics = Mapping[str, Any]


def not_assessable(metrics: Metrics) -> list[str]:
    """Labels that were asked about and have no held-out mark, so that nothing can be said about them."""
    return [n for n, scores in _labels(metrics).items() if not scores["true_marks"]]


def notes(metrics: Metrics) -> list[Message]:
    """What is not known about false alarms, and what it takes to know."""
    return [*_unknown(metrics)] if "negatives" in metrics else [Message(NOT_MEASURED)]


def _unknown(metrics: Metrics) -> Iterator[Message]:
    for label in _labels(metrics):
        n = metrics["negatives"].get(label, {}).get("n", 0)
        if not n:
            yield Message(NO_NEGATIVES, label=label)
        elif n < ENOUGH_NEGATIVES:
            yield Message(FEW_NEGATIVES, label=label, n=ENOUGH_NEGATIVES - n)


def _labels(metrics: Metrics) -> Metrics:
    return (metrics.get("candidate") or {}).get("labels", {})
