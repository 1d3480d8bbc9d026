"""Reviews out of the store, in any of the annotation formats: into a folder, or as a zip that is made while it is sent.

What a format has no place for is kept in PDC's own fields, so that PDC reads its exports back as they were, and is named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path, PureWindowsPath
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pdc import files
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message, joined
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import USABLE, Image, Verdict
from pdc.formats import medmultipoints
from pdc.formats.contents import LeftOut, What, told_left_out
from pdc.formats.outgoing.file_names import Names, called, file_names
from pdc.formats.outgoing.report import Exported, reported
from pdc.formats.records import Case, Picture, SignedBy, picture_of
from pdc.formats.registry import FORMATS, texts_of
from pdc.images.intake import ImageFiles
from pdc.store import Store

MANIFEST = ".pdc-export.json"
CHUNK = 100  # images whose reviews are in memory at once
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in a zip: the same export is the same zip
PIECE = 1 << 20  # bytes of a file that are
HELD_BACK = Message("it is held back from exports")
NOTHING = Message("There are no accepted or corrected reviews to export; review some images first.")
GONE = Message("its file is not in PDC's image folder; restore it from a backup, or upload it again")
UNSEEN_NOWHERE = "{format} has no place to say that nobody has looked at an image; export auto-accepted ones as coco or csv."
NO_CONSENSUS = Message("several readers read it, and there is no consensus yet")
UNUSED = {
    Verdict.REJECTED: Message("the reader rejected the whole answer"),
    Verdict.SKIPPED: Message("the reader skipped it"),
    Verdict.AUTO_ACCEPTED: Message("it was auto-accepted, and nobody has looked at it"),
}

SILENT = ("medmultipoints", "jsonl")
"""formats without room for the verdict of a review"""

Entry = tuple[str, Iterable[bytes]]
"""A file's path in the export, and its bytes in pieces, to be taken before the next entry is asked for."""


