"""Reads reviews once, as they come: what scores were worth, and how many edits an image took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock, Thread

from pdc.domain.values import UNSEEN, Prediction, Question, Review
from pdc.review.calibration import Scored, scored_marks
from pdc.review.edit_counts import TOGETHER, count_first_edits
from pdc.store.learnt.queries import Unlearnt
from pdc.store.records import EditCount, ScoreKey
from pdc.store.store import Store

Answers = Mapping[str, Prediction]
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
        said = self.store.reviews(new.images, unseen=True)
        answers = self.store.predictions_by_id({r.prediction_id for r in said if r.prediction_id})
        shares = self._shares(new, said, answers)
        self.store.keep_learnt(new, shares, _edits(new, said, answers), TOGETHER)
        return len(new.reviews) == AT_ONCE

    def _shares(self, new: Unlearnt, said: Sequence[Review], answers: Answers) -> dict[str, dict[ScoreKey, list[Scored]]]:
        """What each image adds; those that are retired add nothing."""
        retired = self.store.retired(of=new.images).keys()
        newest: dict[str, dict[Question, Review]] = {sha: {} for sha in new.images}
        for review in said:
            if review.prediction_id and review.verdict not in UNSEEN and review.image_sha256 not in retired:
                newest[review.image_sha256][review.question] = review
        return {sha: scored_marks((answers[r.prediction_id or ""], r) for r in of.values()) for sha, of in newest.items()}


def _edits(new: Unlearnt, said: Sequence[Review], answers: Answers) -> Iterator[tuple[str, int, str | None]]:
    """Of these reviews that are an image's first, oldest first."""
    for review, edits, adapter in count_first_edits(said, answers.values()):
        if review.id in new.reviews:
            yield review.id, edits, adapter
