"""What tells the weights of one base model from another's of the same name, and when a folder's files have changed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

EDGE = 1 << 20  # bytes hashed at either end of a weights file
LIKENESS = "likeness.safetensors"  # what images are compared with: no weights, and no answer depends on it


def fingerprint(folder: str | Path) -> str | None:
    """Tells base models apart: sha256 over config.json and both ends of each weights file; None when not a folder."""
    return _hash(Path(folder), stamp(folder)) if Path(folder).is_dir() else None


@lru_cache(maxsize=16)
def _hash(folder: Path, as_it_is: object) -> str:
    digest = hashlib.sha256()
    weights = sorted(path for path in folder.glob("*.safetensors") if path.name != LIKENESS)
    for path in [*folder.glob("config.json"), *weights]:
        with path.open("rb") as file:
            digest.update(file.read(EDGE))
            file.seek(max(0, path.stat().st_size - EDGE))
            digest.update(file.read(EDGE))
    return digest.hexdigest()


def stamp(folder: str | Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file of an adapter does: name, time and size of each. Nothing for an adapter on the hub."""
    folder = Path(folder)
    found = ((p.name, p.stat()) for p in sorted(folder.iterdir())) if folder.is_dir() else ()
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in found)
