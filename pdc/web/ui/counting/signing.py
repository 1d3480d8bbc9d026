"""A count becomes a sheet: signed as final, amended with a reason, taken along as a file; earlier versions stay. As a Node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pdc.domain.message import Message
from pdc.web.ui.counting.forms import button, form, labelled, text_field
from pdc.web.ui.counting.listing import STATUSES
from pdc.web.ui.view import Node, el

KINDS = {"html": Message("page"), "pdf": "PDF", "csv": "CSV", "xlsx": "XLSX", "fhir.json": "FHIR", "json": "JSON"}
"""how a sheet goes out, by the ending of its address"""
FINAL = Message("Final: the count is closed, and the sheet is kept as it is now. It can be amended later, with a reason.")
MISSING = "Not yet: {names} must be filled in first."
AMEND = Message("This count has a sheet. What you change now comes to a new one that amends it; the old one stays.")


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A sheet that was kept, without its numbers."""

    id: str
    revision: int
    status: str
    author: str
    made_at: datetime
    why: str = ""


def signing_view(session: str, kept: Sequence[SheetLine], missing: Sequence[str], closed: bool) -> Node:
    """The versions that were kept, the newest first; while the count is open, the draft's files and what signs it."""
    versions = [el("ul", *map(_version, reversed(kept)))] if kept else []
    draft = [] if closed else _draft(session, bool(kept), missing)
    return el("section", el("h3", Message("Sheet")), *versions, *draft) if versions or draft else el("div")


def _draft(session: str, amends: bool, missing: Sequence[str]) -> list[Node]:
    draft = el("p", Message("As it is now (draft): "), *_links(f"api/sessions/{session}/sheet"))
    if missing:
        return [draft, el("p", Message(MISSING, names=", ".join(missing)), cls="pdc-missing")]
    return [draft, _amend(session) if amends else _sign(session)]


def _links(address: str) -> list[Node | str]:
    """One to each kind of file; the page opens beside this one."""
    found: list[Node | str] = []
    for ending, words in KINDS.items():
        how = {"target": "_blank"} if ending in ("html", "pdf") else {"download": ""}
        found += [el("a", words, href=f"{address}.{ending}", **how), " "]
    return found


def _sign(session: str) -> Node:
    about = {"session": session}
    return form("sign", el("p", FINAL, cls="pdc-hint"), button(Message("Sign as final"), "sign", about, cls="pdc-main"))


def _amend(session: str) -> Node:
    reason = labelled(Message("Reason"), text_field("why", size=32))
    amend = button(Message("Sign as amended"), "amend", {"session": session}, data_enter="")
    return form("amend", el("p", AMEND, cls="pdc-hint"), el("div", reason, amend, cls="pdc-beside"))


def _version(line: SheetLine) -> Node:
    head = Message("Version {n}, {status}", n=line.revision, status=STATUSES.get(line.status, line.status))
    told = f" · {line.made_at.astimezone():%Y-%m-%d %H:%M} · {line.author}" + (f" · {line.why}" if line.why else "")
    return el("li", head, told, " · ", *_links(f"api/sheets/{line.id}"))
