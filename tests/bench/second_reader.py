"""`python -m tests.bench.second_reader`: how often a reader who counts too much is found, by simulated samples.

20 samples of 150 to 400 objects, each counted by two readers, of whom the second counts more by a share. Found by the test of a
sample's two replicates (each sample), by the rules of the control chart (each point), and by the bias of all 20. Then how often
the error of reader and model that a sheet states holds the change of fresh fields.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pdc.counting.reader_error import reader_error
from pdc.counting.readers.chart import chart
from pdc.counting.readers.pairs import Bias, Pair, bias
from pdc.counting.replicates import AgreementTest, agreement

AT = datetime(2026, 1, 1, tzinfo=UTC)
SHARES = 0.0, 0.05, 0.1, 0.2
SAMPLES, SERIES = 20, 2000
REVIEWS = 6, 10, 40, 150
FIELDS = 10


def found(share: float) -> tuple[float, float, float]:
    """Shares of samples, of points on the chart, and of series in which the bias is found."""
    rng = np.random.default_rng(1)
    samples: list[bool] = []
    points: list[bool] = []
    series: list[bool] = []
    for _ in range(SERIES):
        truth = rng.uniform(150, 400, SAMPLES)
        counts = zip(rng.poisson(truth).tolist(), rng.poisson(truth * (1 + share)).tolist(), strict=True)
        pairs = [Pair(str(i), AT, ("ada", "bob"), both) for i, both in enumerate(counts)]
        samples += [agreement(AgreementTest.COUNTS, *p.counts).agree is False for p in pairs]
        points += [point.wrong for point in chart([p.spreads for p in pairs])]
        told = bias(pairs)
        series.append(isinstance(told, Bias) and told.found)
    return float(np.mean(samples)), float(np.mean(points)), float(np.mean(series))


def held(reviews: int, tried: int = 4000) -> float:
    """How often the stated error of this many reviews holds the change of FIELDS fresh fields, whose model misses some."""
    rng, inside = np.random.default_rng(5), 0
    for _ in range(tried):
        after = rng.poisson(30, reviews + FIELDS)
        before = rng.binomial(after, rng.beta(18, 2, reviews + FIELDS))
        total = int(after[reviews:].sum())
        said = reader_error(list(zip(before[:reviews].tolist(), after[:reviews].tolist(), strict=True)), FIELDS, total)
        assert said is not None
        inside += abs(100 * (after - before)[reviews:].sum() / total - said.bias) <= said.spread
    return inside / tried


if __name__ == "__main__":
    for share in SHARES:
        each, point, series = found(share)
        print(f"bias {share:.0%}: {each:.1%} of samples, {point:.1%} of points, {series:.1%} of series of {SAMPLES}")
    for n in REVIEWS:
        print(f"{n} reviews: the error holds {held(n):.1%} of {FIELDS} fresh fields")
