"""What a score has been worth so far: the share of marks with such a score that readers kept. From reviews, by numpy.

Platt     a logistic curve of the score's logit (`pdc.domain.certainty.logistic`). Two numbers, so a hundred marks are enough.
Isotonic  the best rising step function (pool adjacent violators), for a thousand marks and more.
Recall    split conformal (Vovk et al. 2005; Angelopoulos & Bates 2021): a threshold chosen so that at most a share alpha
          of the right marks scores below it. It holds for any score, if new images are exchangeable with the reviewed ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import floor

import numpy as np

from pdc.domain.carrying import judged
from pdc.domain.certainty import logistic
from pdc.domain.diff import Correction, CorrectionKind, diff
from pdc.domain.doubt import opened
from pdc.domain.matching import CALIBRATION
from pdc.domain.values import UNSEEN, Findings, Prediction, Review, Status, Verdict
from pdc.store.records import ScoreKey

ENOUGH = 100  # reviewed marks below which a score is called uncalibrated
PLENTY = 1000  # reviewed marks from which on the curve may take any rising shape

Scored = tuple[float, bool]  # a mark's score, and whether it was right
Marks = Counter[Scored]  # how many of each


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising curve through (score, probability) points, and the number of reviewed marks it rests on."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    n: int

    @property
    def calibrated(self) -> bool:
        return self.n >= ENOUGH

    def probability(self, score: float) -> float | None:
        """That a mark with this score is right, or None while too few marks were reviewed to say."""
        return float(np.interp(score, self.scores, self.probabilities)) if self.calibrated else None

    def __str__(self) -> str:
        if self.calibrated:
            return f"calibrated on {self.n} reviewed marks"
        return f"uncalibrated ({self.n} of {ENOUGH} marks reviewed)"


def calibrations(sums: Mapping[ScoreKey, Marks], families: Mapping[ScoreKey, Iterable[ScoreKey]]) -> dict[ScoreKey, Calibration]:
    """One calibration per task, adapter, number of looks and label, from the reviewed marks of each.

    A label with fewer than ENOUGH marks takes those of its family too: the labels whose marks were seen in one image with its
    own, under the same task, adapter and number of looks. Of a label of another kind of image it learns nothing.
    """
    return {key: calibrate(marks if marks.total() >= ENOUGH else _joined(sums, families[key])) for key, marks in sums.items()}


def _joined(sums: Mapping[ScoreKey, Marks], keys: Iterable[ScoreKey]) -> Marks:
    return sum((sums[key] for key in keys if key in sums), Marks())


def scored_marks(pairs: Iterable[tuple[Prediction, Review]]) -> dict[ScoreKey, list[Scored]]:
    """Per task, adapter, looks and label: every predicted mark's score and whether the reader kept it. Reviews that skip or that
    nobody looked at say nothing."""
    scored: dict[ScoreKey, list[Scored]] = defaultdict(list)
    for prediction, review in pairs:
        both = None if review.verdict in (Verdict.SKIPPED, *UNSEEN) else judged(prediction, review)
        for fate in diff(_judged(*both), both[1]) if both else ():
            if fate.before is not None and fate.before.score is not None:
                key = prediction.question.task, prediction.adapter, prediction.looks, fate.before.label
                scored[key].append((fate.before.score, _right(fate)))
    return dict(scored)


def _judged(predicted: Findings, reviewed: Findings) -> Findings:
    """What was predicted without the doubtful marks that the reader left alone: nobody said whether they are right."""
    left_alone = {m.id for m in reviewed.marks if m.status is Status.DOUBTFUL}
    return opened(replace(predicted, marks=tuple(m for m in predicted.marks if m.id not in left_alone)))


def _right(fate: Correction) -> bool:
    """Kept as it was, or moved by so little that it was the same object."""
    if fate.kind is CorrectionKind.KEPT:
        return True
    if fate.kind is not CorrectionKind.MOVED or fate.before is None or fate.after is None:
        return False
    return CALIBRATION.same(fate.before.shape, fate.after.shape)


def calibrate(scored: Iterable[Scored] | Marks) -> Calibration:
    """Isotonic where there are plenty of marks of both kinds, else Platt."""
    marks = Marks(scored)
    n, kept = marks.total(), sum(n for (_, right), n in marks.items() if right)
    return isotonic(marks) if n >= PLENTY and min(kept, n - kept) >= ENOUGH else platt(marks)


def platt(scored: Iterable[Scored] | Marks) -> Calibration:
    grid, marks = [i / 100 for i in range(101)], Marks(scored)
    if not marks:
        return Calibration(tuple(grid), tuple(grid), 0)
    curve = logistic.fit(marks)
    return Calibration(tuple(grid), tuple(map(curve.right, grid)), marks.total())


def isotonic(scored: Iterable[Scored] | Marks) -> Calibration:
    """Pools neighbours until the share of right marks rises with the score; ends are kept off 0 and 1."""
    marks = Marks(scored)
    blocks: list[list[float]] = []  # sum of scores, right, marks
    for (score, right), n in sorted(marks.items()):
        blocks.append([n * score, float(n * right), float(n)])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    scores, shares = [s / n for s, _, n in blocks], [(r + 0.5) / (n + 1) for _, r, n in blocks]
    return Calibration(tuple(scores), tuple(np.maximum.accumulate(shares)), marks.total())


def threshold(scored: Sequence[Scored], recall: float) -> float:
    """The score below which a mark is "unsure", so that at least `recall` of the right marks are not.

    `recall` is 0 to 1. Too few right marks for the wanted recall give 0: nothing is unsure.
    """
    right = sorted(score for score, r in scored if r)
    rank = floor((len(right) + 1) * (1 - recall) + 1e-9)
    return right[rank - 1] if rank >= 1 else 0.0


def auroc(scored: Sequence[Scored]) -> float | None:
    """Probability that a right mark scores higher than a wrong one, ties half; None without both kinds."""
    right, wrong = (np.sort([s for s, r in scored if r is kind]) for kind in (True, False))
    if not len(right) or not len(wrong):
        return None
    below = np.searchsorted(wrong, right, "left") + np.searchsorted(wrong, right, "right")
    return float(below.sum() / (2 * len(right) * len(wrong)))


def calibration_error(scored: Sequence[Scored], bins: int = 10) -> float:
    """Expected calibration error over bins of equally many marks (Naeini et al. 2015; Nixon et al. 2019), 0 to 1."""
    ordered = sorted(scored)
    cuts = [round(i * len(ordered) / bins) for i in range(bins + 1)]
    error = 0.0
    for a, b in pairwise(cuts):
        part = ordered[a:b]
        error += abs(sum(s for s, _ in part) - sum(r for _, r in part))
    return error / max(len(ordered), 1)
