"""The probability of each count: how many objects an image shows, from what speaks for the marks and for more. Pure.

Per label the true number of objects is

    N = B_1 + ... + B_n + M

    B_i   1 with probability p_i = 1 / (1 + exp(-(slope * logit(score_i) + offset))): mark i stands for an object of its own
    M     the objects that no mark stands for: negative binomial with mean  mu = unlisted * more + missed * (p_1 + ... + p_n)
          and variance  mu + spread * mu^2  (without spread: Poisson), since some images are worse seen than others

`more` is the list's own probability of going on after its last mark, summed over the looks. The marks are taken to be
independent, so that N - M is Poisson binomial. Doubtful marks are in the sum like all others: a threshold changes the count
that is shown, and P(N = that count) with it, but never the distribution.

The five numbers of a label are fitted to images whose objects are known (`python -m finetune tiny --stages calibrate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import exp, isfinite, log1p

from pdc.domain.certainty.logistic import Logistic
from pdc.domain.message import Message
from pdc.domain.values import Mark

Distribution = Mapping[int, float]
"""count -> its probability; counts that are left out are less likely than LEAST"""
CountChances = Mapping[str, Distribution]
"""label -> the distribution of its count; a label without one: unknown"""

SURE = 0.9  # a count with this probability is called sure; the range that is shown holds so much of it
LEAST = 0.0005
NOTHING = 1e-9  # less than this is not carried through the sums


@dataclass(frozen=True, slots=True)
class CountModel:
    """What a label's scores and the end of its list are worth, by the formula above; all but `offset` at least 0."""

    slope: float
    offset: float
    unlisted: float
    missed: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        numbers = self.offset, self.slope, self.unlisted, self.missed, self.spread
        if not all(type(n) in (int, float) and isfinite(n) for n in numbers) or min(numbers[1:]) < 0:
            raise ValueError(f"a count model needs finite numbers, at least 0 but for the offset, not {numbers}")

    def right(self, score: float) -> float:
        """The probability that a mark with this score, 0 to 1, stands for an object of its own."""
        return Logistic(self.slope, self.offset).right(score)

    def distribution(self, scores: Iterable[float], more: float) -> Distribution:
        """Of the number of objects, where marks have these scores and the list goes on with this probability."""
        right = [self.right(score) for score in scores]
        left_out = negative_binomial(self.unlisted * more + self.missed * sum(right), self.spread)
        return _trimmed(reduce(_sum, ({0: 1 - p, 1: p} for p in right), left_out))


CountModels = Mapping[str, CountModel]


def count_models(said: Mapping[str, Mapping[str, float]]) -> CountModels:
    """As a manifest has them, per label. Raises ValueError, TypeError or AttributeError where that cannot be."""
    return {label: CountModel(**numbers) for label, numbers in said.items()}


def count_chances(marks: Iterable[Mark], more: Mapping[str, float], models: CountModels) -> dict[str, Distribution]:
    """The distribution of each label that has a model and of whose list it is known whether it would have gone on.

    A label with a mark without a score is left out: nothing is known of it.
    """
    scores: dict[str, list[float | None]] = {label: [] for label in more}
    for mark in marks:
        scores.setdefault(mark.label, []).append(mark.score)
    known = {label: [s for s in of if s is not None] for label, of in scores.items() if None not in of}
    return {
        label: model.distribution(known[label], more[label])
        for label, model in models.items()
        if label in known and label in more
    }


def total(distributions: Iterable[Distribution]) -> Distribution:
    """Of the sum of independent counts."""
    return _trimmed(reduce(_sum, distributions, {0: 1.0}))


def mixed(distributions: Sequence[Distribution]) -> Distribution:
    """Of one count that several tell the distribution of, each as likely to be right: the mean of what they tell."""
    counts = {n for of in distributions for n in of}
    return _trimmed({n: sum(of.get(n, 0.0) for of in distributions) / len(distributions) for n in counts})


