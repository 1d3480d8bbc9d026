"""Whether a count stands: each rule of the protocol with its numbers. It judges the count, never the patient.

A rule that failed is shown as failed. The worst of the rules is the verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pdc.counting.chambers import CHAMBERS
from pdc.counting.fair_fields import Way
from pdc.counting.plates import SPREADERS, PlateResult
from pdc.counting.protocol import AreaKind, Protocol
from pdc.counting.readers import power
from pdc.counting.replicates import AgreementTest, agreement
from pdc.counting.results import SPREAD, Line
from pdc.counting.tally import Filled, Replicate, Sample, least_asked, squares_to_match
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
AS_MANY_SQUARES = "{n} counted in {name}, in as many squares as in replicate 1."
UNEQUAL = "Replicates 1 and {i} are of {a} and {b} squares, so their counts cannot be compared: count as many in both."
SAME_PICTURE = "{a} and {b} are one picture counted twice: withdraw one of them."
SAME_LOOK = "Replicates {i} and {j} hold one picture, {name}: two looks at it are not two replicates."
ALIKE = "{a} and {b} seem to show the same place: compare them, and withdraw one if they do."
IN_SIGHT = "In {n} fields of replicate {i} the reader saw what the model had marked: the replicates agree more than they should."
BY_DOUBT = "The fields were chosen in order of doubt, which is for learning: the number speaks for hard fields. Choose anew."
CHOSEN = "The fields were chosen by another way than the protocol names ({way}): the number may not speak for the whole."
NO_SPOT = "No hot spot was chosen, so whole fields are counted: fill in its size, and set the size of a pixel of every field."
MAYBE_ELSEWHERE = "{n} fields were not read: the hottest spot may lie in one of them."
SPREAD_OVER = "{n} plates are left out, for spreaders cover more than {most} of each."
BAD_CHOICE = "{name}: {value}. With that the count does not stand."
PASSED = "{n} chosen fields were passed over, among them {name}: read them, or withdraw them with a reason."
AHEAD = "{n} chosen fields behind the last one were not read."
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
    return tuple(outcome for rule in RULES for outcome in rule(protocol, sample)) + tuple(
        outcome for line in lines for outcome in _known(line)
    )


def worst(outcomes: Sequence[Outcome]) -> Verdict:
    return max((o.verdict for o in outcomes), key=WORST_LAST.index, default=Verdict.VALID)


def _target(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    target, least = protocol.target, least_asked(protocol, sample)
    if not target.each or not sample.replicates:
        n = sample.of(target.of)
        yield Outcome("target", _reached(n, least), Message("{n} of {least} counted.", n=n, least=least))
        return
    squares = squares_to_match(protocol, sample)
    for i, replicate in enumerate(sample.replicates, 1):
        n, name = replicate.of(target.of), Message("replicate {i}", i=i)
        if i > 1 and squares and replicate.squares == squares:  # as much of the sample again, whatever is in it
            yield Outcome("target", Verdict.VALID, Message(AS_MANY_SQUARES, n=n, name=name))
        else:
            said = Message("{n} of {least} counted in {name}.", n=n, least=least, name=name)
            yield Outcome("target", _reached(n, least), said)


def _reached(n: int, least: int) -> Verdict:
    return Verdict.VALID if n >= least else Verdict.ESTIMATED


def _too_many(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    n, most = sample.of(protocol.target.of), protocol.target.most
    if most is not None and n > most:
        said = Message("{n} counted, more than {most}: dilute more, or count fewer squares.", n=n, most=most)
        yield Outcome("too many", Verdict.REPEAT, said)


def _too_few(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    n, few = sample.of(protocol.target.of), protocol.target.few
    if few is not None and n < few:
        said = Message("{n} counted, fewer than {few}: only an upper limit is a result.", n=n, few=few)
        yield Outcome("too few", Verdict.ESTIMATED, said)


def _choice(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    if sample.way is Way.BY_DOUBT:
        yield Outcome("choice of fields", Verdict.REPEAT, Message(BY_DOUBT))
    elif sample.way is not None and sample.way not in protocol.fields:
        yield Outcome("choice of fields", Verdict.ESTIMATED, Message(CHOSEN, way=Message(sample.way)))
    elif sample.way is Way.HOT_SPOT and not sample.everywhere:
        yield Outcome("hot spot", Verdict.ESTIMATED, Message(NO_SPOT))
    elif sample.way is Way.HOT_SPOT and sample.ahead:
        yield Outcome("hot spot", Verdict.ESTIMATED, Message(MAYBE_ELSEWHERE, n=sample.ahead))


def _pictures(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    """A picture is counted once. Whether two are one by what they show, whoever took the sample looks at."""
    there: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for i, replicate in enumerate(sample.replicates, 1):
        for field in replicate.fields:
            if field.image:
                there[field.image].append((i, field.name))
    for (i, name), *others in there.values():
        for j, other in others:
            if i == j:
                yield Outcome("same picture", Verdict.REPEAT, Message(SAME_PICTURE, a=name, b=other))
            else:
                yield Outcome("same picture", Verdict.REPEAT, Message(SAME_LOOK, i=i, j=j, name=name))
    for a, b in sample.copies:
        yield Outcome("same picture", Verdict.ESTIMATED, Message(ALIKE, a=a, b=b))


def _blind(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    """Where a replicate is to be read blind, the reader sees no mark of the model's: shared marks make shared faults."""
    for i, replicate in enumerate(sample.replicates, 1):
        if (i > 1 or protocol.replicates.blind) and (n := sum(f.proposed is not None for f in replicate.fields)):
            yield Outcome("model in sight", Verdict.ESTIMATED, Message(IN_SIGHT, n=n, i=i))


