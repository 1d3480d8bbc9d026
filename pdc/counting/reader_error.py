"""What reading changes: the corrected count minus the model's, from reviews. The second error of a result, beside chance.

An interval of chance claims nothing about a model that misses every eighth cell; this line does. Reads that were made without
the model in sight are told apart: a reader who sees its marks tends to leave them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

FEWEST = 5  # reviews, below which nothing is said
RECENT = 200  # reviews: older ones tell of an older model

Change = Mapping[str, tuple[int, int]]
"""of one image: what the model counted in each class, and what its reader did"""


@dataclass(frozen=True, slots=True)
class ErrorOf:
    """The same of one class, or with `blind` of what was read without the model in sight; `name` is empty for all classes."""

    name: str
    bias: float
    spread: float
    n: int
    blind: bool = False


@dataclass(frozen=True, slots=True)
class ReaderError:
    """Per cent of the count, over `n` reviews. `bias` is how far the model's counts lay below the corrected ones on average.

    `spread` is the half-width in which 95 % of the totals of as many fields would lie about it; with few reviews it is wide, for
    they say little about bias and spread. `parts` are the same of each class, and of blind reads.
    """

    bias: float
    spread: float
    n: int
    parts: tuple[ErrorOf, ...] = ()


def reader_error(pairs: Sequence[tuple[int, int]], fields: int, total: int) -> ReaderError | None:
    """Of (the model's count, the corrected count) of reviewed images, for a sample of `fields` fields with `total` objects.

    None for fewer than FEWEST reviews, or where nothing was counted.
    """
    n, corrected = len(pairs), sum(after for _, after in pairs)
    if n < FEWEST or not total or not fields or not corrected:
        return None
    changes = [after - before for before, after in pairs]
    mean = sum(changes) / n
    spread = sqrt(sum((c - mean) ** 2 for c in changes) / (n - 1))
    per_object = total / fields / (corrected / n)  # the sample's fields may be fuller than those reviewed
    of_totals = spread * sqrt(per_object * fields * (1 + per_object * fields / n))  # the mean is itself of n reviews only
    return ReaderError(100 * mean * n / corrected, 100 * _within(n) * of_totals / total, n)


def reader_errors(
    seen: Sequence[Change], blind: Sequence[Change], fields: int, totals: Mapping[str, int], of: Sequence[str]
) -> ReaderError | None:
    """The error of the classes `of` together, from reviews with the model in sight; and its parts. `totals` are the sample's.

    Where no such review is, blind reads alone make it; None where too few of either are.
    """
    together = sum(totals.get(name, 0) for name in of)
    shown, hidden = (reader_error([_sum(c, of) for c in changes], fields, together) for changes in (seen, blind))
    parts: list[ErrorOf] = []
    if len(of) > 1:
        for name in of:
            found = reader_error([c[name] for c in seen if name in c], fields, totals.get(name, 0))
            parts += [_part(name, found)] if found else []
    parts += [_part("", hidden, blind=True)] if hidden else []
    main = shown or hidden
    return ReaderError(main.bias, main.spread, main.n, tuple(parts)) if main else None


def _sum(change: Change, of: Sequence[str]) -> tuple[int, int]:
    there = [change[name] for name in of if name in change]
    return sum(before for before, _ in there), sum(after for _, after in there)


def _part(name: str, found: ReaderError, blind: bool = False) -> ErrorOf:
    return ErrorOf(name, found.bias, found.spread, found.n, blind)


def _within(n: int) -> float:
    """Standard deviations that hold 95 %, where the deviation itself is of n values (Student)."""
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1))
