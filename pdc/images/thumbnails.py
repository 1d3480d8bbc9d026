"""Small pictures for lists, made once and kept beside the images."""

from __future__ import annotations

import io
from pathlib import Path

from pdc import files
from pdc.images.intake import ImageFiles

SIDE = 96


class Thumbnails:
    """JPEG files of at most 96 x 96 pixels in `folder`, named like the image."""

    def __init__(self, images: ImageFiles, folder: Path) -> None:
        self.images, self.folder = images, folder

    def made(self, sha256: str) -> Path | None:
        """The file, if it is there. NotFound when the image is not stored."""
        self.images.path(sha256)
        place = self._place(sha256)
        return place if place.exists() else None

    def path(self, sha256: str) -> Path:
        """The file, made now if it is not there. NotFound when the image is not stored."""
        self.images.path(sha256)
        place = self._place(sha256)
        if not place.exists():
            files.write(place, self._small(sha256))
        return place

    def remove(self, sha256: str) -> None:
        """The file, if it was made."""
        self._place(sha256).unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.jpg"

    def _small(self, sha256: str) -> bytes:
        picture = self.images.open(sha256)
        picture.thumbnail((SIDE, SIDE), reducing_gap=3.0)
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=80)
        return buffer.getvalue()
