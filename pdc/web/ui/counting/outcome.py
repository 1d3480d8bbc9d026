"""What a count has come to: each result with its unit and its two errors, and the verdict with every rule. As Nodes."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.counting.results import Line
from pdc.counting.sheet import Sheet
from pdc.counting.verdict import Outcome, Verdict
from pdc.domain.message import Message
from pdc.formats.sheets.numbers import formula
from pdc.web.ui.view import Node, el

VERDICTS = {Verdict.VALID: Message("valid"), Verdict.ESTIMATED: Message("estimated"), Verdict.REPEAT: Message("repeat")}
SAMPLING = "Sampling alone, 95 %: {low} to {high} {unit}"
ERROR = "Reader and model: reading changed the model's count by {bias} % on average; 95 % within ± {spread} % (n = {n} reviews)"
NO_ERROR = Message("Reader and model: not known, because too few reviews corrected an answer.")
ASSUMED = "Assumed, not measured: {names}."
JUDGES = Message("The verdict judges the count, never a patient. Research use only.")


def outcome_view(sheet: Sheet) -> Node:
    """Results above, then the verdict and its rules."""
    verdict = Verdict(sheet.verdict)
    return el(
        "section",
        el("h3", Message("Result")),
        *(node for line in sheet.lines for node in _result(line, verdict)),
        el("p", _error(sheet), cls="pdc-error-line"),
        el("h3", Message("Verdict on the count"), " ", el("span", VERDICTS[verdict], cls="pdc-verdict", data_kind=verdict)),
        el("ul", *map(_rule, sheet.outcomes), cls="pdc-rules"),
        el("p", JUDGES, cls="pdc-hint"),
    )


def _result(line: Line, verdict: Verdict) -> Iterator[Node]:
    """Name and value; below them chance and the formula. A result of a count to be repeated is marked as such."""
    yield el("h4", line.name)
    if line.value is None:
        missing = el("p", Message("No result yet."), " ", line.missing or "", cls="pdc-missing")
        yield missing
        return
    below = "< " if line.below else ""
    failed = [" ", el("span", Message("not valid: repeat the count"), cls="pdc-verdict", data_kind=verdict)]
    value = el("strong", f"{below}{number(line.value)} {formula(line.unit)}")
    yield el("p", value, *(failed if verdict is Verdict.REPEAT else []), cls="pdc-value", data_kind=verdict)
    yield el("p", Message(SAMPLING, low=number(line.low), high=number(line.high), unit=formula(line.unit)))
    yield el("p", formula(line.formula), cls="pdc-formula")
    if line.assumed:
        yield el("p", Message(ASSUMED, names=", ".join(line.assumed)), cls="pdc-warned")


def _error(sheet: Sheet) -> Message:
    if sheet.error is None:
        return NO_ERROR
    found = sheet.error
    return Message(ERROR, bias=f"{found.bias:+.1f}", spread=f"{found.spread:.1f}", n=found.n)


def _rule(outcome: Outcome) -> Node:
    verdict = Verdict(outcome.verdict)
    return el("li", el("span", VERDICTS[verdict], cls="pdc-verdict", data_kind=verdict), " ", outcome.said)


def number(value: float | None) -> str:
    """As a sheet prints it: thousands apart, and no more digits than there are."""
    if value is None:
        return "–"
    text = f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return text.replace(",", "\u202f")