def _plates(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    if protocol.area.kind is AreaKind.PLATE:
        over = [f for f in sample.fields if float(f.filled.get(SPREAD, 0)) > SPREADERS]
        if over and len(over) < len(sample.fields):
            yield Outcome("spreaders", Verdict.VALID, Message(SPREAD_OVER, n=len(over), most=f"{SPREADERS:.0%}"))


def _filled_in(protocol: Protocol, sample: Sample) -> Iterator[Outcome]:
    """What was filled in with which the count does not stand."""
    every: list[Filled] = [sample.filled, *(r.filled for r in sample.replicates), *(f.filled for f in sample.fields)]
    for asked in protocol.fill_in:
        bad = dict.fromkeys(str(f[asked.name]) for f in every if f.get(asked.name) in asked.bad)
        for value in bad:
            yield Outcome(asked.name, Verdict.REPEAT, Message(BAD_CHOICE, name=asked.name, value=value))


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
        yield from _unequal(protocol, sample) or [_agree(protocol, there), *_power(protocol, there)]


def _power(protocol: Protocol, replicates: Sequence[Replicate]) -> list[Outcome]:
    """What the test of two can find at all: that it was passed says no more."""
    asked, numbers = protocol.replicates, [_compared(protocol, r) for r in replicates]
    if asked.test is None or len(numbers) != 2 or not sum(numbers):
        return []
    return [Outcome("power", Verdict.VALID, said) for said in power.said(asked.test, sum(numbers) / 2, asked.share)]


def _unequal(protocol: Protocol, sample: Sample) -> list[Outcome]:
    """Replicates that are not of as many squares as the first; counts of unlike volumes differ without any fault."""
    first = squares_to_match(protocol, sample)
    every = [(i, r.squares) for i, r in enumerate(sample.replicates, 1) if first is not None and r.squares not in (None, first)]
    return [Outcome("unequal replicates", Verdict.ESTIMATED, Message(UNEQUAL, i=i, a=first, b=n)) for i, n in every]


def _agree(protocol: Protocol, replicates: Sequence[Replicate]) -> Outcome:
    """The two that differ most have to agree."""
    asked = protocol.replicates
    numbers = [_compared(protocol, r) for r in replicates]
    low, high = min(numbers), max(numbers)
    assert asked.test is not None
    found = agreement(asked.test, high, low, asked.share, len(numbers))
    if found.allowed is None:
        said = Message("Replicates {a} and {b}: the table has no row for so small a percentage.", a=_g(high), b=_g(low))
        return Outcome("agreement", Verdict.ESTIMATED, said)
    a, b = numbers if len(numbers) == 2 else (high, low)
    d, allowed = _g(found.difference), _g(found.allowed)
    if found.agree:
        return Outcome("agreement", Verdict.VALID, Message(AGREE, a=_g(a), b=_g(b), d=d, allowed=allowed))
    return Outcome("agreement", Verdict.REPEAT, Message(DISAGREE, a=_g(a), b=_g(b), d=d, allowed=allowed))


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
    if sample.passed:
        yield Outcome("fields passed over", Verdict.ESTIMATED, Message(PASSED, n=len(sample.passed), name=sample.passed[0]))
    if sample.ahead:
        yield Outcome("fields ahead", Verdict.VALID, Message(AHEAD, n=sample.ahead))
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
            most = f"{rule.most:.0%}"
            said = Message("{what} in {n} of {all} fields, more than {most}.", what=rule.name, n=n, all=len(fields), most=most)
            yield Outcome(rule.name, Verdict(rule.verdict), said)


RULES = (
    _target,
    _too_few,
    _too_many,
    _fields,
    _choice,
    _pictures,
    _replicates,
    _blind,
    _rows,
    _complete,
    _noted,
    _plates,
    _filled_in,
)
"""in the order in which a reader would ask"""


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
