"""The sheet of a sample as a page, tables and FHIR: each says the app's numbers, and runs nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from math import isclose
from typing import Any

import openpyxl
import pytest
from fhir.resources.R4B.bundle import Bundle
from sample_sheets import AT, PROTOCOLS, random_sheet, sperm_sheet

from pdc.counting import intervals
from pdc.counting.area import whole_image
from pdc.counting.protocol import Protocol, QuantityKind, Result
from pdc.counting.reader_error import ErrorOf, ReaderError
from pdc.counting.results import WHOLE_FIELDS, Line, work_out
from pdc.counting.rounding import decimals, figures
from pdc.counting.sheet import Heading, Sheet, SheetStatus, differences, make_sheet
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.domain.errors import BadSetting
from pdc.formats.sheets.export import KINDS, Outgoing, kind_of
from pdc.formats.sheets.html import html_of
from pdc.formats.sheets.numbers import formula, number
from pdc.formats.sheets.page import page_of
from pdc.formats.sheets.pdf import pdf_of, writable
from pdc.web.ui.words import in_language

GERMAN = partial(in_language, language="de")
SHEETS = [random_sheet(seed) for seed in range(200)]


def written(sheet: Sheet, kind: str) -> bytes:
    return KINDS[kind].make(Outgoing(sheet))


class Words(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said, self.tags, self.hidden = "", set[str](), False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.hidden = tag == "style"

    def handle_data(self, data: str) -> None:
        self.said += "" if self.hidden else f"{data}\n"


def html(sheet: Sheet, say: Callable[[str], str] = str) -> Words:
    return Words(html_of(page_of(sheet), say))


def pdf_words(data: bytes) -> tuple[str, int]:
    """The text of a PDF, and how many pages it has."""
    import pypdfium2

    paper = pypdfium2.PdfDocument(data)
    return " ".join(" ".join(page.get_textpage().get_text_bounded().split()) for page in paper), len(paper)


SAID = (
    "S-17",
    "sheet s-2, revision 2",
    "5.15 10⁶/mL",
    "sampling 95 %: 4.66 to 5.67 (412 counted)",
    "mean change −1.5 %, 95 % within ±6.0 % (n = 180 reviews)",
    "Verdict on the count: repeat",
    "clumps in 1 of 8 fields, more than 10%.",
    "LOT-4711",
    "the whole image",
    "16 (sperm 16)",
    "out of focus (ada)",
    "bob, blind: without the model in sight",
    "194 counted by the model, 202 after reading; marks changed: 12 added, 4 removed",
    "pdc-tiny, march",
    "8 of 20 fields by systematic random sampling, seed 5",
    "40 squares, improved Neubauer, centre grid: 1.6 mm², 0.1 mm deep = 0.16 µL",
    "2026-03-01 09:01 UTC to 2026-03-01 09:13 UTC",
    f"digest {PROTOCOLS['sperm-concentration'].digest}",
    "Research use only.",
)


@pytest.mark.parametrize("said", SAID)
def test_a_stranger_reads_the_lot_the_reader_what_was_left_out_and_why(said: str):
    assert said in html(sperm_sheet()).said


def test_the_pdf_says_the_same_on_one_side():
    words, pages = pdf_words(pdf_of(page_of(sperm_sheet()), str))
    assert pages == 1 and not [said for said in SAID if said not in words]


def test_the_page_is_german_for_a_german_but_for_what_the_lab_wrote():
    said = html(sperm_sheet(), GERMAN).said
    assert "Urteil über die Zählung: wiederholen" in said and "Stichprobe 95 %: 4.66 bis 5.67 (412 gezählt)" in said
    assert "Die Replikate 202 und 210 stimmen überein (Unterschied 8, erlaubt 40)." in said
    assert "LOT-4711" in said and "clumps in 1 von 8 Feldern" in said and "DRAFT" not in said
    words, _ = pdf_words(pdf_of(page_of(sperm_sheet()), GERMAN))
    assert "Zählfläche" in words and "µL" in words and "10⁶/mL" in words


@pytest.mark.parametrize(
    ("status", "across", "said"),
    [
        (SheetStatus.DRAFT, True, "DRAFT"),
        (SheetStatus.FINAL, False, "FINAL"),
        (SheetStatus.AMENDED, False, "takes the place of sheet s-1, because: wrong dilution"),
    ],
)
def test_only_a_draft_is_marked_across_and_an_amended_sheet_names_the_old_one(status: SheetStatus, across: bool, said: str):
    page = html_of(page_of(sperm_sheet(status)), str)
    assert ('<div class="across"' in page) == across and said in Words(page).said
    assert said in pdf_words(pdf_of(page_of(sperm_sheet(status)), str))[0]


def test_nothing_that_was_written_becomes_markup():
    bad = "<script>alert(1)</script>\"'&"
    sheet = sperm_sheet(sample=bad, author=bad)
    sheet = replace(sheet, sample=replace(sheet.sample, filled={**sheet.sample.filled, bad: bad}))
    page = html(sheet)
    assert not page.tags & {"script", "link", "img", "iframe"} and page.said.count("<script>alert(1)</script>") >= 4


def test_many_fields_stand_side_by_side_and_every_one_is_there():
    fields = tuple(FieldCount(f"f{n}.png", {"positive": n % 5, "negative": 9}) for n in range(63))
    head = Heading("S-1", AT, "ada", "all")
    sheet = make_sheet(head, PROTOCOLS["ki-67-global"], Sample((Replicate(fields, "ada"),)))
    page = html_of(page_of(sheet), str)
    assert all(f"<td>1: f{n}.png</td>" in page for n in range(63)) and page.count("<tr>") < 20


def test_what_is_assumed_and_what_is_empty_is_marked_as_such():
    protocol = PROTOCOLS["parasites-per-white-cell"]
    sheet = make_sheet(Heading("S-1", AT, "ada", "all"), protocol, Sample((Replicate((FieldCount("a", {}),), "ada"),)))
    said = html(sheet).said
    assert "8000 /µL: assumed, not measured" in said and "not filled in" in said


def test_parts_of_the_error_and_an_altered_sheet_are_told():
    error = ReaderError(1.0, 5.0, 9, (ErrorOf("sperm", 2.0, 3.0, 7), ErrorOf("", -1.0, 4.0, 6, blind=True)))
    page = page_of(replace(sperm_sheet(), error=error), altered=["concentration"])
    said = Words(html_of(page, str)).said
    assert "sperm: mean change +2.0 %" in said and "read blind: mean change −1.0 %" in said
    assert "cannot be worked out again from its own counts: concentration." in said


@pytest.mark.parametrize(("code", "name"), [("S-17", False), ("Jane Doe", True)])
def test_a_code_that_looks_like_a_name_is_warned_of(code: str, name: bool):
    assert ("looks like the name of a person" in html(sperm_sheet(sample=code)).said) == name


@pytest.mark.parametrize(
    ("value", "rounded", "printed"),
    [
        (20.0, {"figures": 3}, "20.0"),
        (1_250_000.0, {"figures": 3}, "1\u202f250\u202f000"),
        (0.00312, {"figures": 2}, "0.0031"),
        (7.0, {"decimals": 0}, "7"),
        (-1.25, {}, "−1.25"),
        (None, {}, "–"),
        (24_000.0, {}, "24\u202f000"),
    ],
)
def test_numbers_are_printed_as_the_protocol_rounds_them(value: float | None, rounded: dict[str, int], printed: str):
    assert number(value, Result(name="r", kind=QuantityKind.MEAN, of=("a",), **rounded)) == printed
    assert formula("5 / 0.1 uL x 2 = 100 10^6/mL") == "5 / 0.1 µL × 2 = 100 10⁶/mL"


def test_what_the_font_cannot_draw_is_told_apart():
    assert writable("S-1 µ ⁶ − ß Ж") == "S-1 µ ⁶ − ß Ж" and writable("日 1") == "[U+65E5] 1" != writable("本 1")


def test_every_sheet_has_a_pdf():
    assert all(written(sheet, "pdf").startswith(b"%PDF") for sheet in SHEETS[:3])


def test_the_kind_follows_from_the_name():
    assert kind_of("S-1.FHIR.json") is KINDS["fhir.json"] and kind_of("a.b.json") is KINDS["json"]
    with pytest.raises(BadSetting, match=r"written as .*\.xlsx"):
        kind_of("sheet.docx")


# Every number again, from what was exported alone.


def printed(value: float, result: Result) -> float:
    if result.figures is not None:
        return figures(value, result.figures)
    return value if result.decimals is None else decimals(value, result.decimals)


def limits(line: Mapping[str, Any], result: Result) -> tuple[float, float]:
    """The sampling interval, of what was counted and what one object adds."""
    k, n, each = line["counted"], line["of"], line["per_object"]
    if result.kind is QuantityKind.SHARE:
        low, high = intervals.binomial(k, n)
        return low * n * each, high * n * each
    if result.kind is QuantityKind.PER:
        low, high = intervals.ratio(k, n)
        return low * n * each, high * n * each
    low, high = intervals.poisson(k)
    return low * each, high * each


def check(sheet: Sheet, line: Line, found: Mapping[str, Any]) -> None:
    """What an export says of a result is the app's, and follows from what else it says."""
    result = next(r for r in sheet.protocol.results if r.name == line.name.removesuffix(WHOLE_FIELDS))
    assert same([found["value"], found["low"], found["high"]], [line.value, line.low, line.high])
    assert (found["counted"], found["of"], found["below"]) == (line.k, line.n, line.below)
    if line.value is None or line.below or line.each is None:
        return
    low, high = limits(found, result)
    plates = result.kind is QuantityKind.COLONIES
    value = figures(line.k * found["per_object"], 2) if plates else printed(line.k * found["per_object"], result)
    limited = (low, high) if plates else (printed(low, result), printed(high, result))
    assert value == pytest.approx(line.value, rel=1e-9)
    assert limited == pytest.approx((line.low, line.high), rel=1e-9)


