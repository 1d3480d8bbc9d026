"""The Review page while a sample is counted: what the editor and the list are told of a field, and what the list asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdc.counting.border import TOUCH
from pdc.counting.protocol import Protocol, QuantityKind
from pdc.counting.tally import Filled
from pdc.domain.message import Message
from pdc.review.counting.desk import FieldDesk, OpenField
from pdc.review.counting.state import CountField, FieldState
from pdc.review.drafts import Draft


def field_value(found: OpenField) -> dict[str, Any]:
    """`counting` of the editor's value (annotator.py)."""
    session, protocol, place = found.session, found.protocol, found.place
    return {
        "session": session.id,
        "sample": session.sample,
        "protocol": protocol.title,
        "border": {"kind": str(protocol.border.kind), "out": [str(side) for side in protocol.border.out]},
        "area": place.area.to_json() if place.area else None,
        "classes": [{"name": c.name, "labels": list(c.labels), "key": c.key} for c in protocol.classes],
        "before": dict(found.before),
        "earlier": dict(found.earlier),
        "corrected": _corrected(protocol, session.filled),
        "least": found.least,
        "of": list(protocol.target.of),
        "each": protocol.target.each,
        "replicate": place.replicate,
        "replicates": max(protocol.replicates.number, session.replicates),
        "finish": protocol.target.finish,
        "said": {"short": found.short, "reached": found.reached},
        "touch": TOUCH,
        "place": found.at,
        "places": found.of,
    }


def _corrected(protocol: Protocol, filled: Filled) -> dict[str, Any] | None:
    """A measured number that the differential keyboard shows corrected, where the protocol has one; `measured` may be None."""
    result = next((r for r in protocol.results if r.kind is QuantityKind.CORRECTED), None)
    if result is None:
        return None
    numbers = [value for name in result.times if isinstance(value := filled.get(str(name)), int | float)]
    corrects = {"of": list(result.of), "among": list(result.among), "from": result.from_per_100}
    return {**corrects, "measured": numbers[0] if numbers else None}


class Fields:
    """What the Review page says of the count session that the open image belongs to. Without `desk` there are none."""

    def __init__(self, desk: FieldDesk | None) -> None:
        self.desk = desk

    def shown(self, draft: Draft) -> dict[str, Any] | None:
        """For the editor; None where the image is no field of an open session under this question."""
        found = self.desk and self.desk.field(draft.image.sha256, draft.author, draft.question)
        return field_value(found) if found else None

    def holds(self, draft: Draft) -> bool:
        """Whether a review of it would be counted."""
        return bool(self.desk and self.desk.session(draft.image.sha256, draft.author, draft.question))

    def listed(self, draft: Draft) -> dict[str, Any] | None:
        """For the list. `fits`: what is on the screen is asked as the session asks."""
        session = self.desk and self.desk.counts.open_session(draft.image.sha256, draft.author)
        if not self.desk or not session:
            return None
        return {"session": session.id, "sample": session.sample, "title": session.protocol.title, "fits": self.holds(draft)}


def counted_in(worklist: Any) -> str | None:
    """The session whose fields the list shows."""
    wanted = worklist.get("wanted") if isinstance(worklist, Mapping) else None
    return str(wanted.get("session") or "")[:64] or None if isinstance(wanted, Mapping) else None


def field_row(place: CountField, n: int, several: bool) -> list[Any]:
    """A row of the list, as those of the worklist: [sha256, name, stage, detail, reader]. It tells no count: a later replicate
    is read without those of the first in sight."""
    stage = "done" if place.state is FieldState.READ else "new"
    at = Message("replicate {at}", at=place.replicate) if several else Message("field {n}", n=n)
    return [place.sha256, place.name, stage, at, ""]
