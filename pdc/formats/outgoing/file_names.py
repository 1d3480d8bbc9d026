"""Names of exported image files: the original ones, safe on every file system, each once; or none of them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from itertools import count
from pathlib import PurePosixPath

from pdc.domain.values import Image
from pdc.spool import Once

FOLDER = "images"
HASHED = 16  # characters of a sha256 that name an image
LONGEST = 120  # bytes of a stem: room for a suffix and a folder
UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
SUFFIX = re.compile(r"\.(png|jpe?g|tiff?|bmp|webp|gif)$", re.IGNORECASE)
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}  # Windows' devices


class Names(StrEnum):
    """What an export calls its images and groups: as they are called here, or so that no name leaves."""

    KEPT = "kept"
    HASHED = "hashed"


def caller(names: Names) -> Callable[[Image], Image]:
    """How an export calls an image. Hashed: by the first characters of its sha256, and groups by numbers, as they come."""
    if names is Names.KEPT:
        return lambda image: image
    groups: dict[str, str] = {}

    def hashed(image: Image) -> Image:
        group = groups.setdefault(image.group, f"group-{len(groups) + 1}")
        return replace(image, name=f"{image.sha256[:HASHED]}.png", group=group)

    return hashed


class FileNames:
    """Names images/<name>.png, each given once. A name that is taken gets a number, the first image keeps it: a.png, a-2.png.

    Names that differ only in capitals or in how an accent is written count as one: some file systems hold one of them.
    """

    def __init__(self) -> None:
        self._taken, self._next = Once(), dict[str, int]()

    def of(self, image: Image) -> str:
        stem = _stem(image.name)
        named = stem if self._taken.add(_key(stem)) else self._numbered(stem)
        return f"{FOLDER}/{named}.png"

    def _numbered(self, stem: str) -> str:
        key = _key(stem)
        n = next(i for i in count(self._next.get(key, 2)) if self._taken.add(_key(f"{stem}-{i}")))
        self._next[key] = n + 1
        return f"{stem}-{n}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _stem(name: str) -> str:
    """Images are stored as PNG, so a suffix of another kind is taken off."""
    plain = unicodedata.normalize("NFC", SUFFIX.sub("", PurePosixPath(name).name))
    safe = UNSAFE.sub("_", plain).encode("utf-8", "ignore")[:LONGEST].decode("utf-8", "ignore").strip(" .-")
    return f"{safe or 'image'}_" if _is_device(safe) else safe or "image"


def _is_device(stem: str) -> bool:
    return stem.split(".")[0].casefold() in RESERVED
