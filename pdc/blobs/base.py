"""What keeps bytes under keys, such as `<sha256>.png` or `raw/<sha256>.tif`. What has a key never changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

SHARD = 2  # hex digits of the folder that a file lies in


class Blobs(Protocol):
    """Any thread, any number of processes. StoreUnavailable, with a sentence, where it does not answer."""

    folder: Path | None
    """where its files lie on this machine; None where they lie elsewhere"""

    def has(self, key: str) -> bool:
        """Whether something is kept under the key."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Keep it; it is safe when this returns. What is there already stays."""
        ...

    def local(self, key: str) -> Path:
        """A file here with its bytes, to be opened at once. FileNotFoundError where nothing is kept."""
        ...

    def size(self, key: str) -> int:
        """Its bytes; 0 where nothing is kept."""
        ...

    def remove(self, key: str) -> None:
        """What is not there is no fault."""
        ...

    def all_keys(self) -> Iterator[str]:
        """Every key."""
        ...

    def sweep(self) -> int:
        """Remove what writers that were killed left, and say how many."""
        ...


def sharded(key: str) -> str:
    """The path of a key: a folder of the first digits of its name between its own folder and its name."""
    path = PurePosixPath(key)
    return str(path.parent / path.name[:SHARD] / path.name)


def key_of(path: str) -> str:
    """The key that has this path; also of a path from before there were folders in between."""
    found = PurePosixPath(path)
    in_shard = found.parent.name == found.name[:SHARD]
    return str((found.parent.parent if in_shard else found.parent) / found.name)