@dataclass(frozen=True, slots=True)
class Cases:
    """Images with their reviews, read anew each time they are gone through, some at a time. Reviews never change, so each
    time is the same."""

    store: Store
    images: Sequence[Image]
    reviews: Mapping[str, Sequence[str]]
    files: Mapping[str, str]
    signed: Mapping[str, SignedBy] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Case]:
        for start in range(0, len(self.images), CHUNK):
            images = self.images[start : start + CHUNK]
            found = self.store.reviews_by_id([id for i in images for id in self.reviews[i.sha256]])
            for image in images:
                own = tuple(r for r in found if r.image_sha256 == image.sha256)
                yield Case(image, own, self.files[image.sha256], self.signed)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written, in which format. `missing` is what cannot be: reviews of no use and images without a file."""

    format: str
    cases: Cases
    files: ImageFiles
    missing: tuple[LeftOut, ...]

    def report(self) -> Exported:
        """What other programs will find, and what they will not."""
        return reported(self.format, self.cases, self.missing)

    def entries(self, progress: Progress = unseen) -> Iterator[Entry]:
        """Every file of the export, one after the other."""
        images = follow("Exporting images", self.cases.images, progress)
        if self.format == "medmultipoints":
            yield medmultipoints.PARQUET, self._parquet(picture_of(case) for _, case in zip(images, self.cases, strict=True))
            return
        yield from ((self.cases.files[i.sha256], _pieces(self.files.path(i.sha256))) for i in images)
        yield from ((name, (text.encode() for text in texts)) for name, texts in texts_of(self.cases, self.format))

    def _parquet(self, pictures: Iterable[Picture]) -> Iterator[bytes]:
        with tempfile.TemporaryFile() as file:
            medmultipoints.write_parquet(pictures, lambda p: self.files.path(p.sha256).read_bytes(), file)
            file.seek(0)
            yield from _read(file)


def prepared(
    store: Store,
    image_files: ImageFiles,
    format: str,
    images: Sequence[Image] | None = None,
    author: str | None = None,
    *,
    auto_accepted: bool = False,
    held: Collection[str] | None = None,
    names: Names = Names.KEPT,
) -> Export:
    """An export of what the current reviews say about these images (None: all), by one author or by anybody; also of what was
    `auto_accepted`, named as such. Images that are `held` back are left out (None: those held back from everybody's exports).
    `names`: whether the names of images and groups go out.

    BadSetting when the format is unknown or there is nothing to export.
    """
    if format not in FORMATS:
        raise BadSetting("There is no export format {name}; use one of {formats}.", name=repr(format), formats=", ".join(FORMATS))
    if auto_accepted and format in SILENT:
        raise BadSetting(UNSEEN_NOWHERE, format=format)
    asked = called(store.images() if images is None else images, names)
    held = store.held_back() if held is None else held
    wanted = [i for i in asked if i.sha256 not in held]
    written = (*USABLE, Verdict.AUTO_ACCEPTED) if auto_accepted else USABLE
    current = store.current_ids(author)
    usable = {i.sha256: [id for id, verdict in current.get(i.sha256, ()) if verdict in written] for i in wanted}
    there = {sha256 for sha256, ids in usable.items() if ids and image_files.has(sha256)}
    chosen = [i for i in wanted if i.sha256 in there]
    missing = [LeftOut(What.IMAGE, HELD_BACK, i.name) for i in asked if i.sha256 in held]
    missing += [LeftOut(What.IMAGE, GONE, i.name) for i in wanted if usable[i.sha256] and i.sha256 not in there]
    unused = [(i.name, verdict) for i in wanted for _, verdict in current.get(i.sha256, ()) if verdict in UNUSED.keys() - written]
    several = [sha256 for sha256, _ in store.unsettled()]
    missing += [LeftOut(What.ANSWER, NO_CONSENSUS, i.name) for i in wanted for sha256 in several if sha256 == i.sha256]
    missing += [LeftOut(What.ANSWER, UNUSED[verdict], name) for name, verdict in unused]
    if not chosen:
        raise BadSetting(joined([NOTHING, told_left_out(missing)]))
    signed = {id: (s.by, s.at.isoformat()) for id, s in store.signed().items()}
    return Export(format, Cases(store, chosen, usable, file_names(chosen), signed), image_files, tuple(missing))


def export(
    store: Store,
    images: ImageFiles,
    folder: Path,
    format: str,
    progress: Progress = unseen,
    *,
    auto_accepted: bool = False,
    names: Names = Names.KEPT,
) -> Exported:
    """Write what the current reviews say, and the images they are about, into `folder`; `auto_accepted` and
    `names` as in `prepared`.

    The folder is empty or holds an earlier export, which this one replaces. BadSetting when it holds something else or
    there is nothing to export, StoreUnavailable when the disk refuses.
    """
    planned, folder = prepared(store, images, format, auto_accepted=auto_accepted, names=names), Path(folder)
    before, written = _written_before(folder), list[str]()
    for name, pieces in planned.entries(progress):
        files.write_pieces(folder / name, pieces)
        written.append(name)
    for name in before - set(written):
        (folder / name).unlink(missing_ok=True)
    files.write_json(folder / MANIFEST, {"format": format, "files": written})
    return planned.report()


def _written_before(folder: Path) -> set[str]:
    """What an earlier export wrote here. BadSetting when there is anything that none wrote: it might be overwritten."""
    manifest = files.read_json(folder / MANIFEST)
    if manifest is None and folder.is_dir() and any(folder.iterdir()):
        raise BadSetting("{folder} holds other files already; name a new or an empty folder.", folder=folder)
    names = (manifest or {}).get("files")
    return {n for n in names if isinstance(n, str) and _stays_inside(n)} if isinstance(names, list) else set()


def _stays_inside(name: str) -> bool:
    path = PureWindowsPath(name)  # knows both slashes
    return not path.anchor and ".." not in path.parts


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The entries as one zip, in pieces; nothing is kept. Images are stored as they are: PNG does not get smaller."""
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for name, pieces in entries:
            info = ZipInfo(name, EPOCH)
            info.compress_type = ZIP_STORED if name.endswith((".png", ".parquet")) else ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
                    yield sink.taken()
    yield sink.taken()


class _Sink(RawIOBase):
    """What a zip is written to: it cannot be gone back in, and hands out what was written since it was last asked."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _read(file)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
