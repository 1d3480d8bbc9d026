"""Where a reader is sent next: to images that nobody else has open, each claimed before anybody else can be sent to it."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.domain.errors import OpenElsewhere
from pdc.domain.values import Image
from pdc.review.listing.claims import Claims
from pdc.review.listing.entries import MY_READS, WorklistFilter
from pdc.review.worklist import Worklist

ALL_OPEN = "What is left to do here is open at other readers; choose an image by hand, or come back in a while."


class Sending:
    """Any thread, any number of processes."""

    def __init__(self, images: Worklist) -> None:
        self.images, self.claims = images, Claims(images.service)

    def following(self, reader: str, wanted: WorklistFilter, after: str | None, *, around: bool = True) -> Iterator[Image]:
        """The images that the reader comes to next; `around`: round the end too."""
        return self.images.following(reader, wanted, after, skip=self.claims.elsewhere(reader), around=around)

    def next(self, reader: str, wanted: WorklistFilter, after: str | None) -> Image:
        """The next image that needs work and that nobody else has open, else the next at all; the reader has it from now on.
        OpenElsewhere where others have all that need work, but for images that several readers read."""
        free = (image for image in self.following(reader, wanted, after) if self.claims.take(image.sha256, reader))
        if image := next(free, None):
            return image
        shared = self.images.service.apart or wanted.stage == MY_READS
        if not shared and next(self.images.following(reader, wanted, after), None):
            raise OpenElsewhere(ALL_OPEN)
        image = self.images.next(reader, wanted, after)
        self.claims.hold(image.sha256, reader)
        return image
