"""The field's measures of agreement, each of sums over images: a number, or the sentence why there is none. Pure.

Sums, because images are drawn for the intervals, and a draw adds up what its images hold.

Sources: kappa, Cohen 1960; alpha, Krippendorff 2011 ("Computing Krippendorff's Alpha-Reliability"); limits of agreement, Bland &
Altman 1986; ICC(2,1), Shrout & Fleiss 1979. F1 stands where kappa cannot: of objects that nobody marked there is no number
(Hripcsak & Rothschild 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from pdc.domain.message import Message

Measured = float | Message
Table = Sequence[Sequence[float]]

NO_OBJECT = Message("No object was marked by both.")
NO_MARK = Message("Neither marked anything.")
ONE_LABEL = Message("Only one label was used, so labels could not differ.")
FEW_IMAGES = Message("Two images or more are needed.")
SAME_COUNTS = Message("All counts are equal, so there is no variation to compare with.")
WITHIN = 1.96  # standard deviations of a normal distribution that hold 95 %


def cohens_kappa(table: Table) -> Measured:
    """Agreement of two readers beyond chance: `table[i][j]` objects were given label i by one and j by the other.

    (observed - expected) / (1 - expected), expected from how often each reader gives each label.
    """
    total = sum(map(sum, table))
    if not total:
        return NO_OBJECT
    observed = sum(row[i] for i, row in enumerate(table)) / total
    expected = sum(sum(row) * sum(column) for row, column in zip(table, zip(*table, strict=True), strict=True)) / total**2
    return ONE_LABEL if expected >= 1 else (observed - expected) / (1 - expected)


def krippendorffs_alpha(coincidences: Table) -> Measured:
    """Agreement of any number of readers on labels, some missing: 1 - observed / expected disagreement.

    `coincidences[i][j]`: over the objects, the ordered pairs of two readers' labels (i, j), each divided by one less than the
    readers who marked the object.
    """
    sums = [sum(row) for row in coincidences]
    total = sum(sums)
    if total <= 1:
        return NO_OBJECT
    observed = total - sum(row[i] for i, row in enumerate(coincidences))
    expected = (total**2 - sum(n**2 for n in sums)) / (total - 1)
    return 1 - observed / expected if expected else ONE_LABEL


def f1(both: float, one: float, other: float) -> Measured:
    """Objects that both marked, of `one` and `other` marks: 2 both / (one + other). The same seen from either reader."""
    return 2 * both / (one + other) if one + other else NO_MARK


@dataclass(frozen=True, slots=True)
class Differences:
    """Sums over images of the differences of two readers' counts."""

    images: float
    total: float
    squares: float

    def bias(self) -> Measured:
        """The mean difference."""
        return self.total / self.images if self.images else FEW_IMAGES

    def limit(self, side: int) -> Measured:
        """The lower (-1) or upper (1) limit, between which 95 % of the differences are expected."""
        if self.images < 2:
            return FEW_IMAGES
        variance = (self.squares - self.total**2 / self.images) / (self.images - 1)
        return self.total / self.images + side * WITHIN * sqrt(max(variance, 0.0))


def icc(images: float, readers: Sequence[float], squares: float, squared_sums: float) -> Measured:
    """ICC(2,1): absolute agreement of single counts, images and readers both taken as drawn from many.

    `readers`: each reader's sum over the images; `squares`: the sum of all counts squared; `squared_sums`: the sum over images
    of the squared sum of its counts.
    """
    k = len(readers)
    if images < 2 or k < 2:
        return FEW_IMAGES
    mean = sum(readers) ** 2 / (images * k)
    between = squared_sums / k - mean
    among = sum(n**2 for n in readers) / images - mean
    left = squares - mean - between - among
    rows, columns, error = between / (images - 1), among / (k - 1), left / ((images - 1) * (k - 1))
    below = rows + (k - 1) * error + k * (columns - error) / images
    return (rows - error) / below if below > 1e-9 else SAME_COUNTS
