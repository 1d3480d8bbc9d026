"""The fields of a count: what was counted in each, what the rule left out, what is known of it, what can be done. As Nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pdc.counting.protocol import AreaKind, Protocol
from pdc.counting.tally import FieldCount, Filled
from pdc.domain.message import Message
from pdc.web.ui.counting.filling import field_line
from pdc.web.ui.counting.forms import button, choice, form, labelled, text_field
from pdc.web.ui.view import Node, el

STATES = {"read": Message("read"), "open": Message("to read"), "withdrawn": Message("withdrawn")}
OPENS = Message("Open it on the Review page")
UNFINISHED = Message("not all is marked")
WITHDRAW = Message("Take this field out of the count. Its marks stay, and the sheet names it with your reason.")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A line of the table. `counted` is None until the field is read; `why` and `by` tell of a withdrawal."""

    sha256: str
    name: str
    replicate: int
    state: str
    counted: FieldCount | None = None
    squares: float | None = None
    mm2: float | None = None
    noted: frozenset[str] = frozenset()
    filled: Filled = field(default_factory=dict)
    why: str = ""
    by: str = ""


def fields_view(protocol: Protocol, rows: Sequence[FieldRow], closed: bool = False, hidden: bool = False) -> Node:
    """A table for each replicate; without sums where what was counted is `hidden` from the reader."""
    tables = []
    for at in sorted({row.replicate for row in rows}):
        own = [row for row in rows if row.replicate == at]
        read = sum(row.state == "read" for row in own)
        there = sum(row.state != "withdrawn" for row in own)
        title = Message("Replicate {n}: {read} of {all} fields read", n=at, read=read, all=there)
        if protocol.replicates.number == 1 and len({r.replicate for r in rows}) == 1:
            title = Message("{read} of {all} fields read", read=read, all=there)
        tables += [el("h4", title), el("div", _table(protocol, own, closed, hidden), cls="pdc-scroll")]
    return el("section", el("h3", Message("Fields")), *tables)


def _table(protocol: Protocol, rows: Sequence[FieldRow], closed: bool, hidden: bool) -> Node:
    classes = [c.name for c in protocol.classes]
    area = {AreaKind.CHAMBER: [Message("Squares")], AreaKind.PIXELS: ["mm²"]}.get(protocol.area.kind, [])
    head = ("", Message("Field"), Message("State"), *classes, Message("Left out"), Message("Doubtful"), *area, "")
    body = [_row(protocol, at, row, closed) for at, row in enumerate(rows, 1)]
    total = [] if hidden else [_total(classes, rows, len(area))]
    return el("table", el("thead", el("tr", *(el("th", h, scope="col") for h in head))), el("tbody", *body, *total))


def _row(protocol: Protocol, at: int, row: FieldRow, closed: bool) -> Node:
    found = row.counted
    numbers = [found.counted.get(c.name, 0) if found else "" for c in protocol.classes]
    numbers += [sum(found.left_out.values()), found.doubtful] if found else ["", ""]
    opens = button(row.name, "open", {"sha256": row.sha256}, event="read", cls="pdc-link", title=OPENS)
    cells = [el("td", str(at)), el("td", opens, *_told(row)), el("td", STATES[row.state], *_unfinished(found), cls="pdc-state")]
    cells += [el("td", str(n), cls="pdc-number") for n in (*numbers, *_size(protocol, row))]
    more = [] if closed or row.state == "withdrawn" else [_more(protocol, row)]
    return el("tr", *cells, el("td", *more), data_kind=row.state)


def _told(row: FieldRow) -> list[Node]:
    """The reason of a withdrawal, and what was noted."""
    why = [el("small", Message("{why} ({by})", why=row.why, by=row.by))] if row.why else []
    return why + [el("small", ", ".join(sorted(row.noted)))] * bool(row.noted)


def _unfinished(found: FieldCount | None) -> list[Node]:
    return [el("small", UNFINISHED, cls="pdc-warned")] if found and not found.complete else []


def _size(protocol: Protocol, row: FieldRow) -> list[str]:
    if protocol.area.kind is AreaKind.CHAMBER:
        return ["–" if row.squares is None else f"{row.squares:g}"]
    return ["–" if row.mm2 is None else f"{row.mm2:.4g}"] if protocol.area.kind is AreaKind.PIXELS else []


def _more(protocol: Protocol, row: FieldRow) -> Node:
    """What can be said of the field, and its withdrawal, folded away."""
    about: dict[str, Any] = {"sha256": row.sha256, "replicate": row.replicate}
    noted = [_noted(rule.name, row, about) for rule in protocol.noted]
    why = labelled(Message("Reason"), text_field("why", size=24))
    withdraw = form(
        f"withdraw {row.sha256}",
        el("p", WITHDRAW, cls="pdc-hint"),
        el("div", why, button(Message("Withdraw"), "withdraw", about, data_enter=""), cls="pdc-beside"),
    )
    filled = field_line(protocol, row.filled, {"sha256": row.sha256})
    return el("details", el("summary", Message("More")), *noted, *filled, withdraw, data_row=f"more {row.sha256}")


def _noted(name: str, row: FieldRow, about: Mapping[str, Any]) -> Node:
    box = choice("checkbox", "noted", name, name, name in row.noted, "note", {**about, "name": name})
    return form(f"note {name} {row.sha256}", box)


def _total(classes: Sequence[str], rows: Sequence[FieldRow], beside: int) -> Node:
    """The sums of what is read and not withdrawn."""
    found = [row.counted for row in rows if row.counted and row.state == "read"]
    numbers = [sum(f.counted.get(c, 0) for f in found) for c in classes]
    numbers += [sum(sum(f.left_out.values()) for f in found), sum(f.doubtful for f in found)]
    cells = [el("td", str(n), cls="pdc-number") for n in numbers]
    return el("tr", el("td"), el("td", Message("Sum")), el("td"), *cells, *[el("td")] * beside, el("td"), cls="pdc-sum")
