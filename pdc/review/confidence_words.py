"""The words for scores, by what reviews have shown scores to be worth: confident, unsure, no answer."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from pdc.domain.values import Question
from pdc.review.calibration import Calibration, calibrations
from pdc.review.learnt.reviews import LearntReviews
from pdc.store.records import ScoreKey
from pdc.store.store import Store

CONFIDENT, UNSURE = 0.9, 0.5  # probability of being right from which on a mark is called so; below both: no answer
NEVER = 1.01


@dataclass(frozen=True, slots=True)
class WordThresholds:
    """From these scores on a mark is called confident, unsure; `n` reviewed marks say so."""

    confident: float
    unsure: float
    n: int


class ConfidenceWords:
    """By the store's newest reviews. Any thread."""

    def __init__(self, store: Store) -> None:
        self._reviews, self._lock = LearntReviews(store), Lock()
        self._until: tuple[int, int] | None = None
        self._fits: dict[ScoreKey, Calibration] = {}

    def words(self, question: Question, adapter: str | None, looks: int = 1) -> dict[str, WordThresholds]:
        """What scores of this task, adapter and number of looks are called, as of the last `learn`, per label; without those not
        calibrated."""
        fits = {label: self._fits.get((question.task, adapter, looks, label)) for label in question.labels}
        return {label: _words(fit) for label, fit in fits.items() if fit and fit.calibrated}

    def learn(self) -> None:
        """Take in the reviews that were saved since."""
        store = self._reviews.store
        with self._lock:
            self._reviews.catch_up()
            if (until := store.learnt_until()) != self._until:
                self._fits, self._until = calibrations(store.score_sums(), store.score_neighbours()), until


def _words(fit: Calibration) -> WordThresholds:
    return WordThresholds(_reaches(fit, CONFIDENT), _reaches(fit, UNSURE), fit.n)


def _reaches(fit: Calibration, probability: float) -> float:
    """The lowest score, in hundredths, whose marks are right with this probability."""
    return next((i / 100 for i in range(101) if (fit.probability(i / 100) or 0) >= probability), NEVER)
