"""Names of exported image files: the original ones, safe on every file system, each once; or none of them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import count
from pathlib import PurePosixPath

from pdc.domain.values import Image

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


def called(images: Sequence[Image], names: Names) -> list[Image]:
    """The images as the export calls them. Hashed: by the first characters of their sha256, and groups by numbers."""
    if names is Names.KEPT:
        return list(images)
    groups = {group: f"group-{n}" for n, group in enumerate(dict.fromkeys(i.group for i in images), 1)}
    return [replace(i, name=f"{i.sha256[:HASHED]}.png", group=groups[i.group]) for i in images]


def file_names(images: Sequence[Image]) -> dict[str, str]:
    """sha256 -> images/<name>.png. A name that is taken gets a number, the first image keeps it: a.png, a-2.png.

    Names that differ only in capitals or in how an accent is written count as one: some file systems hold one of them.
    """
    taken: set[str] = set()
    return {image.sha256: f"{FOLDER}/{_free(_stem(image.name), taken)}.png" for image in images}


def _free(stem: str, taken: set[str]) -> str:
    named = next(name for name in _candidates(stem) if _key(name) not in taken)
    taken.add(_key(named))
    return named


def _candidates(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}-{i}" for i in count(2))


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _stem(name: str) -> str:
    """Images are stored as PNG, so a suffix of another kind is taken off."""
    plain = unicodedata.normalize("NFC", SUFFIX.sub("", PurePosixPath(name).name))
    safe = UNSAFE.sub("_", plain).encode("utf-8", "ignore")[:LONGEST].decode("utf-8", "ignore").strip(" .-")
    return f"{safe or 'image'}_" if _is_device(safe) else safe or "image"


def _is_device(stem: str) -> bool:
    return stem.split(".")[0].casefold() in RESERVED
