"""A reader's rough boxes and clicks on one image, and what each becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pdc.domain.values import Box, Point, Shape
from pdc.inference.fitting.fitter import Fitted, Fitter, Wish
from pdc.review.service import ReviewService

if TYPE_CHECKING:
    import numpy as np

KEPT_IMAGES = 2  # decoded: the one on the screen, and the next


@dataclass(frozen=True, slots=True)
class Rough:
    """A box that somebody drew, or the place of a click, with the box of the label's usual size around it where there is one."""

    label: str
    shape: Shape
    usual: Box | None = None


class Fitting:
    """Fits marks to the objects of stored images. From any thread.

    Where a reader must not know what a model says of an image, no detector is asked: whether a click finds something would tell.
    """

    def __init__(self, service: ReviewService, fitter: Fitter) -> None:
        self.service, self.fitter = service, fitter
        self._pixels = lru_cache(maxsize=KEPT_IMAGES)(self._read)

    def fit(self, sha256: str, marks: Sequence[Rough], wish: Wish, reader: str) -> list[Fitted | None]:
        """Per mark the object there, None where none is found. NotFound where the reader may not see the image.

        Without marks, image and detectors are made ready for those to come.
        """
        self.service.image(sha256, reader)
        unaided = self.service.reads_blind(sha256) or self.service.reads.part(reader, sha256) is not None
        pixels = self._pixels(sha256)
        if not marks:
            self.fitter.experts.load()
        return [self._fit(pixels, mark, wish, unaided) for mark in marks]

    def _fit(self, pixels: np.ndarray, mark: Rough, wish: Wish, unaided: bool) -> Fitted | None:
        if isinstance(mark.shape, Point):
            return self.fitter.find(pixels, mark.label, mark.shape, mark.usual, unaided=unaided)
        return self.fitter.fit(pixels, mark.label, mark.shape, wish, unaided=unaided)

    def _read(self, sha256: str) -> np.ndarray:
        import numpy as np

        return np.asarray(self.service.files.open(sha256))
