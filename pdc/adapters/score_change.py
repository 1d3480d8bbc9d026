"""The score of all held-out answers, and what is found on blank images. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from pdc.adapters.assessable import Metrics
from pdc.domain.message import Message

MAY_LOSE = 0.02  # of the score: the lower 95 % bound of the change may not be below minus this
UNSURE_GAIN = 5  # times as low may it be where the score rose: few images leave a wide interval around a good gain, too
MOST_MISSING = 10  # times the images there are: more need not be told exactly
UNKNOWN = "The change could not be measured on {n} held-out images: {what} {now} against {before} of {serving}."
COMPARED = "{what} {now} against {before} of {serving}"
WORSE = (
    "It is worse on {n} held-out images: {compared}, a change of {change} points with a 95 % interval from {low} to {high}; "
    "the lower end may not be below {margin}."
)
UNDECIDED = (
    "It may be worse on {n} held-out images: {compared}, a change of {change} points with a 95 % interval from {low} to {high}; "
    "the lower end may not be below {margin}. That cannot be decided: {more} more held-out images are needed."
)
AS_ANSWERED = "{n} of {all} held-out answers were accepted as the model gave them; in comparisons they weigh half."
UNSURE = "Whether the score got worse cannot be decided: {more} more held-out images are needed."
BLANK = "It reports {n} finding(s) on blank images, where there is nothing."


def lower_score(metrics: Metrics, side: str, serving: str) -> Iterator[Message]:
    """An objection unless the score surely fell by no more than MAY_LOSE, against the side that serves."""
    candidate, rival, change = metrics["candidate"], metrics[side], metrics["changes"].get(side)
    n, what, now, before = candidate["n"], candidate["score_name"], f"{candidate['score']:.3f}", f"{rival['score']:.3f}"
    if change is None:
        yield Message(UNKNOWN, n=n, what=what, now=now, before=before, serving=serving)
    elif change["low"] < -_may_lose(change):
        compared = Message(COMPARED, what=what, now=now, before=before, serving=serving)
        yield _lower(n, compared, change)


def accepted_at_a_glance(metrics: Metrics) -> Iterator[Message]:
    """What is said where readers accepted held-out answers as they stood: such a truth favours the model that gave them."""
    found = metrics.get("as_answered") or {}
    if found.get("n"):
        yield Message(AS_ANSWERED, n=found["n"], all=found["of"])


def unsure_score(metrics: Metrics, side: str) -> Iterator[Message]:
    """What is said where the score rose, and might have fallen all the same."""
    change = (metrics.get("changes") or {}).get(side)
    if change and -_may_lose(change) <= change["low"] < -MAY_LOSE:
        yield Message(UNSURE, more=_missing(metrics["candidate"]["n"], change, MAY_LOSE))


def _may_lose(change: Metrics) -> float:
    return MAY_LOSE * (UNSURE_GAIN if change["value"] > 0 else 1)


def _lower(n: int, compared: Message, change: Metrics) -> Message:
    value, low, high = (points(change[name]) for name in ("value", "low", "high"))
    margin, more = points(-_may_lose(change)), _missing(n, change, _may_lose(change))
    if change["value"] <= -MAY_LOSE and change["high"] < 0:
        return Message(WORSE, n=n, compared=compared, change=value, low=low, high=high, margin=margin)
    return Message(UNDECIDED, n=n, compared=compared, change=value, low=low, high=high, margin=margin, more=more)


def _missing(n: int, change: Metrics, margin: float) -> int:
    """How many more images bring the nearer end of the interval to the margin; its width falls with the root of their number."""
    value = change["value"]
    width = value - change["low"] if value > -margin else change["high"] - value
    needed = n * (width / max(abs(value + margin), margin / 2)) ** 2
    return max(1, min(ceil(needed) - n, MOST_MISSING * n))


def marks_on_blanks(metrics: Metrics) -> Iterator[Message]:
    """An objection where something is found on a plain image."""
    if marks := metrics.get("blank_marks", 0):
        yield Message(BLANK, n=marks)


def points(share: float) -> str:
    """A change of a share in points, with its sign."""
    return f"{100 * share:+.1f}"
