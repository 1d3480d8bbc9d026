"""The failures that metrics hold, of the candidate against one side. Pure.

Adapters that were measured by an earlier version have no paired numbers. Theirs are put together from what each side has by
itself: the interval of a difference from the two intervals, by square and add (Newcombe 1998), which is wider than a paired one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from pdc.adapters.assessable import Metrics

FALSE_ALARMS = "false_alarms"
OF_TASKS = {"zero_case": 1, "unreadable": 1, "count_mae": 1, "f1": -1}  # 1: more is worse
OF_LABELS = {"recall": -1, "count_mae": 1}
DEVIATES = 1.96  # standard errors in half of a 95 % interval


@dataclass(frozen=True, slots=True)
class Failure:
    """A kind of failure of one task or label: its number `before` and `after`, by how much it got `worse` with its 95 % interval
    and standard error, on `n` images in `groups` groups."""

    kind: str
    task: str | None
    label: str | None
    n: int
    groups: int
    before: float
    after: float
    worse: float
    low: float
    high: float
    error: float


def measured(metrics: Metrics, side: str) -> list[Failure]:
    """Every failure, but findings of a label that the side never answers, with which nothing can be compared."""
    kept = metrics.get("failures")
    found = [Failure(**one) for one in kept.get(side, ())] if kept is not None else [*_unpaired(metrics, side)]
    return [f for f in found if f.kind != FALSE_ALARMS or answers(metrics[side], f.label or "")]


def answers(rival: Metrics, label: str) -> bool:
    """Whether a side finds the label anywhere."""
    zero = (rival.get("labels", {}).get(label) or {}).get("zero_case")
    return zero is None or zero["value"] < 1


def _unpaired(metrics: Metrics, side: str) -> Iterator[Failure]:
    candidate, rival = metrics["candidate"], metrics[side]
    tasks, labels = (candidate.get(name) or {} for name in ("tasks", "labels"))
    for task, now in tasks.items():
        yield from _of(now, (rival.get("tasks") or {}).get(task) or {}, OF_TASKS, task=task)
    if not tasks:
        yield from _of(candidate.get("overall") or {}, rival.get("overall") or {}, OF_TASKS)
    for label, now in labels.items():
        yield from _of(now, (rival.get("labels") or {}).get(label) or {}, OF_LABELS, label=label)
    for label, found in (metrics.get("negatives") or {}).items():
        yield from _paired(FALSE_ALARMS, found, side, label)
    if found := metrics.get("zero_cases"):
        yield from _paired("zero_case", found, side)


def _of(now: Metrics, before: Metrics, kinds: Mapping[str, int], **of: str | None) -> Iterator[Failure]:
    for kind, sign in kinds.items():
        new, old = _whole(now.get(kind)), _whole(before.get(kind))
        if new and old:
            yield _difference(kind, sign, new, old, now.get("images") or 1, now.get("groups"), of)


def _whole(estimate: Any) -> Metrics | None:
    """An estimate with its interval; what has none says too little."""
    return estimate if isinstance(estimate, Mapping) and {"value", "low", "high"} <= estimate.keys() else None


def _difference(kind: str, sign: int, new: Metrics, old: Metrics, n: int, groups: int | None, of: Mapping[str, Any]) -> Failure:
    worse = sign * (new["value"] - old["value"])
    ends = ("low", "high") if sign > 0 else ("high", "low")  # of the new one, where the worst of it is last
    low, high = (hypot(new[a] - new["value"], old[b] - old["value"]) for a, b in (ends, ends[::-1]))
    error = (low + high) / (2 * DEVIATES)
    known = {"task": None, "label": None, **of}
    before, after = old["value"], new["value"]
    return Failure(kind, known["task"], known["label"], n, groups or n, before, after, worse, worse - low, worse + high, error)


def _paired(kind: str, found: Metrics, side: str, label: str | None = None) -> Iterator[Failure]:
    """These two have been paired for longer."""
    change, shares = found["changes"].get(side), found["shares"]
    if change:
        low, high, n = change["low"], change["high"], found["n"]
        before, after = (shares[name]["value"] for name in (side, "candidate"))
        error = (high - low) / (2 * DEVIATES)
        yield Failure(kind, None, label, n, found["groups"], before, after, change["value"], low, high, error)
