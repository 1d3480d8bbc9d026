"""Whether two replicates agree as far as chance lets them. These tests find blunders, not a bias that both share.

Sources: counts, the difference of two Poisson counts; percentages of sperm motility, the table in the WHO laboratory manual as a
course for technicians gives it (LabCE), for two times 200 spermatozoa, rows by the mean of the largest class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

WITHIN = 1.96  # standard deviations of a normal distribution that hold 95 %
FARTHEST = {2: WITHIN, 3: 2.343, 4: 2.569}  # the same for the two farthest of so many (studentized range over the root of 2)
MOTILITY = (  # mean percentage up to this, and the largest difference then allowed
    (4, 4), (7, 5), (11, 6), (16, 7), (23, 8), (34, 9), (65, 10), (76, 9), (83, 8), (88, 7), (92, 6), (95, 5), (97, 4),
)  # fmt: skip
MOTILITY_LEAST = 3  # per cent: the table begins here


class AgreementTest(StrEnum):
    """`counts`: two counts, each Poisson. `counts-table`: the same, rounded to a whole number as printed tables have it.
    `motility`: two percentages of 200, by a table. `within`: they differ by no more than a share of their mean."""

    COUNTS = "counts"
    COUNTS_TABLE = "counts-table"
    MOTILITY = "motility"
    WITHIN = "within"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The difference of two replicates and the largest that is allowed, in the same unit; None: the test says nothing there."""

    difference: float
    allowed: float | None

    @property
    def agree(self) -> bool | None:
        return None if self.allowed is None else self.difference <= self.allowed


def agreement(test: AgreementTest, a: float, b: float, share: float = 0.2, of: int = 2) -> Agreement:
    """Two replicates by this test, the farthest apart `of` so many: counts, or percentages for `motility`. `share`: `within`."""
    allowed: dict[AgreementTest, Callable[[], float | None]] = {
        AgreementTest.COUNTS: lambda: FARTHEST[of] * sqrt(a + b),
        AgreementTest.COUNTS_TABLE: lambda: float(round(FARTHEST[of] * sqrt(a + b))),
        AgreementTest.MOTILITY: lambda: motility_allowed((a + b) / 2),
        AgreementTest.WITHIN: lambda: share * (a + b) / 2,
    }
    return Agreement(abs(a - b), allowed[test]())


def motility_allowed(mean: float) -> float | None:
    """The largest difference between two percentages with this mean, each of 200; None where the table has no row."""
    whole = int(mean + 0.5)
    if whole < MOTILITY_LEAST:
        return None
    return next((float(allowed) for up_to, allowed in MOTILITY if whole <= up_to), None)


def power(mean: float, error: float) -> float:
    """The chance that `counts` finds an error: one replicate reads `mean`, the other `mean` times 1 + error, on average."""
    from scipy.stats import norm

    shift, spread = abs(error) * mean, sqrt(mean * (2 + error))
    return float(norm.sf(WITHIN - shift / spread) + norm.cdf(-WITHIN - shift / spread))