def same(found: Sequence[float | None], there: Sequence[float | None]) -> bool:
    return all(a == b or (a is not None and b is not None and isclose(a, b)) for a, b in zip(found, there, strict=True))


def as_number(text: str) -> float | None:
    return float(text) if text else None


def as_whole(text: str) -> int | None:
    return int(text) if text else None


def test_every_number_of_the_csv_is_the_apps_and_follows_from_its_row():
    for sheet in SHEETS:
        rows = list(csv.DictReader(io.StringIO(written(sheet, "csv").decode("utf-8-sig"))))
        for line, row in zip(sheet.lines, rows, strict=True):
            found = {name: as_number(row[key]) for name, key in NUMBERS.items()}
            found |= {"counted": as_whole(row["counted"]), "of": as_whole(row["of"]), "below": row["comparator"] == "<"}
            check(sheet, line, found)
            assert row["verdict"] == sheet.verdict and row["protocol_digest"] == sheet.protocol.digest


NUMBERS = {"value": "value", "low": "sampling_95_low", "high": "sampling_95_high", "per_object": "per_object"}


def test_every_number_of_the_fhir_bundle_is_the_apps_and_follows_from_it():
    for sheet in SHEETS:
        kept = json.loads(written(sheet, "fhir.json"))
        for line, entry in zip(sheet.lines, kept["entry"], strict=True):
            seen = entry["resource"]
            parts = {c["code"]["text"]: c for c in seen["component"]}
            interval = parts.get("sampling interval, 95 %", {}).get("valueRange", {})
            found = {
                "value": seen.get("valueQuantity", {}).get("value"),
                "below": seen.get("valueQuantity", {}).get("comparator") == "<",
                "low": interval.get("low", {}).get("value"),
                "high": interval.get("high", {}).get("value"),
                "counted": parts["objects counted"]["valueInteger"],
                "of": parts.get("objects that it is a share of, or beside", {}).get("valueInteger"),
                "per_object": parts.get("value of one object, before rounding", {}).get("valueQuantity", {}).get("value"),
            }
            check(sheet, line, found)
            assert ("dataAbsentReason" in seen) == (line.value is None)


