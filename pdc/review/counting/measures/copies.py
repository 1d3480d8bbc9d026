"""Pictures of a sample that show the same place under two names: a copy that was saved again, brightened, scaled or turned."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pdc.counting.tally import Sample
from pdc.domain.errors import PdcError
from pdc.images.intake import ImageFiles
from pdc.images.near_duplicates import RULE, ImageHash, hash_image, near_duplicate_pairs
from pdc.store import Store


def with_copies(sample: Sample, store: Store, files: ImageFiles) -> Sample:
    """The sample with the names of fields that show the same place. Pictures are told by hashes alone, which is quick."""
    names = {field.image: field.name for field in sample.fields if field.image}
    kept = store.likenesses(RULE, list(names))
    hashes = {sha: found for sha in names if (found := _hash(kept.get(sha), files.path(sha))) is not None}
    pairs = near_duplicate_pairs(hashes, hashes)
    return replace(sample, copies=tuple((names[a], names[b]) for a, b in pairs if a < b))


def _hash(kept: str | None, path: Path) -> ImageHash | None:
    """Without keypoints, which would find fields that only overlap. None where the file is gone."""
    try:
        return replace(ImageHash.parse(kept), keypoints=None) if kept else _quick(path)
    except (OSError, PdcError):
        return None


@lru_cache(maxsize=4096)
def _quick(path: Path) -> ImageHash:
    """A stored image never changes."""
    return hash_image(path, keypoints=False)
