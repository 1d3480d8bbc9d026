"""Files in a folder, those whose names begin alike in a folder of their own: most disks are slow with a million in one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pdc import files
from pdc.blobs.base import SHARD, key_of, sharded


class FolderBlobs:
    """Whole files or none. Files that lie where older versions put them, without the folder in between, are found too."""

    def __init__(self, folder: Path) -> None:
        self.folder: Path | None = folder
        self._root = folder

    def has(self, key: str) -> bool:
        return self._found(key) is not None

    def write(self, key: str, data: bytes) -> None:
        if not self.has(key):
            files.write(self._root / sharded(key), data)

    def local(self, key: str) -> Path:
        if (path := self._found(key)) is None:
            raise FileNotFoundError(key)
        return path

    def size(self, key: str) -> int:
        path = self._found(key)
        return path.stat().st_size if path else 0

    def remove(self, key: str) -> None:
        for path in self._places(key):
            path.unlink(missing_ok=True)

    def all_keys(self) -> Iterator[str]:
        return iter(sorted({key_of(path.relative_to(self._root).as_posix()) for path in self._files()}))

    def flat(self) -> list[str]:
        """The keys whose files lie where older versions put them."""
        return [key for key in self.all_keys() if (self._root / key).is_file()]

    def sort(self) -> int:
        """Give those files the places that they have now, and say how many. StoreUnavailable where the disk refuses."""
        flat = self.flat()
        for key in flat:
            place = self._root / sharded(key)
            with files.sentences(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                (self._root / key).replace(place)
        return len(flat)

    def sweep(self) -> int:
        """Remove what writers that were killed left, and say how many."""
        return files.sweep(self._root, *self._shards(self._root), *(f for own in self._own() for f in (own, *self._shards(own))))

    def _found(self, key: str) -> Path | None:
        return next((path for path in self._places(key) if path.is_file()), None)

    def _places(self, key: str) -> tuple[Path, Path]:
        return self._root / sharded(key), self._root / key

    def _files(self) -> Iterator[Path]:
        for folder in (self._root, *self._own()):
            for place in (folder, *self._shards(folder)):
                yield from (p for p in _entries(place) if p.is_file() and p.suffix != ".part" and not p.is_symlink())

    def _own(self) -> list[Path]:
        """The folders that stand in keys."""
        return [p for p in _entries(self._root) if p.is_dir() and len(p.name) > SHARD and not p.name.startswith(".")]

    def _shards(self, folder: Path) -> list[Path]:
        return [p for p in _entries(folder) if p.is_dir() and len(p.name) == SHARD]


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
