"""What named test sets say about an adapter: against it, beside it, and the rows of its card. Pure.

metrics["sets"] holds, by the set's name, what metrics hold of the held-out images, and under "set" what is known of the set. Only
labels that the adapter answers about were asked. A set that was refused holds why under "not_measured".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from pdc.domain.message import Message

Metrics = Mapping[str, Any]
Serving = str | None | Callable[[Collection[str]], str | None]
"""what serves now (None: the base alone), or what does about given labels: a set asks about some of them"""
MARGIN = 0.05  # of the score, where a set says nothing else
FEW_IMAGES = 5  # with fewer no interval means anything
LOSES = (
    "It is worse on the test set {name}: {numbers}, a change of {change} points with a 95 % interval from {low} to {high}; it "
    "may lose {margin}."
)
COMPARED = "{what} {after} against {before} of {rival} on {n} images"
UNDECIDED = (
    "Whether it is worse on the test set {name} cannot be decided: a change of {change} points on {n} images, with a 95 % "
    "interval from {low} to {high}; it may lose {margin}. About {more} more images would narrow it enough."
)
OTHER_RIVAL = "On the test set {name} it was measured beside {before}, and {now} serves now; measure it again."
NOT_MEASURED = "It was not measured on the test set {name}: {why}"
MISSING = "It was not measured on the test set {name}; `python -m finetune sets measure` does that."
IGNORES = (
    "On the test set {name} it does no better with the image than without: with the images exchanged its score is {before}, and "
    "the image gains {change} points, with a 95 % interval from {low} to {high}."
)
FAILS_MORE = "On the test set {name} {what}: {now} against {before} of what serves, with 95 % intervals."
FAILURES = {
    "zero_case": Message("it answers 'none' where something is more often"),
    "unreadable": Message("more of its answers cannot be read"),
    "count_mae": Message("its counts are further off"),
}
BASE_ALONE = Message("the base model")
SET_HEADERS = [
    Message("Test set"),
    Message("Images"),
    Message("Score"),
    Message("Base"),
    Message("Served then"),
    Message("Change, points"),
    Message("Without the image"),
]


def worse_on_sets(metrics: Metrics, serving: Serving) -> Iterator[Message]:
    """Sets on which the adapter is surely worse than what serves, or looks worse by more than the set's margin."""
    for name, found in measured(metrics).items():
        now = _now(serving, found)
        change, margin = _change(found, now), _margin(found)
        if change and (change["value"] < -margin or (change["high"] < 0 and change["low"] < -margin)):
            moved, low, high = (_points(change[key]) for key in ("value", "low", "high"))
            before, after = f"{found[_side(now)]['score']:.2f}", f"{found['candidate']['score']:.2f}"
            what, n, rival, may = found["candidate"]["score_name"], found["n"], now or BASE_ALONE, f"{100 * margin:.0f}"
            numbers = Message(COMPARED, what=what, after=after, before=before, rival=rival, n=n)
            yield Message(LOSES, name=name, numbers=numbers, change=moved, low=low, high=high, margin=may)


def more_failures_on_sets(metrics: Metrics, serving: Serving) -> Iterator[Message]:
    """Kinds of failure that are surely more frequent on a set than with what serves: the intervals do not touch."""
    for name, found in measured(metrics).items():
        serves = _now(serving, found)
        rival = found.get(_side(serves)) if _change(found, serves) else None
        for key, what in FAILURES.items():
            now, before = ((side or {}).get("overall", {}).get(key) for side in (found["candidate"], rival))
            if now and before and now["low"] > before["high"]:
                yield Message(FAILS_MORE, name=name, what=what, now=_interval(now), before=_interval(before))


def set_notes(metrics: Metrics, serving: Serving, known: Sequence[str] = ()) -> Iterator[Message]:
    """What the sets leave open. `known`: the sets in use, locked ones left out."""
    sets: Metrics = metrics.get("sets") or {}
    for name, found in sets.items():
        if "not_measured" in found:
            yield Message(NOT_MEASURED, name=name, why=found["not_measured"])
    for name, found in measured(metrics).items():
        yield from _undecided(name, found, _now(serving, found))
        yield from _unseeing(name, found)
    for name in sorted(set(known) - sets.keys()):
        yield Message(MISSING, name=name)


