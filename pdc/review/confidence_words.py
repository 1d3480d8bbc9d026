"""The words for scores, by what reviews have shown scores to be worth: confident, unsure, no answer."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from pdc.domain.values import Prediction, Question, Review
from pdc.review.calibration import Calibration, Key, Scored, calibrations, scored_marks
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
    """Learns from the store's newest reviews; each is looked at once. Any thread."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, Lock()
        self._read: set[str] = set()
        self._scored: dict[str, dict[Key, list[Scored]]] = {}
        self._fits: dict[Key, Calibration] = {}

    def words(self, question: Question, adapter: str | None, looks: int = 1) -> dict[str, WordThresholds]:
        """What scores of this task, adapter and number of looks are called, as of the last `learn`, per label; without those not
        calibrated."""
        fits = {label: self._fits.get((question.task, adapter, looks, label)) for label in question.labels}
        return {label: _words(fit) for label, fit in fits.items() if fit and fit.calibrated}

    def learn(self) -> None:
        """Take in the reviews that were saved since."""
        with self._lock:
            lines = [r for r in self._store.review_lines() if r.id not in self._read]
            for sha256 in {r.image_sha256 for r in lines}:
                self._scored[sha256] = scored_marks(self._pairs(sha256))
            self._read |= {r.id for r in lines}
            if lines:
                self._fits = calibrations(self._scored.values())

    def _pairs(self, sha256: str) -> list[tuple[Prediction, Review]]:
        newest = {r.question: (r.prediction_id, r) for r in self._store.reviews(sha256) if r.prediction_id}
        return [(self._store.prediction(shown), r) for shown, r in newest.values()]


def _words(fit: Calibration) -> WordThresholds:
    return WordThresholds(_reaches(fit, CONFIDENT), _reaches(fit, UNSURE), fit.n)


def _reaches(fit: Calibration, probability: float) -> float:
    """The lowest score, in hundredths, whose marks are right with this probability."""
    return next((i / 100 for i in range(101) if (fit.probability(i / 100) or 0) >= probability), NEVER)
