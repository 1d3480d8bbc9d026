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

    def path(self, sha256: str) -> Path:
        """The file, made now if it is not there. NotFound when the image is not stored."""
        source = self.images.path(sha256)
        place = self.folder / source.stem[:2] / f"{source.stem}.jpg"
        if not place.exists():
            files.write(place, self._small(sha256))
        return place

    def _small(self, sha256: str) -> bytes:
        picture = self.images.open(sha256)
        picture.thumbnail((SIDE, SIDE), reducing_gap=3.0)
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=80)
        return buffer.getvalue()
