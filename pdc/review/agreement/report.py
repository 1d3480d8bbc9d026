"""The report of agreement: every pair of readers, all readers together, and each reader with themselves, later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

from pdc.domain.agreement.objects import Reads
from pdc.domain.agreement.rows import Difference, Kind, Row
from pdc.domain.message import Message
from pdc.domain.values import Findings, Image, Question
from pdc.review.agreement.compare import Case, Comparison

AGAIN = "{reader}, again"


@dataclass(frozen=True, slots=True)
class Finished:
    """A reader's finished read. `turn` is 1, or 2 and more where the same image was given to the same reader again."""

    image: Image
    question: Question
    reader: str
    findings: Findings
    turn: int = 1


@dataclass(frozen=True)
class Report:
    """What is compared. The numbers are worked out when they are first asked for."""

    comparisons: tuple[Comparison, ...]

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for comparison in self.comparisons for row in comparison.rows())

    @property
    def labels(self) -> list[str]:
        """All that were asked, alphabetical."""
        return sorted({label for c in self.comparisons for label in c.labels()}, key=str.casefold)

    def about(self, readers: Sequence[str] | None) -> Report:
        """The same of these readers only (None: of all)."""
        return self if readers is None else Report(tuple(c for c in self.comparisons if c.readers == tuple(readers)))

    def differences(self, label: str | None) -> Iterator[list[Difference]]:
        """The dots of one Bland-Altman plot a pair."""
        for comparison in self.comparisons:
            if len(comparison.readers) == 2 and (dots := list(comparison.differences(label))):
                yield dots


def report_of(reads: Iterable[Finished], only: str | None = None) -> Report:
    """The report of these reads, or where `only` names a reader the part of it that they are in."""
    found = list(reads)
    first = _cases(r for r in found if r.turn == 1)
    comparisons = [*_pairs(first), *_all_together(first), *_repeats(found)]
    return Report(tuple(c for c in comparisons if only is None or only in c.readers))


def _cases(reads: Iterable[Finished]) -> list[Case]:
    """One an image and question, with everybody's read."""
    by: dict[tuple[str, Question], list[Finished]] = {}
    for read in reads:
        by.setdefault((read.image.sha256, read.question), []).append(read)
    return [_case(own[0], {r.reader: r.findings for r in own}) for own in by.values()]


def _case(read: Finished, reads: Reads) -> Case:
    return Case(read.image.name, read.image.group, read.question, reads)


def _pairs(cases: Sequence[Case]) -> Iterator[Comparison]:
    readers = sorted({r for c in cases for r in c.reads}, key=str.casefold)
    for pair in combinations(readers, 2):
        if both := tuple(c.of(pair) for c in cases if c.reads.keys() >= set(pair)):
            yield Comparison(Kind.INTER, pair, both)


def _all_together(cases: Sequence[Case]) -> Iterator[Comparison]:
    """Readers of whom three or more have read the same image; all that two of them have read is compared."""
    readers = sorted({r for c in cases if len(c.reads) > 2 for r in c.reads}, key=str.casefold)
    if readers:
        of_them = (c.of([r for r in readers if r in c.reads]) for c in cases)
        yield Comparison(Kind.INTER, tuple(readers), tuple(c for c in of_them if len(c.reads) > 1))


def _repeats(reads: Sequence[Finished]) -> Iterator[Comparison]:
    """Each reader's reads of an image, one turn and the next."""
    turns: dict[str, dict[tuple[str, Question], list[Finished]]] = {}
    for read in sorted(reads, key=lambda r: r.turn):
        turns.setdefault(read.reader, {}).setdefault((read.image.sha256, read.question), []).append(read)
    for reader, own in sorted(turns.items()):
        pair = reader, Message(AGAIN, reader=reader)
        met = [(a, b) for found in own.values() for a, b in pairwise(found)]
        if met:
            yield Comparison(
                Kind.INTRA, pair, tuple(_case(a, dict(zip(pair, (a.findings, b.findings), strict=True))) for a, b in met)
            )
