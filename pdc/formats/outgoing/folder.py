"""An export as a folder. A run that was stopped is gone on with: what it wrote whole stays, and nothing is ever half a file.

The name of each file is noted before it is written. So the next run knows what the one before left, also when that was killed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import escape
from itertools import chain
from pathlib import Path, PureWindowsPath

from pdc import files
from pdc.domain.errors import BadSetting
from pdc.formats.outgoing.zips import Entry, FileBytes
from pdc.spool import Once, Spool

MANIFEST, BEGUN = ".pdc-export.json", ".pdc-export.begun"
SMALL = 1 << 16  # bytes of a file that is compared before it is written again


def write_folder(folder: Path, format: str, entries: Iterable[Entry]) -> int:
    """Write every entry; how many files were there already, where an earlier run was stopped.

    The folder is empty or holds an earlier export, which this one replaces. BadSetting when it holds something else,
    StoreUnavailable when the disk refuses.
    """
    _refuse_others(folder)
    stopped, before, written = (folder / BEGUN).is_file(), Spool(_noted(folder)), Once()
    _sweep(folder)
    there = sum(not _placed(folder / name, pieces) for name, pieces in _noting(folder, entries, written))
    for name in before:
        if name not in written:
            (folder / name).unlink(missing_ok=True)
    files.write_pieces(folder / MANIFEST, _manifest(format, folder, written))
    (folder / BEGUN).unlink()
    return there if stopped else 0


def _noting(folder: Path, entries: Iterable[Entry], written: Once) -> Iterator[Entry]:
    """The entries, each noted before it is written."""
    with files.sentences(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / BEGUN).touch()
    for name, pieces in entries:
        with files.sentences(folder), (folder / BEGUN).open("a", encoding="utf-8") as begun:
            begun.write(f"{json.dumps(name)}\n")
        written.add(name)
        yield name, pieces


def _placed(path: Path, pieces: Iterable[bytes]) -> bool:
    """Whether the file had to be written: an equal one stays."""
    if isinstance(pieces, FileBytes):
        there, rest = pieces.is_at(path), iter(pieces)
    else:
        first, rest = _first(pieces)
        there = len(first) <= SMALL and path.is_file() and path.read_bytes() == first
    if not there:
        files.write_pieces(path, rest)
    return not there


def _first(pieces: Iterable[bytes]) -> tuple[bytes, Iterable[bytes]]:
    """So many bytes that a small file is among them whole, and all pieces."""
    coming, first = iter(pieces), b""
    for piece in coming:
        first += piece
        if len(first) > SMALL:
            break
    return first, chain((first,), coming)


def _refuse_others(folder: Path) -> None:
    """BadSetting when there is anything that no export wrote: it might be overwritten."""
    known = (folder / MANIFEST).is_file() or (folder / BEGUN).is_file()
    if not known and folder.is_dir() and any(folder.iterdir()):
        raise BadSetting("{folder} holds other files already; name a new or an empty folder.", folder=folder)


def _noted(folder: Path) -> Iterator[str]:
    """What earlier runs wrote here, or had begun to."""
    names = (files.read_json(folder / MANIFEST) or {}).get("files")
    listed = names if isinstance(names, list) else []
    yield from (n for n in (*listed, *_begun(folder)) if isinstance(n, str) and _stays_inside(n))


def _begun(folder: Path) -> Iterator[str]:
    """The names of the files that a run had begun to write; a torn last line is no name."""
    if (folder / BEGUN).is_file():
        with (folder / BEGUN).open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError):
                    yield json.loads(line)


def _stays_inside(name: str) -> bool:
    path = PureWindowsPath(name)  # knows both slashes
    return not path.anchor and ".." not in path.parts


def _sweep(folder: Path) -> None:
    """Remove the half of a file in which an earlier run was stopped: of the last that it had begun."""
    for name in filter(_stays_inside, deque(_begun(folder), maxlen=1)):
        path = folder / name
        for part in path.parent.glob(f".{escape(path.name[:80])}.*.part"):
            part.unlink(missing_ok=True)


def _manifest(format: str, folder: Path, written: Once) -> Iterator[bytes]:
    """JSON, of which each name has a line. The notes may hold more: also what earlier runs had begun."""
    told = Once()
    yield f'{{\n  "format": {json.dumps(format)},\n  "files": ['.encode()
    for i, name in enumerate(n for n in _begun(folder) if n in written and told.add(n)):
        yield f"{',' if i else ''}\n    {json.dumps(name, ensure_ascii=False)}".encode()
    yield b"\n  ]\n}\n"