def test_every_bundle_is_fhir():
    for sheet in [*SHEETS[:40], *(sperm_sheet(status) for status in SheetStatus)]:
        Bundle.model_validate_json(written(sheet, "fhir.json"))


@pytest.mark.parametrize(
    ("status", "said"), [(SheetStatus.DRAFT, "preliminary"), (SheetStatus.FINAL, "final"), (SheetStatus.AMENDED, "amended")]
)
def test_an_observation_says_its_status_its_unit_and_no_patient(status: SheetStatus, said: str):
    seen = json.loads(written(sperm_sheet(status), "fhir.json"))["entry"][0]["resource"]
    assert seen["status"] == said and seen["valueQuantity"]["code"] == "10*6/mL" and "subject" not in seen
    assert seen["specimen"]["identifier"] == {"value": "S-17"} and "Verdict on the count: repeat." in seen["note"][0]["text"]


def test_every_number_of_the_json_is_worked_out_again_from_it():
    assert [differences(written(sheet, "json").decode()) for sheet in SHEETS] == [[]] * len(SHEETS)


def test_every_number_of_the_workbook_is_worked_out_again_from_its_fields_and_what_was_filled_in():
    for sheet in SHEETS:
        book = openpyxl.load_workbook(io.BytesIO(written(sheet, "xlsx")))
        again = work_out(sheet.protocol, sample_of(book, sheet.protocol))
        for line, row, anew in zip(sheet.lines, rows_of(book["results"]), again, strict=True):
            assert same([row[key] for key in NUMBERS.values()], [line.value, line.low, line.high, line.each])
            assert same([anew.value, anew.low, anew.high], [line.value, line.low, line.high])
            assert (
                (row["counted"], row["of"], row["comparator"] == "<")
                == (line.k, line.n, line.below)
                == (anew.k, anew.n, anew.below)
            )


