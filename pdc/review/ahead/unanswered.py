"""Which images have no answer yet, or one from fewer looks than it would have now: a byte an image, kept up to date.

After the first look at all images only those are looked at of which something was said since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum

from pdc.domain.values import Question, Verdict
from pdc.review.questions import Said
from pdc.review.service import ReviewService

NOBODY = ""  # answers are made for no reader
AT_ONCE = 400  # images that are looked at together


class State(IntEnum):
    """`NONE`: no image, or a retired one. `FINE`: answered or reviewed. `AGAIN`: it failed once; `FAILED`: twice."""

    NONE, FINE, OPEN, ANEW, AGAIN, FAILED = range(6)


TURNS = State.OPEN, State.ANEW, State.AGAIN  # the first of these comes first


class Unanswered:
    """Reviewed images are left alone; `first` is asked of those that have no question of their own. One thread."""

    def __init__(self, service: ReviewService, first: Callable[[], Question]) -> None:
        self.service, self.store, self.first = service, service.store, first
        self._states, self._seen = bytearray(1), (0,) * 4
        self._who: object = None
        self._changed = False  # since what failed was tried

    @property
    def total(self) -> int:
        return len(self._states) - self._states.count(State.NONE)

    @property
    def answered(self) -> int:
        return self._states.count(State.FINE) + self.anew

    @property
    def anew(self) -> int:
        return self._states.count(State.ANEW)

    def next(self) -> int | None:
        """The number of the image whose turn it is; None where nothing is left to ask."""
        self._look()
        n = self._first()
        if n is None and self._changed:
            self._changed = False
            self._states = self._states.replace(bytes([State.FAILED]), bytes([State.OPEN]))
            n = self._first()
        return n

    def _first(self) -> int | None:
        found = (self._states.find(state) for state in TURNS)
        return next((n for n in found if n > 0), None)

    def question(self, n: int, sha256: str) -> Question | None:
        """What that image is asked; None where it need not be any more."""
        asked = self._examine([(n, sha256)])
        return asked[sha256] if self._states[n] in TURNS else None

    def done(self, n: int) -> None:
        self._states[n] = State.FINE

    def failed(self, n: int) -> None:
        """It is tried once more, behind all others; then again when nothing else is left and something has changed."""
        self._states[n] = State.FAILED if self._states[n] == State.AGAIN else State.AGAIN

    def _look(self) -> None:
        """Take in what is new: everything, where somebody else answers than before."""
        who = self._serving()
        if who != self._who:
            self._who, self._seen, self._states = who, self.store.told_until(), bytearray(1)
        while new := self.store.stored_after(len(self._states) - 1, AT_ONCE):
            self._states.extend(bytes(new[-1][0] + 1 - len(self._states)))
            self._examine(new)
        while True:
            told, self._seen = self.store.told_after(self._seen, AT_ONCE)
            if not told:
                return
            self._changed = True
            numbers = self.store.numbers_of(told)
            self._examine([(numbers[sha256], sha256) for sha256 in told])

    def _serving(self) -> object:
        first, serving = self.first(), self.service.serving
        return first, serving(first) if serving else None

    def _examine(self, images: Sequence[tuple[int, str]]) -> dict[str, Question]:
        """Note how these images stand; what each is asked."""
        shas = [sha256 for _, sha256 in images]
        said, given, gone = self._said(shas), dict(self.store.unsettled(shas)), self.store.retired(of=shas)
        asked = {sha: given.get(sha) or (own.question if (own := said.own(sha)) else self.first()) for sha in shas}
        answered, voted = (self._answered(asked, looks) for looks in (lambda question: 1, self.service.unhurried))
        for n, sha in images:
            if sha in gone or n >= len(self._states):
                state = State.NONE
            elif sha in said.reviews and sha not in given:
                state = State.FINE
            else:
                state = State.OPEN if sha not in answered else State.FINE if sha in voted else State.ANEW
            self._note(n, state)
        return asked

    def _note(self, n: int, state: State) -> None:
        """An image that failed once goes on waiting behind the others."""
        if n < len(self._states) and not (state in TURNS and self._states[n] == State.AGAIN):
            self._states[n] = state

    def _answered(self, asked: dict[str, Question], looks: Callable[[Question], int]) -> set[str]:
        """The images that have an answer from so many looks."""
        questions: dict[Question, list[str]] = {}
        for sha, question in asked.items():
            questions.setdefault(question, []).append(sha)
        return {sha for q, shas in questions.items() for sha in self.service.answered_images(q, looks(q), shas)}

    def _said(self, shas: Sequence[str]) -> Said:
        """What is known of these images to who has said nothing."""
        kept = self.service.kept_from(NOBODY)
        lines = [] if self.service.apart else self.store.review_lines(images=shas, unseen=True)
        newest = {r.image_sha256: r for r in lines if r.image_sha256 not in kept}
        reviews = {sha: r for sha, r in newest.items() if r.verdict is not Verdict.TAKEN_BACK}
        answers = {} if self.service.blind else self.store.answered_questions(shas)
        answers = {sha: of for sha, of in answers.items() if sha not in kept}
        return Said({}, {}, reviews, answers, None, self.service.asked)
