"""The keys that seal the record: a file outside the database, a line of hex digits each, the newest last."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pdc import files
from pdc.domain.errors import BadSetting

KEY_BYTES = 32
SHORT = "The key file {path} of the record is not whole: line {n} needs {digits} hex digits. Bring it back from a copy."


@dataclass(frozen=True, slots=True)
class Keys:
    """By name; the name says nothing of the key."""

    known: Mapping[str, bytes]
    newest: str


class KeyFile:
    """The keys of a file, which is made, for its owner's eyes only, where there is none; without a path keys for this run.

    A key that another process adds seals from the next link on.
    """

    def __init__(self, path: Path | None) -> None:
        """BadSetting where a line is no whole key; StoreUnavailable where the file cannot be written."""
        self.path = path
        if path is not None and not path.exists():
            files.write_once(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        self.stamp = self._stamp()
        self.keys = keys_in(path) if path else _named([secrets.token_bytes(KEY_BYTES)])

    def now(self) -> Keys:
        """Those of this moment. A file that is gone meanwhile changes nothing for this process."""
        stamp = self._stamp()
        if self.path and stamp and stamp != self.stamp:
            self.keys, self.stamp = keys_in(self.path), stamp
        return self.keys

    def add(self) -> Keys:
        """A further key, which seals from now on; the older ones stay, so that what they sealed can be checked."""
        if self.path is not None:
            with files.sentences(self.path), self.path.open("ab") as file:
                file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        return self.now()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat() if self.path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else None


def keys_in(path: Path) -> Keys:
    """Those of a file. BadSetting where a line is no whole key."""
    return _named([_key(path, n, line) for n, line in enumerate(files.read_text(path).split() or [""], 1)])


def _key(path: Path, n: int, line: str) -> bytes:
    try:
        key = bytes.fromhex(line)
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise BadSetting(SHORT, path=path, n=n, digits=2 * KEY_BYTES)
    return key


def _named(keys: list[bytes]) -> Keys:
    known = {hashlib.sha256(b"pdc record key" + key).hexdigest()[:16]: key for key in keys}
    return Keys(known, list(known)[-1])