def rows_of(page: Any) -> list[dict[str, Any]]:
    head, *rows = [[cell.value for cell in row] for row in page.iter_rows()] or [[]]
    return [dict(zip(head, row, strict=True)) for row in rows]


def sample_of(book: Any, protocol: Protocol) -> Sample:
    """The sample, read from the workbook alone."""
    filled = {row["name"]: row["value"] for row in rows_of(book["filled in"]) if row["assumed"] == "no"}
    chamber, replicates = filled.pop("chamber"), dict[int | str, list[FieldCount]]()
    for row in rows_of(book["fields"]):
        replicates.setdefault(row["replicate"], []).append(field_of(row, protocol))
    whole = tuple(replicates.pop("whole", ()))
    return Sample(tuple(Replicate(tuple(fields)) for fields in replicates.values()), filled, chamber, everywhere=whole)


def field_of(row: Mapping[str, Any], protocol: Protocol) -> FieldCount:
    asked = {f.name: row.get(f"filled in: {f.name}") for f in protocol.fill_in if f.per == "field"}
    counted = {c.name: row[f"counted: {c.name}"] for c in protocol.classes}
    filled = {name: value for name, value in asked.items() if value is not None}
    return FieldCount(row["field"], counted, squares=row["squares"], mm2=row["mm2"], filled=filled)


def test_no_spreadsheet_takes_text_for_a_formula():
    evil = ("=1+1", "@SUM(A1)", "+1", "-1", "\t=1")
    for text in evil:
        sheet = sperm_sheet(sample=text, author=text)
        fields = (FieldCount(text, {"sperm": 1}, area=whole_image(9, 9)),)
        sheet = replace(sheet, sample=Sample((Replicate(fields, text),), {text: text}))
        rows = list(csv.reader(io.StringIO(written(sheet, "csv").decode("utf-8-sig"))))
        assert not [cell for row in rows for cell in row if re.match(r"[=@+\t]|-(?![\d.]+$)|-1$", cell)]
        book = openpyxl.load_workbook(io.BytesIO(written(sheet, "xlsx")))
        cells = [cell for page in book for row in page.iter_rows() for cell in row]
        assert [c.value for c in cells].count(text) >= 4 and "f" not in {c.data_type for c in cells}
