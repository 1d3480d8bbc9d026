"""Whether a count stands: each rule of the protocol with its numbers. It judges the count, never the patient.

A rule that failed is shown as failed. The worst of the rules is the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pdc.counting.chambers import CHAMBERS
from pdc.counting.plates import PlateResult
from pdc.counting.protocol import AreaKind, Protocol
from pdc.counting.replicates import AgreementTest, agreement
from pdc.counting.results import Line
from pdc.counting.tally import Replicate, Sample
from pdc.domain.message import Message


class Verdict(StrEnum):
    """From good to bad; a rule that fails says which."""

    VALID = "valid"
    ESTIMATED = "estimated"
    REPEAT = "repeat"


WORST_LAST = list(Verdict)
AGREE = "Replicates {a} and {b} agree (difference {d}, allowed {allowed})."
DISAGREE = "Replicates {a} and {b} do not agree (difference {d}, allowed {allowed}): make two new ones."
UNFINISHED = "Not everything is marked in {n} fields, among them {name}: the count is the least."
FEW_COLONIES = "Fewer colonies than may be counted on, on every plate: only an upper limit."
NO_PLATE = "No plate has a number that may be counted on: estimated from the nearest."


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rule that was looked at, what it says of the count, and its numbers in a sentence."""

    rule: str
    verdict: Verdict
    said: Message


def judge(protocol: Protocol, sample: Sample, lines: Sequence[Line]) -> tuple[Outcome, ...]:
    """Every rule of the protocol, in the order in which a reader would ask."""
    return tuple(
        outcome
        for rule in (_target, _too_many, _fields, _replicates, _rows, _complete, _noted)
        for outcome in rule(protocol, sample)
    ) + tuple(outcome for line in lines for outcome in _known(line))


def worst(outcomes: Sequence[Outcome]) -> Verdict:
    return max((o.verdict for o in outcomes), key=WORST_LAST.index, default=Verdict.VALID)


def _target(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    target = protocol.target
    parts = [(Message("replicate {i}", i=i), r.of(target.of)) for i, r in enumerate(sample.replicates, 1)] if target.each else []
    for name, n in parts or [("", sample.of(target.of))]:
        verdict = Verdict.VALID if n >= target.least else Verdict.ESTIMATED
        if name:
            said = Message("{n} of {least} counted in {name}.", n=n, least=target.least, name=name)
        else:
            said = Message("{n} of {least} counted.", n=n, least=target.least)
        yield Outcome("target", verdict, said)


def _too_many(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    n, most = sample.of(protocol.target.of), protocol.target.most
    if most is not None and n > most:
        said = Message("{n} counted, more than {most}: dilute more, or count fewer squares.", n=n, most=most)
        yield Outcome("too many", Verdict.REPEAT, said)


def _fields(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    least, n = protocol.target.fields, len(sample.fields)
    if least is not None:
        verdict = Verdict.VALID if n >= least else Verdict.ESTIMATED
        yield Outcome("fields", verdict, Message("{n} of {least} fields counted.", n=n, least=least))


def _replicates(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    asked, there = protocol.replicates, [r for r in sample.replicates if r.fields]
    if len(there) < asked.number:
        said = Message("{n} of {asked} replicates counted; agreement cannot be tested.", n=len(there), asked=asked.number)
        yield Outcome("replicates", Verdict.ESTIMATED, said)
    elif asked.test is not None and len(there) > 1:
        yield _agree(protocol, there)


def _agree(protocol: Protocol, replicates: Sequence[Replicate]) -> Outcome:
    """The two that differ most have to agree."""
    asked = protocol.replicates
    numbers = [_compared(protocol, r) for r in replicates]
    low, high = min(numbers), max(numbers)
    assert asked.test is not None
    found = agreement(asked.test, high, low, asked.share)
    if found.allowed is None:
        said = Message("Replicates {a} and {b}: the table has no row for so small a percentage.", a=_g(high), b=_g(low))
        return Outcome("agreement", Verdict.ESTIMATED, said)
    said = {"a": _g(numbers[0]), "b": _g(numbers[-1]), "d": _g(found.difference), "allowed": _g(found.allowed)}
    if found.agree:
        return Outcome("agreement", Verdict.VALID, Message(AGREE, **said))
    return Outcome("agreement", Verdict.REPEAT, Message(DISAGREE, **said))


def _compared(protocol: Protocol, replicate: Replicate) -> float:
    """What is compared of a replicate: its count, or for motility the percentage of the classes named."""
    asked = protocol.replicates
    classes = asked.of or protocol.target.of
    n = replicate.of(classes)
    if asked.test is not AgreementTest.MOTILITY:
        return n
    every = replicate.of(c.name for c in protocol.classes)
    return 100 * n / every if every else 0.0


def _rows(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    if protocol.area.kind is not AreaKind.CHAMBER or protocol.target.finish != "row" or sample.chamber is None:
        return
    chamber = CHAMBERS[sample.chamber]
    for i, replicate in enumerate(sample.replicates, 1):
        if (squares := replicate.squares) and not chamber.whole_rows(squares):
            left = chamber.row - squares % chamber.row
            said = Message("Replicate {i} ends inside a row: count {left} more squares.", i=i, left=left)
            yield Outcome("unfinished grid", Verdict.REPEAT, said)


def _complete(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    if open_fields := [f.name for f in sample.fields if not f.complete]:
        said = Message(UNFINISHED, n=len(open_fields), name=open_fields[0])
        yield Outcome("unfinished field", Verdict.REPEAT, said)
    if doubtful := sum(f.doubtful for f in sample.fields):
        said = Message("{n} doubtful marks were not judged, and do not count.", n=doubtful)
        yield Outcome("doubtful marks", Verdict.ESTIMATED, said)
    if unclassed := sum(f.unclassed for f in sample.fields):
        said = Message("{n} marks have a label that belongs to no class of the protocol, and do not count.", n=unclassed)
        yield Outcome("unclassified", Verdict.VALID, said)


def _noted(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    fields = sample.fields
    for rule in protocol.noted:
        n = sum(rule.name in f.noted for f in fields)
        if fields and n / len(fields) > rule.most:
            numbers = {"what": rule.name, "n": n, "all": len(fields), "most": f"{rule.most:.0%}"}
            said = Message("{what} in {n} of {all} fields, more than {most}.", **numbers)
            yield Outcome(rule.name, Verdict(rule.verdict), said)


def _known(line: Line) -> Iterator[Outcome]:
    if line.missing is not None:
        verdict = Verdict.REPEAT if line.plates is PlateResult.SPREADERS else Verdict.ESTIMATED
        yield Outcome(line.name, verdict, Message("{name}: {missing}", name=line.name, missing=line.missing))
    elif line.plates is PlateResult.LESS:
        yield Outcome(line.name, Verdict.ESTIMATED, Message(FEW_COLONIES))
    elif line.plates is PlateResult.ESTIMATED:
        yield Outcome(line.name, Verdict.ESTIMATED, Message(NO_PLATE))
    for name in line.assumed:
        yield Outcome(line.name, Verdict.VALID, Message("{name} is assumed, not measured.", name=name))


def _g(value: float) -> str:
    return f"{value:.4g}"
