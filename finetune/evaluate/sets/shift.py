"""How an adapter holds on images from elsewhere, by the numbers that SURE-VQA asks for (Kahl et al. 2025, arXiv 2411.19688).

Relative robustness   the score on a test set / the score on the held-out images, which are like those it was trained on: 1 says
                      that nothing is lost. The two are measured on different images, so the interval of their ratio comes from
                      both intervals by the delta method on the logarithm: half its width is the root of the squared halves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp, hypot, log
from typing import Any

from finetune.evaluate.bootstrap import Estimate

SIDES = {"base": "base", "active": "served then", "candidate": "this adapter"}
Metrics = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """What is left of one model's score on one set."""

    test_set: str
    side: str
    ratio: Estimate


def relative_robustness(metrics: Metrics) -> Iterator[Held]:
    """Of each model on each set that was measured; none where a score is 0 or is not of the same kind."""
    for name, found in (metrics.get("sets") or {}).items():
        for side in SIDES:
            here, there = (_score(some.get(side)) for some in (metrics, found))
            if here and there and here[0] == there[0] and (left := ratio(there[1], here[1])):
                yield Held(name, side, left)


def ratio(part: Estimate, whole: Estimate) -> Estimate | None:
    """part / whole of estimates from different images; None where either is not above 0."""
    if part.value <= 0 or whole.value <= 0:
        return None
    half = hypot(_log_half(part), _log_half(whole))
    value = part.value / whole.value
    return Estimate(value, exp(log(value) - half), exp(log(value) + half))


def _log_half(e: Estimate) -> float:
    """Half the width of the interval of the logarithm, to first order."""
    return (e.high - e.low) / (2 * e.value)


def _score(evaluation: Any) -> tuple[str, Estimate] | None:
    """What is scored, and how well."""
    if not evaluation:
        return None
    overall = evaluation["overall"]
    found = overall.get("f1") or overall.get("within_1")
    return (evaluation["score_name"], Estimate(**found)) if found else None
