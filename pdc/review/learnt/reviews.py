"""Reads reviews once, as they come: what scores were worth, and how many edits an image took."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock, Thread

from pdc.domain.values import UNSEEN, Prediction, Review
from pdc.review.calibration import Scored, scored_marks
from pdc.review.edit_counts import TOGETHER, count_first_edits
from pdc.store.learnt.queries import Unlearnt
from pdc.store.records import EditCount, ScoreKey
from pdc.store.store import Store

AT_ONCE = 200  # reviews that a page waits for; of more, the others are read in the background


class LearntReviews:
    """What all reviews of a store have shown so far. Any thread, any number of processes."""

    def __init__(self, store: Store) -> None:
        self.store, self._lock = store, Lock()
        self._thread: Thread | None = None

    def catch_up(self) -> None:
        """Read what was saved since. Where very many reviews are unread, the rest follows in the background."""
        with self._lock:
            if self._step() and (self._thread is None or not self._thread.is_alive()):
                self._thread = Thread(target=self._rest, name="learning from reviews", daemon=True)
                self._thread.start()

    def edits(self) -> list[EditCount]:
        """Edits per image, in the order of first reviews."""
        self.catch_up()
        return self.store.edit_counts()

    def _rest(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Whether there may be more."""
        new = self.store.unlearnt(AT_ONCE)
        if new is None:
            return False
        retired = self.store.retired(of=new.images).keys()
        shares = {sha: {} if sha in retired else self._share(sha) for sha in new.images}
        self.store.keep_learnt(new, shares, self._edits(new), TOGETHER)
        return len(new.reviews) == AT_ONCE

    def _share(self, sha256: str) -> dict[ScoreKey, list[Scored]]:
        newest = {r.question: r for r in self.store.reviews(sha256) if r.prediction_id}
        return scored_marks((self._answer(r), r) for r in newest.values())

    def _edits(self, new: Unlearnt) -> Iterator[tuple[str, int, str | None]]:
        """Of these reviews that are an image's first, oldest first."""
        said = [r for sha in new.images for r in self.store.reviews(sha, unseen=True)]
        seen = [r for r in said if r.prediction_id and r.verdict not in UNSEEN and r.id in new.reviews]
        for review, edits, adapter in count_first_edits(said, [self._answer(r) for r in seen]):
            if review.id in new.reviews:
                yield review.id, edits, adapter

    def _answer(self, review: Review) -> Prediction:
        return self.store.prediction(review.prediction_id or "")
