"""The score of all held-out answers, and what is found on blank images. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.adapters.assessable import Metrics
from pdc.domain.message import Message

MAY_LOSE = 0.02  # of the score: the lower 95 % bound of the change may not be below minus this
UNKNOWN = "The change could not be measured on {n} held-out images: {what} {now} against {before} of {serving}."
COMPARED = "{what} {now} against {before} of {serving}"
WORSE = (
    "It may be worse on {n} held-out images: {compared}, a change of {change} points with a 95 % "
    "interval from {low} to {high}; the lower end may not be below {margin}. More held-out images narrow the interval."
)
BLANK = "It reports {n} finding(s) on blank images, where there is nothing."


def lower_score(metrics: Metrics, side: str, serving: str) -> Iterator[Message]:
    """An objection unless the score surely fell by no more than MAY_LOSE, against the side that serves."""
    candidate, rival, change = metrics["candidate"], metrics[side], metrics["changes"].get(side)
    n, what, now, before = candidate["n"], candidate["score_name"], f"{candidate['score']:.3f}", f"{rival['score']:.3f}"
    if change is None:
        yield Message(UNKNOWN, n=n, what=what, now=now, before=before, serving=serving)
    elif change["low"] < -MAY_LOSE:
        value, low, high = (points(change[name]) for name in ("value", "low", "high"))
        compared = Message(COMPARED, what=what, now=now, before=before, serving=serving)
        yield Message(WORSE, n=n, compared=compared, change=value, low=low, high=high, margin=points(-MAY_LOSE))


def marks_on_blanks(metrics: Metrics) -> Iterator[Message]:
    """An objection where something is found on a plain image."""
    if marks := metrics.get("blank_marks", 0):
        yield Message(BLANK, n=marks)


def points(share: float) -> str:
    """A change of a share in points, with its sign."""
    return f"{100 * share:+.1f}"
