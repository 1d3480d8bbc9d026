"""Colonies on plates: the count of a sample from plates of one or more dilutions.

Sources: FDA Bacteriological Analytical Manual, chapter 3 (25 to 250 colonies a plate, two figures, what to report below and
above); the uncertainty, ISO/TS 19036 Amendment 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from pdc.counting.rounding import figures

COUNTABLE = 25, 250  # colonies on a plate that may be counted on
SPREADERS = 0.25  # share of a plate above which it is not counted
COUNT_VARIANCE = 0.18861  # (log10 e)^2, for the variance of log10 of a count


class PlateResult(StrEnum):
    """`counted`: from countable plates. `less`: fewer than the limit on all. `estimated`: from a plate above the limit.
    `spreaders`: no plate could be counted."""

    COUNTED = "counted"
    LESS = "less"
    ESTIMATED = "estimated"
    SPREADERS = "spreaders"


@dataclass(frozen=True, slots=True)
class Plate:
    """`dilution` is how much of the sample is in what was plated, such as 0.01 for 10^-2; `volume` is in mL.

    `spread` is the share of the plate that spreaders cover; `part` is the share of the plate that was counted.
    """

    colonies: int
    dilution: float
    volume: float = 1.0
    spread: float = 0.0
    part: float = 1.0

    @property
    def sample(self) -> float:
        """Millilitres of the undiluted sample whose colonies were counted."""
        return self.dilution * self.volume * self.part

    @property
    def whole(self) -> float:
        """Colonies on the whole plate, by the part that was counted."""
        return self.colonies / self.part


@dataclass(frozen=True, slots=True)
class Colonies:
    """Colony-forming units per mL of sample as the kind of result says it; `total` colonies stand behind it."""

    kind: PlateResult
    per_ml: float
    total: int
    of: tuple[Plate, ...]


def colonies(plates: Sequence[Plate], countable: tuple[int, int] = COUNTABLE) -> Colonies:
    """CFU per mL: the colonies on all countable plates over the sample on them; two figures.

    Below the limit on all: fewer than the limit times the lowest dilution. Above it on all: the plate nearest the upper limit.
    """
    few, many = countable
    usable = [p for p in plates if p.spread <= SPREADERS]
    if not usable:
        return Colonies(PlateResult.SPREADERS, 0.0, 0, tuple(plates))
    if good := [p for p in usable if p.part == 1 and few <= p.colonies <= many]:
        return _result(PlateResult.COUNTED, good)
    if all(p.whole < few for p in usable):
        most = max(usable, key=lambda p: p.sample)
        limit = figures(few / (most.dilution * most.volume), 2)
        return Colonies(PlateResult.LESS, limit, sum(p.colonies for p in usable), tuple(usable))
    return _result(PlateResult.ESTIMATED, [min(usable, key=lambda p: abs(p.whole - many))])


def _result(kind: PlateResult, plates: Sequence[Plate]) -> Colonies:
    total = sum(p.colonies for p in plates)
    return Colonies(kind, figures(total / sum(p.sample for p in plates), 2), total, tuple(plates))


def expanded_uncertainty(reproducibility: float, total: int) -> float:
    """Of a count in log10 CFU: twice the root of the laboratory's own variance and that of counting `total` colonies."""
    if total <= 0:
        raise ValueError("the uncertainty of a count needs one colony or more")
    return 2 * sqrt(reproducibility**2 + COUNT_VARIANCE / total)
