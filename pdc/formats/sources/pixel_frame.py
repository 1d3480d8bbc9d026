"""The size of a picture as it is stored and as it is seen: cameras store photos turned and say so in EXIF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from pdc.domain.geometry import Size

ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # orientations in which width and height change places


@dataclass(frozen=True, slots=True)
class Seen:
    """(width, height) of the stored pixels, and the EXIF orientation, 1 to 8; 1 is upright."""

    stored: Size
    orientation: int = 1

    @property
    def size(self) -> Size:
        """As it is seen, upright."""
        return (self.stored[1], self.stored[0]) if self.orientation in SIDEWAYS else self.stored


def seen(file: IO[bytes]) -> Seen | None:
    """From the header only; None when it is no picture."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            turned = image.getexif().get(ORIENTATION, 1)
            return Seen(image.size, turned if turned in range(1, 9) else 1)
    except (OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError):
        return None
