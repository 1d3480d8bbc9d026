"""The work that an adapter saves a reader, or costs: edits an image on held-out images, drawing from scratch counted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pdc.domain.message import Message

MAY_COST = 0.05  # of the edits needed before, and at least LEAST_COST an image: an adapter that costs more makes work
LEAST_COST = 0.1
SCRATCH = "scratch"
SAVES = "It saves {n} edits an image on held-out images: {before} before, {after} after."
COSTS = "It costs {n} edits an image on held-out images: {before} before, {after} after."

DRAWN = "when every mark is drawn from scratch"
WITH = "with {serving}"
MAKES_WORK = (
    "It makes work: {after} edits an image on the held-out images against {before} {rival}, a change of {change} with a "
    "95 % interval from {low} to {high}."
)


@dataclass(frozen=True, slots=True)
class SavedWork:
    """Edits an image `before` and `after`, and their `change` with its 95 % interval. `scratch`: without the adapter a reader
    does best to draw every mark."""

    before: float
    after: float
    change: float
    low: float
    high: float
    scratch: bool

    @property
    def makes_work(self) -> bool:
        return self.change > max(LEAST_COST, MAY_COST * self.before)

    def sentence(self) -> Message:
        """What the reader is told."""
        numbers = {"n": f"{abs(self.change):.1f}", "before": f"{self.before:.1f}", "after": f"{self.after:.1f}"}
        return Message(COSTS if self.change > 0 else SAVES, **numbers)

    def cell(self) -> str:
        """A cell of a table: before, after, and the change with its interval."""
        return f"{self.before:.1f} → {self.after:.1f} ({self.change:+.1f} [{self.low:+.1f}, {self.high:+.1f}])"


def more_work(metrics: Mapping[str, Any], side: str, serving: str) -> Iterator[Message]:
    """An objection where the adapter leaves more to do than the side that serves, or than drawing from scratch."""
    work = saved_work(metrics, side)
    if work and work.makes_work:
        after, before = f"{work.after:.1f}", f"{work.before:.1f}"
        change, low, high = (f"{n:+.1f}" for n in (work.change, work.low, work.high))
        rival = Message(DRAWN) if work.scratch else Message(WITH, serving=serving)
        yield Message(MAKES_WORK, after=after, before=before, rival=rival, change=change, low=low, high=high)


def saved_work(metrics: Mapping[str, Any], side: str = "active") -> SavedWork | None:
    """Against what the side (`base`, or `active`: what served) leaves to edit, or drawing from scratch where that is less.

    None where edits were not measured: nothing was held out, or it has no marks.
    """
    edits = metrics.get("edits") or {}
    before = {name: edits[name]["value"] for name in (side, SCRATCH) if edits.get(name)}
    if not before or not edits.get("candidate"):
        return None
    least = min(before, key=lambda name: before[name])
    found = (edits.get("changes") or {}).get(least)
    if not found:
        return None
    change = found["value"], found["low"], found["high"]
    return SavedWork(before[least], edits["candidate"]["value"], *change, scratch=least == SCRATCH)
