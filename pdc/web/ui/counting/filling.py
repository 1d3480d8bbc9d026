"""What the protocol asks for besides the marks: for the sample, for each replicate and for each field. As Nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pdc.counting.protocol import FillIn, Protocol
from pdc.counting.tally import Filled
from pdc.domain.message import Message
from pdc.web.ui.counting.forms import form, labelled, select, text_field
from pdc.web.ui.view import Node, el

REQUIRED = Message("required")
ASSUMED = "assumed: {value}, until you fill it in"


def filling_view(protocol: Protocol, filled: Filled, replicates: Sequence[Filled], closed: bool = False) -> list[Node]:
    """The fields of the sample and of each replicate; those of a field of view stand in its row. Closed, they are only shown."""
    if closed:
        return _as_text(filled, replicates)
    sample = [f for f in protocol.fill_in if f.per == "sample"]
    each = [f for f in protocol.fill_in if f.per == "replicate"]
    rows = [_group("", sample, filled, {})] if sample else []
    rows += [_group(Message("Replicate {n}", n=at), each, own, {"replicate": at}) for at, own in enumerate(replicates, 1) if each]
    return [el("section", el("h3", Message("To fill in")), *rows)] if rows else []


def _as_text(filled: Filled, replicates: Sequence[Filled]) -> list[Node]:
    each = [(Message("Replicate {n}", n=at), own) for at, own in enumerate(replicates, 1)]
    lines = [el("li", name, ": ", _shown(value)) for name, value in filled.items()]
    lines += [el("li", title, " · ", name, ": ", _shown(value)) for title, own in each for name, value in own.items()]
    return [el("section", el("h3", Message("Filled in")), el("ul", *lines))] if lines else []


def _shown(value: float | str | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float | int) else value


def field_line(protocol: Protocol, filled: Filled, about: Mapping[str, Any]) -> list[Node]:
    """What is filled in of one field of view."""
    asked = [f for f in protocol.fill_in if f.per == "field"]
    return [_group("", asked, filled, about)] if asked else []


def _group(title: str, asked: Sequence[FillIn], filled: Filled, about: Mapping[str, Any]) -> Node:
    lines = [_field(f, filled, about) for f in asked]
    return el("div", *([el("h4", title)] if title else []), *lines, cls="pdc-fill")


def _field(asked: FillIn, filled: Filled, about: Mapping[str, Any]) -> Node:
    value = filled.get(asked.name)
    missing = asked.required and value in (None, "") and asked.value is None
    words = f"{asked.name}, {asked.unit}" if asked.unit else asked.name
    to = {**about, "name": asked.name}
    shown = _shown(value)
    if asked.choices:
        control = select("value", [("", Message("choose …")), *((c, c) for c in asked.choices)], shown, "fill", to)
    else:
        control = text_field("value", shown, "fill", to, inputmode="decimal" if asked.number else "text")
    hints = [el("small", REQUIRED, cls="pdc-required")] if missing else []
    if value is None and asked.value is not None:
        hints.append(el("small", Message(ASSUMED, value=f"{asked.value:g}"), cls="pdc-assumed"))
    key = f"fill {asked.name} {about.get('replicate', '')} {about.get('sha256', '')}"
    return form(key, labelled(words, control, *hints))
