"""Every kind of file that a sheet goes out as, by the end of the file's name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pdc.counting.sheet import Sheet, to_json
from pdc.domain.errors import BadSetting
from pdc.formats.sheets.fhir import fhir_text
from pdc.formats.sheets.html import html_of
from pdc.formats.sheets.page import Say, page_of
from pdc.formats.sheets.pdf import pdf_of
from pdc.formats.sheets.tables import csv_of, xlsx_of


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A sheet and the language it is said in. `altered` names what it says otherwise than its own counts and rules do."""

    sheet: Sheet
    say: Say = str
    language: str = "en"
    altered: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its media type, and how it is made."""

    media: str
    make: Callable[[Outgoing], bytes]


def _page(out: Outgoing) -> bytes:
    return html_of(page_of(out.sheet, out.altered), out.say, out.language).encode()


def _pdf(out: Outgoing) -> bytes:
    return pdf_of(page_of(out.sheet, out.altered), out.say)


def _json(out: Outgoing) -> bytes:
    return json.dumps(to_json(out.sheet), ensure_ascii=False, indent=1).encode()


KINDS = {
    "fhir.json": Kind("application/fhir+json", lambda out: fhir_text(out.sheet, out.say, out.language)),
    "json": Kind("application/json", _json),
    "html": Kind("text/html; charset=utf-8", _page),
    "pdf": Kind("application/pdf", _pdf),
    "csv": Kind("text/csv; charset=utf-8", lambda out: csv_of(out.sheet)),
    "xlsx": Kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", lambda out: xlsx_of(out.sheet)),
}


def kind_of(name: str) -> Kind:
    """By the end of a file's name; BadSetting where no kind ends so."""
    for end, kind in KINDS.items():
        if name.lower().endswith(f".{end}"):
            return kind
    raise BadSetting("A sheet is written as {kinds}; name the file so.", kinds=", ".join(f".{end}" for end in KINDS))