def chances_now(chances: CountChances, moved: Mapping[str, str]) -> CountChances:
    """Under today's names of the labels; counts of labels that were merged are added up."""
    if moved.keys().isdisjoint(chances):
        return chances
    names = dict.fromkeys(moved.get(label, label) for label in chances)
    return {name: total(of for label, of in chances.items() if moved.get(label, label) == name) for name in names}


def all_right(shown: Mapping[str, int], chances: CountChances, labels: Iterable[str]) -> float | None:
    """The probability that every one of the labels' counts is as shown; None where one of them is unknown."""
    asked = list(labels)
    if not asked or any(label not in chances for label in asked):
        return None
    return reduce(lambda p, label: p * chances[label].get(shown.get(label, 0), 0.0), asked, 1.0)


@dataclass(frozen=True, slots=True)
class Worth:
    """What a count that was said is worth: its probability, and the narrowest range with it that holds a share SURE."""

    said: int
    chance: float
    low: int
    high: int

    @property
    def sure(self) -> bool:
        return self.chance >= SURE

    @property
    def percent(self) -> int:
        """The chance in whole percent; never 100, since a model cannot know."""
        return min(round(100 * self.chance), 99)

    @property
    def words(self) -> Message:
        """Of 0 how sure it is; of other counts the range, or how sure it is where that is the count alone."""
        if self.said and self.low < self.high:
            return Message("{low} to {high}", low=self.low, high=self.high)
        return Message("{n} % sure", n=self.percent) if self.sure else Message("unsure, {n} %", n=self.percent)

    @property
    def sentence(self) -> Message:
        """How sure the model is of the count."""
        if self.sure:
            return Message("The model is {n} % sure of that.", n=self.percent)
        return Message("The model is not sure of that ({n} %).", n=self.percent)


def worth(of: Distribution, said: int) -> Worth:
    low, high = span(of, said)
    return Worth(said, of.get(said, 0.0), low, high)


def worth_of_all(chances: CountChances, said: Mapping[str, int], labels: Iterable[str]) -> Worth | None:
    """Of all labels' counts together; None where one of them is unknown. Its chance is that each of them is as said."""
    asked = list(labels)
    each = all_right(said, chances, asked)
    if each is None:
        return None
    together = worth(total(chances[label] for label in asked), sum(said.get(label, 0) for label in asked))
    return replace(together, chance=each)


def span(of: Distribution, shown: int, share: float = SURE) -> tuple[int, int]:
    """The narrowest range of counts, among those that hold the shown one, that holds this share of the probability."""
    low = high = shown
    held = of.get(shown, 0.0)
    first, last = min(of, default=shown), max(of, default=shown)
    while held < share * sum(of.values()) - NOTHING and (low > first or high < last):
        down, up = of.get(low - 1, 0.0), of.get(high + 1, 0.0)
        if (up >= down and high < last) or low <= first:
            high, held = high + 1, held + up
        else:
            low, held = low - 1, held + down
    return low, high


def expected(of: Distribution) -> float:
    """The mean of the count."""
    return sum(n * p for n, p in of.items())


def negative_binomial(mean: float, spread: float) -> Distribution:
    """With variance mean + spread * mean^2, as far as it matters. P(n + 1) / P(n) = (1 + n * spread) * odds / (n + 1)."""
    odds = mean / (1 + spread * mean)
    p, n, found = exp(-log1p(spread * mean) / spread if spread else -mean), 0, {}
    while p >= LEAST / 100 or n <= mean:
        found[n] = p
        p *= (1 + n * spread) * odds / (n + 1)
        n += 1
    return found


def _sum(a: Distribution, b: Distribution) -> Distribution:
    found: dict[int, float] = {}
    for n, p in a.items():
        for m, q in b.items():
            found[n + m] = found.get(n + m, 0.0) + p * q
    return {n: p for n, p in found.items() if p > NOTHING}


def _trimmed(of: Distribution) -> Distribution:
    """Without the counts that are hardly possible, and rounded: what is kept and sent."""
    return {n: round(p, 4) for n, p in sorted(of.items()) if p >= LEAST}
