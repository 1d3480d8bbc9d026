"""Where a count stands, and what comes next: the line above the image while a sample is counted."""

from __future__ import annotations

from dataclasses import dataclass

from pdc.counting.chambers import CHAMBERS
from pdc.counting.protocol import AreaKind, Protocol
from pdc.counting.tally import Sample
from pdc.domain.message import Message, joined


@dataclass(frozen=True, slots=True)
class Progress:
    """`n` of `least` objects in the replicate that is read now, the `replicate`-th of `of`; `done`: nothing more is asked for."""

    n: int
    least: int
    replicate: int
    of: int
    done: bool
    said: Message


def progress(protocol: Protocol, sample: Sample) -> Progress:
    """After the fields counted so far. A target that is reached inside a row or field is not the end: it is finished first."""
    target, asked = protocol.target, protocol.replicates.number
    at = max(len(sample.replicates), 1)
    current = sample.replicates[-1] if sample.replicates else None
    n = current.of(target.of) if current and target.each else sample.of(target.of)
    fields = len(sample.fields)
    enough = n >= target.least and (target.fields is None or fields >= target.fields)
    squares = _squares_left(protocol, sample)
    done = enough and not squares and at >= asked
    where = Message("{n} of {least}", n=n, least=target.least)
    if asked > 1:
        where = Message("{where}, replicate {at} of {asked}", where=where, at=at, asked=asked)
    return Progress(
        n, target.least, at, asked, done, Message("{where}: {next}", where=where, next=_next(done, enough, squares, at, asked))
    )


def _squares_left(protocol: Protocol, sample: Sample) -> int:
    """Squares of the chamber until its row is whole."""
    current = sample.replicates[-1] if sample.replicates else None
    if current is None or sample.chamber is None or protocol.target.finish != "row" or protocol.area.kind is not AreaKind.CHAMBER:
        return 0
    row = CHAMBERS[sample.chamber].row
    return -(current.squares or 0) % row


def _next(done: bool, enough: bool, squares: int, at: int, asked: int) -> Message:
    if done:
        return Message("enough, look at the result.")
    if not enough:
        return Message("go on with the next field.")
    if squares:
        return joined((Message("finish the row."), Message("{n} squares are left.", n=squares)))
    return Message("begin replicate {at} of {asked}.", at=at + 1, asked=asked)
