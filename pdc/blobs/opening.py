"""Where images are kept, as PDC_IMAGES says."""

from __future__ import annotations

from pathlib import Path

from pdc.blobs.base import Blobs
from pdc.blobs.cache import Cache
from pdc.blobs.folder import FolderBlobs
from pdc.blobs.objects import ObjectBlobs

MB = 10**6


def open_blobs(where: str, inside: str, beside: Path, cache_mb: int) -> Blobs:
    """What is kept in the part `inside` of `where`: of an object store by its URL, with copies below `beside`, or of a folder.

    BadSetting where it cannot be used.
    """
    if "://" in where:
        return ObjectBlobs.at(f"{where.rstrip('/')}/{inside}", Cache(beside / inside, cache_mb * MB))
    return FolderBlobs(Path(where).expanduser() / inside)
