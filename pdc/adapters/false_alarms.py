"""Findings of a label where there is none, when what serves never finds it, so that nothing can be compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.adapters.assessable import Metrics
from pdc.adapters.measured_failures import answers
from pdc.domain.message import Message

MOST_ALARMS = 0.10  # of a label of which what serves says nothing: the lower 95 % bound may not be above it
NEW_ALARMS = (
    "It finds '{label}' where there is none, on {now} of {n} images and pieces of images, with a 95 % interval from {low} to "
    "{high}; the lower end may not be above {margin}."
)


def alarms_of_new_labels(metrics: Metrics, side: str) -> Iterator[Message]:
    """An objection for each label that only the candidate finds, and that it finds too often where reviewed images show none."""
    for label, found in (metrics.get("negatives") or {}).items():
        now = found["shares"]["candidate"]
        if not answers(metrics[side], label) and now["low"] > MOST_ALARMS:
            share, low, high = (_percent(now[key]) for key in ("value", "low", "high"))
            yield Message(NEW_ALARMS, label=label, n=found["n"], now=share, low=low, high=high, margin=_percent(MOST_ALARMS))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
