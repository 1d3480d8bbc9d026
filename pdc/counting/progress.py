"""Where a count stands, and what comes next: the line above the image while a sample is counted."""

from __future__ import annotations

from dataclasses import dataclass

from pdc.counting.chambers import CHAMBERS
from pdc.counting.fair_fields import Way
from pdc.counting.protocol import AreaKind, Protocol
from pdc.counting.tally import Sample, least_asked, squares_to_match
from pdc.domain.message import Message, joined


@dataclass(frozen=True, slots=True)
class Progress:
    """`n` of `least` objects in the replicate that is read now, the `replicate`-th of `of`; `done`: nothing more is asked for.

    Where there are enough objects, and too few fields, they are fields. `said` is the whole line, and `next` what comes next.
    """

    n: int
    least: int
    replicate: int
    of: int
    done: bool
    said: Message
    next: Message


def progress(protocol: Protocol, sample: Sample) -> Progress:
    """After the fields counted so far. A target that is reached inside a row or field is not the end: it is finished first.

    A later replicate in a chamber ends with the squares of the first, whatever was found there.
    """
    target, asked, least = protocol.target, protocol.replicates.number, least_asked(protocol, sample)
    at = max(len(sample.replicates), 1)
    current = sample.replicates[-1] if sample.replicates else None
    n = current.of(target.of) if current and target.each else sample.of(target.of)
    fields = len(sample.fields)
    enough = n >= least and (target.fields is None or fields >= target.fields)
    squares = _squares_left(protocol, sample)
    if at > 1 and squares_to_match(protocol, sample):
        enough = not squares
    if sample.way is Way.HOT_SPOT and sample.ahead:
        enough = False  # the hottest may lie in a field that nobody has read
    done = enough and not squares and at >= asked
    where = Message("{n} of {least}", n=n, least=least)
    if target.fields is not None and n >= least and fields < target.fields:  # enough objects, in too few fields
        n, least = fields, target.fields
        where = Message("{n} of {least} fields", n=n, least=least)
    if asked > 1:
        where = Message("{where}, replicate {at} of {asked}", where=where, at=at, asked=asked)
    coming = _next(done, enough, squares, at, asked)
    return Progress(n, least, at, asked, done, Message("{where}: {next}", where=where, next=coming), coming)


def _squares_left(protocol: Protocol, sample: Sample) -> int:
    """Squares of the chamber until its row is whole, or until they are as many as those of the first replicate."""
    current = sample.replicates[-1] if sample.replicates else None
    if current is None or sample.chamber is None or protocol.target.finish != "row" or protocol.area.kind is not AreaKind.CHAMBER:
        return 0
    here = current.squares or 0
    return max((squares_to_match(protocol, sample) or 0) - here, 0) or -here % CHAMBERS[sample.chamber].row


def _next(done: bool, enough: bool, squares: int, at: int, asked: int) -> Message:
    if done:
        return Message("enough, look at the result.")
    if not enough:
        return Message("go on with the next field.")
    if squares:
        return joined((Message("finish the row."), Message("{n} squares are left.", n=squares)))
    return Message("begin replicate {at} of {asked}.", at=at + 1, asked=asked)
