"""Values that lie on disk for the length of a piece of work, so that a long one takes no more memory than a short one.

A few stay in memory. From then on they are in a temporary SQLite file without a name, which goes with the process, also when
that is killed. What cannot be written, such as a function, stays in memory. Any thread may go through a spool.
"""

from __future__ import annotations

import io
import pickle
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache, partial
from threading import Lock
from types import MethodType
from typing import Any, Generic, TypeVar

from pdc.domain.errors import DiskFull

SHORT = 500  # values that stay in memory
PART = 200  # values that are written or read at once
FULL = "The folder for temporary files is full. Free some space there, or name another with TMPDIR; nothing is lost."
T = TypeVar("T")


class Spool(Collection[T], Generic[T]):
    """Values in the order in which they were added; they can be gone through any number of times, also while more come."""

    def __init__(self, values: Iterable[T] = ()) -> None:
        self._new: list[T] = []
        self._file: _File | None = None
        self.extend(values)

    def append(self, value: T) -> None:
        self._new.append(value)
        if len(self._new) >= (PART if self._file else SHORT):
            self._file = self._file or _File("CREATE TABLE kept(id INTEGER PRIMARY KEY, value BLOB)")
            self._file.add(self._new)
            self._new = []

    def extend(self, values: Iterable[T]) -> None:
        for value in values:
            self.append(value)

    def __iter__(self) -> Iterator[T]:
        seen = 0
        while part := self._part(seen):
            seen += len(part)
            yield from part

    def _part(self, seen: int) -> list[T]:
        written = self._file.count if self._file else 0
        return self._file.after(seen) if self._file and seen < written else self._new[seen - written :]

    def __len__(self) -> int:
        return len(self._new) + (self._file.count if self._file else 0)

    def __contains__(self, value: object) -> bool:
        return any(one == value for one in self)


def spooled(values: Iterable[T]) -> Collection[T]:
    """The values, all taken now: a tuple of a few, a spool of many."""
    spool = values if isinstance(values, Spool) else Spool(values)
    return spool if len(spool) >= SHORT else tuple(spool)


class Once:
    """Texts that were met: any number of them, of which a few are in memory."""

    def __init__(self) -> None:
        self._few: set[str] = set()
        self._file: _File | None = None
        self._count = 0

    def add(self, text: str) -> bool:
        """Whether it is new."""
        new = text not in self
        if new:
            self._count += 1
            self._few.add(text)
        if len(self._few) >= SHORT:
            self._file = self._file or _File("CREATE TABLE met(text BLOB PRIMARY KEY) WITHOUT ROWID")
            self._file.meet(self._few)
            self._few.clear()
        return new

    def __contains__(self, text: str) -> bool:
        return text in self._few or (self._file is not None and self._file.has_met(text))

    def __len__(self) -> int:
        return self._count


class Groups(Generic[T]):
    """Values by a text each, to be asked for text by text, in the order in which they were added; then no more may come."""

    def __init__(self) -> None:
        self._file = _File("CREATE TABLE kept(id INTEGER PRIMARY KEY, of BLOB, value BLOB)")
        self._ready = False

    def extend(self, values: Iterable[tuple[str, T]]) -> None:
        self._file.add_groups(values)

    def of(self, text: str) -> list[T]:
        if not self._ready:
            self._file.sort_groups()
            self._ready = True
        return self._file.group(text)


class _Pickler(pickle.Pickler):
    """Writes a dataclass as its class and what that was made with: five times as quick as by its own way."""

    def reducer_override(self, value: Any, /) -> Any:
        if isinstance(value, partial | MethodType):
            raise pickle.PicklingError("What it is about would be written with it, again for each value.")
        names = _arguments(type(value))
        return NotImplemented if names is None else (type(value), tuple([getattr(value, name) for name in names]))


@cache
def _arguments(kind: type) -> tuple[str, ...] | None:
    """What a dataclass is made with, in order; None for another class."""
    made_with = fields(kind) if is_dataclass(kind) else ()
    return tuple(f.name for f in made_with) if made_with and all(f.init and not f.kw_only for f in made_with) else None


class _File:
    """The temporary file, with one table."""

    def __init__(self, table: str) -> None:
        self.count = 0
        self._lock, self._unwritable = Lock(), dict[int, Any]()
        with _sentences():
            self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for words in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", table):
                self._connection.execute(words)

    def add(self, values: Iterable[Any]) -> None:
        rows = [(self._written(value, self.count + i),) for i, value in enumerate(values, start=1)]
        with self._lock, _sentences():
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO kept(value) VALUES (?)", rows)
            self._connection.execute("COMMIT")
            self.count += len(rows)

    def _written(self, value: Any, id: int) -> bytes | None:
        try:
            written = io.BytesIO()
            _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(value)
            return written.getvalue()
        except (pickle.PicklingError, TypeError, AttributeError):
            self._unwritable[id] = value
            return None

    def after(self, id: int) -> list[Any]:
        with self._lock, _sentences():
            query = "SELECT id, value FROM kept WHERE id > ? ORDER BY id LIMIT ?"
            rows = self._connection.execute(query, (id, PART)).fetchall()
        return [self._unwritable[id] if data is None else pickle.loads(data) for id, data in rows]

    def add_groups(self, values: Iterable[tuple[str, Any]]) -> None:
        rows = ((_bytes(text), self._written(value, 0)) for text, value in values)
        with self._lock, _sentences():
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO kept(of, value) VALUES (?, ?)", rows)
            self._connection.execute("COMMIT")

    def sort_groups(self) -> None:
        with self._lock, _sentences():
            self._connection.execute("CREATE INDEX groups ON kept(of, id)")

    def group(self, text: str) -> list[Any]:
        with self._lock, _sentences():
            rows = self._connection.execute("SELECT value FROM kept WHERE of = ? ORDER BY id", (_bytes(text),)).fetchall()
        return [pickle.loads(data) for (data,) in rows]

    def meet(self, texts: Iterable[str]) -> None:
        with self._lock, _sentences():
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR IGNORE INTO met VALUES (?)", [(_bytes(text),) for text in sorted(texts)])
            self._connection.execute("COMMIT")

    def has_met(self, text: str) -> bool:
        with self._lock, _sentences():
            return self._connection.execute("SELECT 1 FROM met WHERE text = ?", (_bytes(text),)).fetchone() is not None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" not in str(error):
            raise
        raise DiskFull(FULL) from error
