"""What each reader may see: all images and reviews, or only their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pdc.domain.errors import NotFound
from pdc.domain.message import Message
from pdc.domain.values import Image, Question, Review
from pdc.images.burned_in.door import Action, Passed, TextRule
from pdc.images.intake import accept
from pdc.review.answering import Answers
from pdc.review.counting.blind import is_blind, kept_back, kept_from
from pdc.review.limits.disk import Disk
from pdc.review.limits.quotas import Limits
from pdc.review.reading.lines import CONSENSUS, READ, ConsensusLine, Line, OwnLine, SharedLine, closed_line, fresh_key, kind_of
from pdc.review.reading.reads import Reads
from pdc.store.audit.kinds import AuditKind
from pdc.store.records import EventKind

NUMBERED = "image-{n}.png"
UPLOAD = "upload"  # by nobody who has a name
BACK_AGAIN = "{reader} retired this image on {date}. You brought it again, so it is back in the list."

STAYS_IN_GROUP = Message("This image was stored before, and stays in the group it was given then.")


class ImageAccess(Answers):
    """One room for all readers; with `private` one for each. Any thread."""

    max_megapixels: int
    text_rule: TextRule
    numbered = False
    """whether an upload is stored under a number instead of its name"""
    reads: Reads
    blind = private = False
    limits = Limits(Disk(Path()))

    @property
    def apart(self) -> bool:
        """Whether readers do not correct each other: each goes on from reviews of their own only."""
        return self.blind or self.private

    def add_image(
        self, data: bytes, name: str, group: str | None = None, *, owner: str | None = None, text: Action | None = None
    ) -> tuple[Image, tuple[Message, ...]]:
        """Accept and store a file that `owner` brought; returns the image and notes on what was changed to make it safe.

        `group` is a patient, sample or video, whose images stay on one side of a split; None: the image is on its own. `text`
        is what its reader says where they are asked about text in it: TextInImage when they have not said it yet.
        """
        self.limits.bring(owner, len(data))
        name = NUMBERED.format(n=self.store.newest_image() + 1) if self.numbered else name
        passed = self.text_rule.passed(accept(data, name, max_megapixels=self.max_megapixels), text)
        stored, notes = self._added(passed, group, owner)
        self._record_text(passed, owner or UPLOAD)
        return stored, notes

    def add_example(self, data: bytes, name: str, owner: str) -> Image:
        """Store an image that comes with PDC: it names nobody, so it keeps its name and is not looked through."""
        return self._added(Passed(accept(data, name, max_megapixels=self.max_megapixels)), None, owner)[0]

    def _added(self, passed: Passed, group: str | None, owner: str | None) -> tuple[Image, tuple[Message, ...]]:
        accepted = passed.image
        self.files.put(accepted)
        stored = self.store.add_image(accepted.image(group), owner)
        stays = () if group in (None, stored.group) else (STAYS_IN_GROUP,)
        notes = (*accepted.notes, *passed.notes, *self._back_again(stored.sha256, owner or UPLOAD), *stays)
        return (self.image(stored.sha256, owner) if owner else stored), notes

    def _record_text(self, passed: Passed, by: str) -> None:
        """Note what became of text in an image; never the text."""
        if passed.boxes:
            kind = AuditKind.PAINTED_OVER if passed.painted else AuditKind.TEXT_KEPT
            self.store.record_event(kind, by, image=passed.image.sha256, boxes=len(passed.boxes))

    def left_out(self, boxes: int, by: str) -> None:
        """Note that a reader did not add an image with text in it."""
        self.store.record_event(AuditKind.TEXT_LEFT_OUT, by, boxes=boxes)

    def _back_again(self, sha256: str, by: str) -> Iterator[Message]:
        """A retired image that is brought again is in the list again."""
        event = self.store.retired(self.room(by), [sha256]).get(sha256)
        if event is not None:
            self.restore([sha256], by)
            yield Message(BACK_AGAIN, reader=event.by, date=f"{event.at:%Y-%m-%d}")

    def room(self, reader: str) -> str | None:
        """Whose images are retired: everybody's (None), or where images are private this reader's own."""
        return reader if self.private else None

    def retire(self, shas: Sequence[str], by: str, why: str = "") -> None:
        """Take images out of every list, export and training run; nothing is erased. NotFound when one may not be seen."""
        self._decide(shas, EventKind.RETIRED, by, why)

    def restore(self, shas: Sequence[str], by: str) -> None:
        """Bring retired images back. NotFound when one may not be seen."""
        self._decide(shas, EventKind.RESTORED, by, "")

    def hold_back(self, shas: Sequence[str], by: str, why: str = "") -> None:
        """Leave images out of every export from now on; training here goes on. NotFound when one may not be seen."""
        self._decide(shas, EventKind.HELD_BACK, by, why)

    def release(self, shas: Sequence[str], by: str) -> None:
        """Let exports hold these images again. NotFound when one may not be seen."""
        self._decide(shas, EventKind.RELEASED, by, "")

    def held_back(self, reader: str) -> frozenset[str]:
        """What no export by this reader may hold."""
        return self.store.held_back(self.room(reader))

    def _decide(self, shas: Sequence[str], kind: EventKind, by: str, why: str) -> None:
        if self.private:
            for sha256 in shas:
                self.image(sha256, by)
        holding = kind in (EventKind.HELD_BACK, EventKind.RELEASED)
        ask = self.store.held_back if holding else self.store.retired
        already = ask(self.room(by), shas)
        undoes = kind in (EventKind.RESTORED, EventKind.RELEASED)
        changed = [sha for sha in dict.fromkeys(shas) if (sha in already) is undoes]
        self.store.add_events(changed, kind, by=by, reader=self.room(by), note=why)

    def image(self, sha256: str, reader: str) -> Image:
        """NotFound when there is none, or none that this reader may see."""
        if not self.private:
            return self.store.image(sha256)
        if own := self.store.images_of(reader, sha256):
            return own[0]
        raise NotFound("There is no image {id}; upload it again.", id=sha256[:12])

    def images(self, reader: str) -> list[Image]:
        """Those that this reader may see, oldest first."""
        return self.store.images_of(reader) if self.private else self.store.images()

    def newest_images(self, reader: str, most: int) -> list[Image]:
        """So many of those that this reader may see, and all of their groups, oldest first; all where each sees their own."""
        return self.store.images_of(reader) if self.private else self.store.newest_images(most)

    def reviews(self, reader: str, sha256: str | None = None) -> list[Review]:
        """Every revision that this reader may see, of one image or of all, oldest first. None of images that they read beside
        others now, or of a count and have not read blind yet."""
        parts = self.reads.parts(reader, sha256).keys() | self.kept_from(reader, sha256)
        return [r for r in self.store.reviews(sha256, reader if self.private else None) if r.image_sha256 not in parts]

    def hides(self, sha256: str, question: Question, author: str) -> bool:
        """Whether this reader must not see any prediction of this image and question now."""
        part = self.reads.part(author, sha256)
        if part is None:
            unread = self.blind and not self.store.has_read(author, sha256, question)
            return unread or kept_back(self.store, sha256, author)
        return not part.given.shows_model or (self.blind and not part.finished)

    def kept_from(self, reader: str, sha256: str | None = None) -> frozenset[str]:
        """Images (this one or all) of open counts that this reader has to read blind first: nothing that anybody said of them is
        shown or told."""
        return kept_from(self.store, reader, sha256)

    def reads_blind(self, sha256: str) -> bool:
        """Whether who reads this image is to see the model's marks only after their own."""
        return self.blind or is_blind(self.store, sha256)

    def line(self, author: str, sha256: str, question: Question, key: str) -> Line:
        """The revisions that a draft of this key goes on from, and where its save goes."""
        kind, part = kind_of(key), self.reads.part(author, sha256)
        apart = self.apart or kept_back(self.store, sha256, author)
        if kind.startswith(READ):
            return OwnLine(self.store, sha256, question, author, int(kind.removeprefix(READ)))
        if part is not None:
            return closed_line(part, question)
        reviews = SharedLine(self.store, sha256, question, author, apart, self.private)
        return ConsensusLine(reviews, self.reads) if kind == CONSENSUS else reviews

    def key_for(self, author: str, sha256: str, question: Question) -> str:
        """A fresh key of the line that this reader's work on this image and question belongs to now."""
        part = self.reads.part(author, sha256)
        if part is not None:
            return fresh_key(f"{READ}{part.given.turn}" if part.given.question == question else "")
        standing = self.reads.standing(sha256, question)
        return fresh_key(CONSENSUS if standing and self.reads.may_see(author, standing) else "")
