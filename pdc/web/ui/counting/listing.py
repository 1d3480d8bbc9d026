"""The counts there are: those still open, and the finished ones, to be searched by the sample's code. As a Node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pdc.domain.message import Message
from pdc.web.ui.counting.forms import button, form, text_field
from pdc.web.ui.view import Node, el

SEARCH = Message("Search for a sample")
MORE = Message("Shown are the newest. To find an older one, search for its sample and press Enter.")
EMPTY = Message("No sample has been counted yet.")


@dataclass(frozen=True, slots=True)
class CountLine:
    """A count as the list shows it; `status` is that of its newest sheet, empty while there is none."""

    id: str
    sample: str
    protocol: str
    at: datetime
    by: str
    open: bool
    status: str = ""


@dataclass(frozen=True, slots=True)
class CountLines:
    """The newest first. `looked`: the letters of a sample's code that they were looked for by; `more`: there are older ones."""

    lines: Sequence[CountLine]
    looked: str = ""
    more: bool = False


STATUSES = {"final": Message("final"), "amended": Message("amended"), "": Message("closed")}


def counts_list(known: CountLines, chosen: str | None) -> Node:
    """The open ones first, each group the newest first. Who searches finds what is shown at once, and older ones on Enter."""
    lines = known.lines
    begin = button(Message("Count another sample") if lines else Message("Count a sample"), "new", cls="pdc-main")
    if not lines and not known.looked:
        return el("section", begin, el("p", EMPTY, cls="pdc-hint"), cls="pdc-counts-list")
    asks = "look" if known.more or known.looked else ""
    find = form("find", text_field("look", known.looked, asks, placeholder=SEARCH, data_finds="count", aria_label=SEARCH))
    told = [el("p", MORE, cls="pdc-hint")] if known.more else []
    open, finished = [line for line in lines if line.open], [line for line in lines if not line.open]
    groups = [*_group(Message("Open"), open, chosen), *_group(Message("Finished"), finished, chosen)]
    return el("section", begin, find, *told, *groups, cls="pdc-counts-list")


def _group(title: str, lines: Sequence[CountLine], chosen: str | None) -> list[Node]:
    return [el("h4", title), *(_line(line, line.id == chosen) for line in lines)] if lines else []


def _line(line: CountLine, current: bool) -> Node:
    status = [] if line.open else [" · ", STATUSES.get(line.status, line.status)]
    about = el("small", line.protocol, " · ", f"{line.at.astimezone():%Y-%m-%d}", " · ", line.by, *status)
    said = el("span", el("b", line.sample), about)
    return button(said, "choose", {"session": line.id}, cls="pdc-item", data_row="count", aria_current=str(current).lower())
