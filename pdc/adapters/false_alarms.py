"""What an adapter finds where there is nothing, and where it answers "none" though there is something. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.adapters.assessable import ENOUGH_NEGATIVES, Metrics
from pdc.adapters.score_change import points
from pdc.domain.message import Message

MAY_RISE = 0.05  # of false alarms, or of "none" where something is: the upper 95 % bound of a rise may not be above it
MOST_ALARMS = 0.10  # of a label of which what serves says nothing: the lower 95 % bound may not be above it
ALARMS = "It finds '{label}' where there is none"
NONES = "It answers 'none' where something is"
NEGATIVES, WITH_OBJECTS = Message("negatives"), Message("images with objects")
NEW_ALARMS = (
    "{what}, on {now} of {n} images and pieces of images, with a 95 % interval from {low} to {high}; the lower end may not be "
    "above {margin}."
)
COMPARED = "{what} more often: {now} against {before} of {n} {of}"
UNDECIDED = "{compared}. That cannot be decided: {n} more {of} are needed."
MORE = (
    "{compared}, a change of {change} points with a 95 % interval from {low} to {high}; the upper end may not be above {margin}."
)


def more_alarms(metrics: Metrics, side: str) -> Iterator[Message]:
    """An objection for each label that is found more often than before where reviewed images show none."""
    for label, found in (metrics.get("negatives") or {}).items():
        what = Message(ALARMS, label=label)
        if _answers(metrics[side], label):
            yield from _rise(what, found, side, NEGATIVES)
        elif (now := found["shares"]["candidate"])["low"] > MOST_ALARMS:
            share, low, high = (_percent(now[key]) for key in ("value", "low", "high"))
            yield Message(NEW_ALARMS, what=what, n=found["n"], now=share, low=low, high=high, margin=_percent(MOST_ALARMS))


def _answers(rival: Metrics, label: str) -> bool:
    """Whether what serves finds the label anywhere: to be compared with one that never does would be no use."""
    zero = (rival.get("labels", {}).get(label) or {}).get("zero_case")
    return zero is None or zero["value"] < 1


def more_wrong_nones(metrics: Metrics, side: str) -> Iterator[Message]:
    """An objection where "none" is said more often than before of images that show something."""
    if found := metrics.get("zero_cases"):
        yield from _rise(Message(NONES), found, side, WITH_OBJECTS)


def _rise(what: Message, found: Metrics, side: str, of: Message) -> Iterator[Message]:
    """An objection where a share of wrong answers rose, unless the rise is surely small."""
    rise, shares = found["changes"].get(side), found["shares"]
    if rise is None or rise["value"] <= 0:
        return
    now, before = (_percent(shares[name]["value"]) for name in ("candidate", side))
    said = Message(COMPARED, what=what, now=now, before=before, n=found["n"], of=of)
    if found["n"] < ENOUGH_NEGATIVES:
        yield Message(UNDECIDED, compared=said, n=ENOUGH_NEGATIVES - found["n"], of=of)
    elif rise["high"] > MAY_RISE:
        change, low, high = (points(rise[name]) for name in ("value", "low", "high"))
        yield Message(MORE, compared=said, change=change, low=low, high=high, margin=points(MAY_RISE))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