def measured(metrics: Metrics) -> dict[str, Metrics]:
    """The comparisons on sets that were made."""
    return {name: found for name, found in (metrics.get("sets") or {}).items() if found.get("candidate")}


def _undecided(name: str, found: Metrics, serving: str | None) -> Iterator[Message]:
    """Where the interval reaches beyond the margin and nothing else speaks against the adapter."""
    change, margin = _change(found, serving), _margin(found)
    if change is None:
        yield Message(OTHER_RIVAL, name=name, before=_served(found), now=serving or BASE_ALONE)
    elif change["value"] >= -margin > change["low"] and change["high"] >= 0:
        moved, low, high = (_points(change[key]) for key in ("value", "low", "high"))
        more, may = more_images(found["n"], change, margin), f"{100 * margin:.0f}"
        yield Message(UNDECIDED, name=name, n=found["n"], change=moved, low=low, high=high, margin=may, more=more)


def _unseeing(name: str, found: Metrics) -> Iterator[Message]:
    """Where the answers are worth no more than those to other images."""
    gain = (found.get("image_free") or {}).get("gain")
    if gain and gain["low"] <= 0 and found["n"] >= FEW_IMAGES:
        low, high, before = _points(gain["low"]), _points(gain["high"]), found["image_free"]["exchanged"]["value"]
        yield Message(IGNORES, name=name, before=f"{before:.2f}", change=_points(gain["value"]), low=low, high=high)


def set_rows(metrics: Metrics) -> Iterator[list[str]]:
    """The adapter's row of each set, as SET_HEADERS names the cells; scores with their 95 % intervals."""
    for name, found in (metrics.get("sets") or {}).items():
        if "not_measured" in found:
            yield [name, "-", Message("not measured"), *["-"] * 4]
        else:
            free = (found.get("image_free") or {}).get("exchanged")
            sides = [_score(found.get(side)) for side in ("candidate", "base", "active")]
            yield [name, str(found["n"]), *sides, _signed((found.get("changes") or {}).get("active")), _interval(free)]


def _score(evaluation: Metrics | None) -> str:
    if not evaluation:
        return "-"
    overall = evaluation["overall"]
    return f"{evaluation['score_name']} {_interval(overall.get('f1') or overall.get('within_1'))}"


def _interval(e: Metrics | None) -> str:
    return f"{e['value']:.2f} [{e['low']:.2f}, {e['high']:.2f}]" if e else "-"


def _signed(e: Metrics | None) -> str:
    return f"{_points(e['value'])} [{_points(e['low'])}, {_points(e['high'])}]" if e else "-"


def more_images(n: int, change: Metrics, margin: float) -> int:
    """How many more images it takes until the interval's lower end comes to the margin, if the change stays as it is: its
    width falls with the square root of n."""
    room, now = change["value"] + margin, change["value"] - change["low"]
    return max(1, round(n * ((now / room) ** 2 - 1))) if room > 0 else n


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _margin(found: Metrics) -> float:
    return (found.get("set") or {}).get("margin", MARGIN)


def _now(serving: Serving, found: Metrics) -> str | None:
    return serving(found["candidate"].get("labels") or ()) if callable(serving) else serving


def _side(serving: str | None) -> str:
    return "base" if serving is None else "active"


def _change(found: Metrics, serving: str | None) -> Metrics | None:
    """From what serves now; None where it was measured beside something else."""
    if serving is not None and _served(found) != serving:
        return None
    return (found.get("changes") or {}).get(_side(serving))


def _served(found: Metrics) -> object:
    return (found.get("active") or {}).get("adapter") or BASE_ALONE


def seconds_a_question(metrics: Metrics) -> float | None:
    """How long a held-out question took base, serving and candidate together; None where that was not measured."""
    sides = {m["adapter"]: m for key in ("base", "active", "candidate") if (m := metrics.get(key)) and m.get("seconds")}
    return sum(m["seconds"] / m["overall"]["answers"] for m in sides.values()) or None
