"""What a candidate does worse than what serves: each failure of each task and label, weighed by one rule. Pure.

`worse` is by how much a number got worse, with a paired 95 % interval and its standard error; the margin is what may be lost.

fine       it got no worse, or the whole interval is within the margin
refused    it got worse by more than the margin, and that is no chance: the interval lies beyond the margin
undecided  it got worse by more than the margin, and that is no chance, but the interval reaches into the margin
too few    it got worse, or may have, and chance explains it; that is said, and does not stand in the way

No chance: so many numbers are looked at that some get worse by chance. With k numbers each must be sure to 1 - .05 / k, by
Student's t over images (Bonferroni, so that all of them together stop an equal candidate one time in twenty). What is worse
by two margins needs to be sure to .9 only: the graver the failure, the less proof is waited for. Two kinds are judged
otherwise. An unreadable answer has no chance in it, because answers are written under a grammar: any rise counts. Large count
errors are rare by nature, so that no interval is ever sure: the root of the mean square may at most double, and rise by 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log1p, sqrt
from statistics import NormalDist

from pdc.adapters.assessable import Metrics
from pdc.adapters.measured_failures import FALSE_ALARMS, Failure, measured
from pdc.domain.message import Message, joined

CHANCE = 0.05  # that a candidate as good as what serves is stopped by one of all numbers
GRAVE, GRAVE_SURE = 2, 0.9  # margins: what is worse by more needs to be as sure as this only
MOST_MISSING = 10  # times the images there are: more need not be told exactly
NEAR = 0.25  # of the margin: a number closer to it than this needs no more images than one that far from it
REFUSED = (
    "{what} got worse: {now} against {before} on {n} held-out images, by {worse} with a 95 % interval from {low} to {high}; at "
    "most {margin} is allowed."
)
UNDECIDED = (
    "{what} may have got worse by more than {margin}: {now} against {before} on {n} held-out images, by {worse} with a 95 % "
    "interval from {low} to {high}. That cannot be decided: {more} more held-out images are needed."
)
TOO_FEW = "On so few held-out images it cannot be decided whether something got worse. More are needed: {needs}."
NEED = "{n} for {what}"
ZERO_CASE = "The share of '{slice}' answered 'none' though something is there"
UNREADABLE = "The share of unreadable answers to '{slice}'"
COUNT_MAE = "The mean count error of '{slice}'"
COUNT_RMSE = "The count error of '{slice}' with its outliers (RMSE)"
F1 = "The F1 of '{slice}'"
RECALL = "The recall of '{slice}'"
ALARMS = "The share of images without '{slice}' on which it is found"


class Verdict(StrEnum):
    FINE = "fine"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    TOO_FEW = "too few"


class Proof(StrEnum):
    """What it takes to stop a candidate, once it is worse by more than the margin."""

    SURE = "sure beyond chance"
    ANY = "any rise"
    SIZE = "its size alone"


@dataclass(frozen=True, slots=True)
class Rule:
    """How much worse a kind of failure may get: `margin`, and a `share` of what it was before where that is more. Shares are
    told in points."""

    margin: float
    share: float = 0.0
    proof: Proof = Proof.SURE
    points: bool = True

    def allowed(self, before: float) -> float:
        return max(self.margin, self.share * before)

    def told(self, value: float) -> str:
        return f"{100 * value:.1f} %" if self.points else f"{value:.2f}"


RULES = {
    "zero_case": Rule(0.05),
    "unreadable": Rule(0.02, proof=Proof.ANY),
    "count_mae": Rule(0.25, share=0.2, points=False),
    "count_rmse": Rule(2.0, share=1.0, proof=Proof.SIZE, points=False),
    "f1": Rule(0.05),
    "recall": Rule(0.05),
    FALSE_ALARMS: Rule(0.05),
}


def worse_failures(metrics: Metrics, side: str) -> Iterator[Message]:
    """An objection for each failure that got worse beyond its margin and beyond chance."""
    for found, verdict in judged(measured(metrics, side)):
        if verdict in (Verdict.REFUSED, Verdict.UNDECIDED):
            yield _said(found, verdict)


def too_few(metrics: Metrics, side: str) -> Iterator[Message]:
    """One sentence on all failures that the held-out images cannot decide, and how many more each needs."""
    needs = [Message(NEED, n=missing(f), what=_what(f)) for f, v in judged(measured(metrics, side)) if v is Verdict.TOO_FEW]
    if needs:
        yield Message(TOO_FEW, needs=joined(needs, "; "))


def judged(found: Sequence[Failure]) -> list[tuple[Failure, Verdict]]:
    """Each failure with what the rule of its kind says."""
    tests = sum(RULES[f.kind].proof is Proof.SURE for f in found)
    return [(f, _verdict(f, 1 - CHANCE / max(tests, 1))) for f in found]


def _verdict(f: Failure, enough: float) -> Verdict:
    margin = RULES[f.kind].allowed(f.before)
    if f.high <= margin:
        return Verdict.FINE
    if f.worse > 0 and _stops(f, margin, enough):
        certain = f.low > margin or RULES[f.kind].proof is Proof.SIZE
        return Verdict.REFUSED if certain else Verdict.UNDECIDED
    return Verdict.TOO_FEW


def _stops(f: Failure, margin: float, enough: float) -> bool:
    proof = RULES[f.kind].proof
    if proof is Proof.ANY:
        return True
    grave = f.worse > GRAVE * margin and sure(f) >= GRAVE_SURE
    return f.worse > margin and (proof is Proof.SIZE or sure(f) >= enough or grave)


def sure(f: Failure) -> float:
    """How sure it is that it got worse at all, 0 to 1: Student's t, as a normal deviate by Wallace's approximation (1959)."""
    free = max(f.groups - 1, 1)
    if f.error <= 0:
        return float(f.worse > 0)
    t = f.worse / (f.error * sqrt((free + 1) / free))  # the bootstrap's error is that of n, not of n - 1
    deviate = (8 * free + 1) / (8 * free + 3) * sqrt(free * log1p(t * t / free))
    return NormalDist().cdf(deviate if t > 0 else -deviate)


def missing(f: Failure) -> int:
    """How many more images bring the nearer end of the interval to the margin; its width falls with the root of their number."""
    margin = RULES[f.kind].allowed(f.before)
    width = (f.high - f.worse) if f.worse < margin else (f.worse - f.low)
    needed = f.n * (width / max(abs(f.worse - margin), NEAR * margin)) ** 2
    return max(1, min(ceil(needed) - f.n, MOST_MISSING * f.n))


def _said(f: Failure, verdict: Verdict) -> Message:
    told, margin = RULES[f.kind].told, RULES[f.kind].allowed(f.before)
    now, before, worse, low, high = map(told, (f.after, f.before, f.worse, f.low, f.high))
    what, most = _what(f), told(margin)
    if verdict is Verdict.REFUSED:
        return Message(REFUSED, what=what, now=now, before=before, n=f.n, worse=worse, low=low, high=high, margin=most)
    more = missing(f)
    return Message(UNDECIDED, what=what, now=now, before=before, n=f.n, worse=worse, low=low, high=high, margin=most, more=more)


def _what(f: Failure) -> Message:
    of = f.task or f.label or ""
    match f.kind:
        case "zero_case":
            return Message(ZERO_CASE, slice=of)
        case "unreadable":
            return Message(UNREADABLE, slice=of)
        case "count_mae":
            return Message(COUNT_MAE, slice=of)
        case "count_rmse":
            return Message(COUNT_RMSE, slice=of)
        case "f1":
            return Message(F1, slice=of)
        case "recall":
            return Message(RECALL, slice=of)
        case _:
            return Message(ALARMS, slice=of)
