"""What each reader may see: all images and reviews, or only their own."""

from __future__ import annotations

from datetime import UTC, datetime

from pdc.domain.errors import NotFound
from pdc.domain.message import Message
from pdc.domain.values import Image, Question, Review
from pdc.images.intake import accept
from pdc.review.answering import Answers


class ImageAccess(Answers):
    """One room for all readers; with `private` one for each. Any thread."""

    max_megapixels: int
    blind = private = False

    @property
    def apart(self) -> bool:
        """Whether readers do not correct each other: each goes on from reviews of their own only."""
        return self.blind or self.private

    def add_image(
        self, data: bytes, name: str, group: str | None = None, *, owner: str | None = None
    ) -> tuple[Image, tuple[Message, ...]]:
        """Accept and store a file that `owner` brought; returns the image and notes on what was changed to make it safe."""
        accepted = accept(data, name, max_megapixels=self.max_megapixels)
        self.files.put(accepted)
        sha256, now = accepted.sha256, datetime.now(UTC)
        image = Image(sha256, accepted.name, accepted.width, accepted.height, group or sha256, now)
        stored = self.store.add_image(image, owner)
        return (self.image(sha256, owner) if owner else stored), accepted.notes

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

    def reviews(self, reader: str, sha256: str | None = None) -> list[Review]:
        """Every revision that this reader may see, of one image or of all, oldest first."""
        return self.store.reviews(sha256, reader if self.private else None)

    def remember_labels(self, question: Question) -> None:
        """Offer its labels to all readers from now on; where images are private they stay with their own questions."""
        for label in () if self.private else question.labels:
            self.store.add_label(label)
