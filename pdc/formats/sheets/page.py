"""The page of a sample, as what it says and in which order; HTML and PDF differ only in how they draw it.

Texts of ours are Messages, in English until they are drawn. Any other text is the lab's own, and stays as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pdc.counting.protocol import QuantityKind, Result
from pdc.counting.reader_error import ErrorOf, ReaderError
from pdc.counting.results import WHOLE_FIELDS, Line
from pdc.counting.sheet import Sheet, SheetStatus, looks_like_a_name
from pdc.counting.verdict import Verdict
from pdc.domain.message import Message, joined
from pdc.formats.sheets import facts, fields
from pdc.formats.sheets.numbers import formula, number, per_cent, when
from pdc.formats.sheets.parts import Section

Say = Callable[[str], str]
"""a text in the reader's language, when it is a Message"""

STATUS = {SheetStatus.DRAFT: Message("DRAFT"), SheetStatus.FINAL: Message("FINAL"), SheetStatus.AMENDED: Message("AMENDED")}
VERDICT = {Verdict.VALID: Message("valid"), Verdict.ESTIMATED: Message("estimated"), Verdict.REPEAT: Message("repeat")}
OK = Message("ok")
NOT_MEANT = Message("Research use only. The verdict judges the count, never a patient.")
UNKNOWN_ERROR = Message("not known, for too few reviews corrected an answer.")
NAME = Message("The sample code looks like the name of a person. Use a code instead.")

ALTERED = "Some of this sheet cannot be worked out again from its own counts: {what}. Make the sheet again and compare."

LIMITS = Result(name="limits", kind=QuantityKind.COLONIES, of=(), figures=3)  # of plates, whose number has two


@dataclass(frozen=True, slots=True)
class Shown:
    """A result: its number with the unit, what chance does to it, and how it was worked out."""

    name: str
    value: str
    chance: str
    formula: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule said, and a word for how it came out."""

    word: Message
    said: str
    held: bool


@dataclass(frozen=True, slots=True)
class Page:
    """All that is drawn. `across` is written over the whole page; None: nothing is."""

    sample: str
    title: str
    status: Message
    dated: str
    across: Message | None
    warnings: tuple[Message, ...]
    results: tuple[Shown, ...]
    errors: tuple[Message, ...]
    verdict: Message
    rules: tuple[Rule, ...]
    sections: tuple[Section, ...]
    foot: Message = NOT_MEANT


def page_of(sheet: Sheet, altered: Sequence[str] = ()) -> Page:
    """`altered` names what a kept sheet says otherwise than its own counts and rules do."""
    head = sheet.heading
    draft = head.status is SheetStatus.DRAFT
    return Page(
        head.sample,
        sheet.protocol.title,
        STATUS[head.status],
        _dated(sheet),
        STATUS[head.status] if draft else None,
        tuple(_warnings(sheet, altered)),
        tuple(_shown(line, sheet) for line in sheet.lines),
        tuple(_errors(sheet.error)),
        VERDICT[Verdict(sheet.verdict)],
        tuple(Rule(OK if (held := o.verdict is Verdict.VALID) else VERDICT[o.verdict], o.said, held) for o in sheet.outcomes),
        (
            facts.area(sheet),
            facts.filled_in(sheet),
            facts.left_out(sheet),
            facts.reading(sheet),
            fields.table(sheet),
            facts.protocol(sheet),
        ),
    )


def _dated(sheet: Sheet) -> Message:
    head = sheet.heading
    parts = [Message("{time} by {name}", time=when(head.made_at), name=head.author)]
    if head.id is not None:
        parts.insert(0, Message("sheet {id}, revision {n}", id=head.id, n=head.revision or 1))
    if head.amends:
        parts.append(Message("takes the place of sheet {id}, because: {why}", id=head.amends, why=head.why))
    return joined(parts, "; ")


def _warnings(sheet: Sheet, altered: Sequence[str]) -> Iterator[Message]:
    if altered:
        yield Message(ALTERED, what=", ".join(altered))
    if looks_like_a_name(sheet.heading.sample):
        yield NAME


def _shown(line: Line, sheet: Sheet) -> Shown:
    own = line.name.removesuffix(WHOLE_FIELDS)
    result = next((r for r in sheet.protocol.results if r.name == own), None)
    name = line.name if own == line.name else Message("{name} (whole fields)", name=own)
    if line.value is None:
        return Shown(name, Message("no result"), line.missing or "", "")
    unit, formula_text = (line.unit, line.formula) if line.unit != "1" else ("", line.formula.removesuffix(" 1"))
    sign = "< " if line.below else ""
    value = Message("{sign}{number} {unit}", sign=sign, number=number(line.value, result), unit=formula(unit))
    low, high = (number(limit, LIMITS if line.plates else result) for limit in (line.low, line.high))
    of = Message("{k} of {n} counted", k=line.k, n=line.n) if line.n is not None else Message("{k} counted", k=line.k)
    chance = Message("sampling 95 %: {low} to {high} ({of})", low=low, high=high, of=of)
    return Shown(name, value, chance, formula(formula_text))


def _errors(error: ReaderError | None) -> Iterator[Message]:
    """Of all classes together, of each, and of blind reads; beside chance, and never added to it."""
    if error is None:
        yield UNKNOWN_ERROR
        return
    yield _error(error)
    for part in error.parts:
        name = Message("read blind") if part.blind else part.name
        yield Message("{name}: {error}", name=name, error=_error(part))


def _error(found: ReaderError | ErrorOf) -> Message:
    bias, spread = per_cent(found.bias, signed=True), per_cent(found.spread)
    return Message("mean change {bias} %, 95 % within ±{spread} % (n = {n} reviews)", bias=bias, spread=spread, n=found.n)
