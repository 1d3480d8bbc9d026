"""The counting area of a field: found in its image, set by three clicks, and kept for the field or for its replicate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdc.counting.area import AreaSource, CountingArea
from pdc.counting.chambers import CHAMBERS, Chamber
from pdc.domain.errors import PdcError
from pdc.domain.message import Message
from pdc.review.counting.sessions import CountSessions
from pdc.review.counting.state import CountSession, FieldState
from pdc.review.service import ReviewService

if TYPE_CHECKING:
    import numpy as np

NO_GRID = Message("No grid of this chamber was found for certain. Set three of its corners.")
NO_DISH = Message("No rim was found for certain. Drag the circle to it.")
NO_PATTERN = Message("The grid of this chamber is not looked for. Set three of its corners.")
NO_CHAMBER = "This count has no chamber, so that it has no grid. Type the size of a pixel."


class NoChamber(PdcError):
    """A grid is asked for in a count without a chamber."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the page needs to set an area. `mm_per_pixel` is the pixel size that the image's file names; None: it names none."""

    session: CountSession
    replicate: int
    chamber: Chamber | None
    mm_per_pixel: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A proposal; None with what to do instead."""

    area: CountingArea | None
    said: Message | None = None


class Areas:
    """Every method may be called from any thread. NotFound where the reader may not see the image, or it is no open field."""

    def __init__(self, service: ReviewService, counts: CountSessions) -> None:
        self.service, self.counts = service, counts

    def known(self, session: str, sha256: str, reader: str) -> Known:
        image = self.service.image(sha256, reader)
        of = self.counts.session(session, reader)
        chamber = CHAMBERS[of.chamber] if of.chamber else None
        size = image.view.mm_per_pixel if image.view else None
        return Known(of, of.field(sha256).replicate, chamber, size)

    def grid(self, session: str, sha256: str, reader: str) -> Found:
        """The most whole squares that the image shows of the session's chamber."""
        from pdc.counting.finding.squares import find_squares

        chamber = self._chamber(session, sha256, reader)
        if chamber.pattern is None:
            return Found(None, NO_PATTERN)
        found = find_squares(self._grey(sha256), chamber)
        return Found(found, None if found else NO_GRID)

    def dish(self, session: str, sha256: str, reader: str) -> Found:
        """The rim of a dish, or the edge of a round field. Its size is that of the file's pixels, where known."""
        from pdc.counting.finding.disc import find_disc

        size = self.known(session, sha256, reader).mm_per_pixel
        disc = find_disc(self._grey(sha256))
        source = AreaSource.FILE if size else AreaSource.NONE
        return Found(CountingArea(shape=disc, mm_per_pixel=size, source=source)) if disc else Found(None, NO_DISH)

    def corners(
        self, session: str, sha256: str, corners: tuple[tuple[float, float], ...], squares: tuple[int, int], reader: str
    ) -> Found:
        """Of three corners on the lines of the chamber; BadCorners where they are none."""
        from pdc.counting.finding.corners import from_corners

        a, b, c = corners
        return Found(from_corners(a, b, c, squares, self._chamber(session, sha256, reader)))

    def set(self, session: str, sha256: str, area: Mapping[str, Any] | None, same: bool, reader: str) -> CountingArea | None:
        """Keep the area of the field, or with `same` of every field of its replicate; None: the whole image, of unknown size."""
        self.service.image(sha256, reader)
        of = self.counts.session(session, reader)
        replicate = of.field(sha256).replicate
        others = [f.sha256 for f in of.fields if f.replicate == replicate and f.state is not FieldState.WITHDRAWN]
        for field in others if same else [sha256]:
            self.counts.set_area(session, field, area, reader)
        return next(f.area for f in self.counts.fields(session, reader) if f.sha256 == sha256)

    def _chamber(self, session: str, sha256: str, reader: str) -> Chamber:
        chamber = self.known(session, sha256, reader).chamber
        if chamber is None:
            raise NoChamber(NO_CHAMBER)
        return chamber

    def _grey(self, sha256: str) -> np.ndarray:
        import numpy as np

        return np.asarray(self.service.files.open(sha256).convert("L"))
