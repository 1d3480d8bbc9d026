"""The reviewed cases likest an image, as far as a reader may see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from pdc.domain.errors import ReadFirst
from pdc.domain.message import Message
from pdc.domain.values import USABLE, Image, Question, Review
from pdc.images.near_duplicates import RULE, ImageHash, are_near_duplicates
from pdc.review.service import ReviewService
from pdc.review.similar.describing import Describer
from pdc.review.similar.matrix import ReviewedVectors
from pdc.store.reading.records import Subject

SHOWN = 5
MAYBE_COPIES = 12  # of the likest: a copy looks like its original
READ_FIRST = "Save what you see first; then cases like this one can be shown."
SILENT = Message("The model here does not tell what an image looks like, so like cases cannot be found.")
NO_CASE = Message("No other image has a saved review yet. Save some, then cases like this one are shown here.")
LOOKING = Message("The model has not looked at this image yet. The cases like it appear in a moment.")
# From this cosine on two images are called so. Of dev images of the embedded model's three kinds, half of the pairs of one kind
# have 0.87 and more, and 1 in 1,000 of different kinds.
WORDS = ((0.95, Message("very similar")), (0.85, Message("similar")), (0.6, Message("a little similar")))
OTHERWISE = Message("hardly similar")
COPY = Message("the same image, saved before")


@dataclass(frozen=True, slots=True)
class Case:
    """A reviewed image: its usable review that fits the question best, and how like it is, in words; None where only their order
    is known. `is_copy`: it shows what the image on the screen shows."""

    image: Image
    review: Review
    words: Message | None
    is_copy: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The likest cases, copies first. `note` says why there are none; `looking`: ask again in a moment."""

    cases: tuple[Case, ...] = ()
    note: Message | None = None
    looking: bool = False


class SimilarCases:
    """Where readers are apart they see cases of their own only; whoever reads an image beside others, or blind and has not
    saved, sees none. `measured`: whether it was measured what similarity by this model is worth (`WORDS`). Any thread."""

    def __init__(self, service: ReviewService, describer: Describer, *, measured: bool = True) -> None:
        self.service, self.store, self.describer, self.measured = service, service.store, describer, measured
        self.vectors = ReviewedVectors(service.store, describer.model)

    def of(self, sha256: str, question: Question, reader: str) -> Found:
        """NotFound where the reader may not see the image, ReadFirst where they may not see cases yet."""
        self.service.image(sha256, reader)
        if self.service.reads.part(reader, sha256) or self.service.hides(sha256, question, reader):
            raise ReadFirst(READ_FIRST)
        likest = self.vectors.likest(sha256, reader if self.service.apart else None)
        if not likest and not self.store.has_vector(sha256, self.describer.model):
            self.describer.add(sha256)
            return Found(note=SILENT) if self.describer.silent else Found(note=LOOKING, looking=True)
        hidden = self._hidden([sha for sha, _ in likest], reader)
        cases = tuple(self._first([(sha, n) for sha, n in likest if sha not in hidden], sha256, question, reader))
        return Found(cases) if cases else Found(note=NO_CASE)

    def _hidden(self, shas: Sequence[str], reader: str) -> Set[str]:
        """Those of these reviewed images that this reader may not be shown: retired ones, other visitors', and what they read
        beside others, or blind."""
        room = self.service.room(reader)
        retired = {sha for owner in dict.fromkeys((None, room)) for sha in self.store.retired(owner, shas)}
        others = set(shas) - {i.sha256 for i in self.service.images(reader)} if room else set[str]()
        return retired | others | self.service.reads.parts(reader, shas).keys() | self.service.kept_from(reader)

    def _first(self, likest: Sequence[tuple[str, float]], sha256: str, question: Question, reader: str) -> Iterator[Case]:
        copies = self._copies(sha256, [sha for sha, _ in likest[:MAYBE_COPIES]])
        unsettled, left = self.store.unsettled([sha for sha, _ in likest]), SHOWN
        for sha, similarity in sorted(likest, key=lambda one: one[0] not in copies):  # else by likeness, as they are
            review = self._review(sha, question, reader, unsettled) if left else None
            if review is not None:
                left -= 1
                words = COPY if sha in copies else self._words(similarity)
                yield Case(self.service.image(sha, reader), review, words, sha in copies)
            elif not left:
                return

    def _words(self, similarity: float) -> Message | None:
        return next((said for least, said in WORDS if similarity >= least), OTHERWISE) if self.measured else None

    def _copies(self, sha256: str, others: Sequence[str]) -> Set[str]:
        kept = {sha: ImageHash.parse(text) for sha, text in self.store.likenesses(RULE, [sha256, *others]).items()}
        own = kept.pop(sha256, None)
        return {sha for sha, of in kept.items() if own is not None and are_near_duplicates(own, of)}

    def _review(self, sha256: str, question: Question, reader: str, unsettled: Set[Subject]) -> Review | None:
        """Of the usable newest reviews of an image's questions the one of this question, else the one that shares most labels."""
        newest = {r.question: r for r in self.store.reviews(sha256, reader if self.service.apart else None)}
        usable = [r for q, r in reversed(newest.items()) if r.verdict in USABLE and (sha256, q) not in unsettled]
        return max(usable, key=lambda r: _fit(r.question, question), default=None)


def _fit(told: Question, asked: Question) -> tuple[bool, int]:
    return told == asked, len(set(told.labels) & set(asked.labels))
