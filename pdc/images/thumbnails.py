"""Small pictures for lists, made once and kept beside the images."""

from __future__ import annotations

import io
from pathlib import Path

from pdc.images.intake import ImageFiles, missing

SIDE = 96


class Thumbnails:
    """JPEG files of at most 96 x 96 pixels, named like the image."""

    def __init__(self, images: ImageFiles) -> None:
        self.images, self.small = images, images.small

    def made(self, sha256: str) -> Path | None:
        """A file with it, to be opened at once, if it was made. NotFound when the image is not stored."""
        try:
            return self.small.local(_key(sha256))
        except FileNotFoundError:
            if not self.images.has(sha256):
                raise missing(sha256) from None
            return None

    def path(self, sha256: str) -> Path:
        """The same, made now if it was not. NotFound when the image is not stored."""
        if (place := self.made(sha256)) is None:
            self.small.write(_key(sha256), self._picture(sha256))
            place = self.small.local(_key(sha256))
        return place

    def remove(self, sha256: str) -> None:
        """The file, if it was made."""
        self.small.remove(_key(sha256))

    def _picture(self, sha256: str) -> bytes:
        picture = self.images.open(sha256)
        picture.thumbnail((SIDE, SIDE), reducing_gap=3.0)
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=80)
        return buffer.getvalue()


def _key(sha256: str) -> str:
    return f"{sha256}.jpg"
