"""A control chart: counts of one reader over time in standard deviations from where they should lie, and the rules they break.

Sources: the chart, Levey & Jennings 1950; the rules and their names, Westgard, Barry, Hunt & Groth 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

BASELINE = 20  # the first points, whose spread is that of the reader; until then it is provisional
FEWEST = 5  # points, below which nothing is charted


class Rule(StrEnum):
    """`1-2s`: one beyond 2 standard deviations, a warning only. All others say that something is wrong: `1-3s`, one beyond 3;
    `2-2s`, two in a row beyond 2 on one side; `R-4s`, two in a row beyond 2 on either side; `4-1s`, four in a row beyond 1 on
    one side; `10x`, ten in a row on one side."""

    WARNING = "1-2s"
    ONE_3S = "1-3s"
    TWO_2S = "2-2s"
    RANGE = "R-4s"
    FOUR_1S = "4-1s"
    TEN_X = "10x"


@dataclass(frozen=True, slots=True)
class Charted:
    """A point: standard deviations from the centre, and the rules that the points up to it break."""

    spreads: float
    broken: tuple[Rule, ...]

    @property
    def wrong(self) -> bool:
        """Whether a rule is broken that is more than a warning."""
        return any(rule is not Rule.WARNING for rule in self.broken)


def chart(spreads: Sequence[float]) -> tuple[Charted, ...]:
    """Each point with the rules that it breaks together with those before it. Oldest first."""
    return tuple(Charted(spreads[i], tuple(_broken(spreads[: i + 1]))) for i in range(len(spreads)))


def in_spreads(values: Sequence[float]) -> tuple[float, ...] | None:
    """Values whose centre is 0, such as differences of two reads, in standard deviations of the first BASELINE of them.

    The spread is about 0, so that a bias which was there from the start is not taken for the reader's own. None for fewer than
    FEWEST, or where the first do not differ.
    """
    first = values[:BASELINE]
    spread = sqrt(sum(v**2 for v in first) / len(first)) if len(first) >= FEWEST else 0.0
    return tuple(v / spread for v in values) if spread else None


def _broken(spreads: Sequence[float]) -> list[Rule]:
    """By the last point, with those before it."""
    broken = [Rule.WARNING] if abs(spreads[-1]) > 2 else []
    last = spreads[-2:]
    tests = {
        Rule.ONE_3S: abs(spreads[-1]) > 3,
        Rule.TWO_2S: _beyond(spreads, 2, 2),
        Rule.RANGE: len(last) == 2 and max(last) > 2 and min(last) < -2,
        Rule.FOUR_1S: _beyond(spreads, 4, 1),
        Rule.TEN_X: _beyond(spreads, 10, 0),
    }
    return broken + [rule for rule, is_so in tests.items() if is_so]


def _beyond(spreads: Sequence[float], n: int, limit: float) -> bool:
    """Whether the last n all lie beyond the limit on one side."""
    last = spreads[-n:]
    return len(last) == n and (min(last) > limit or max(last) < -limit)
