"""Reviews out of the store, in any of the annotation formats: into a folder, or as a zip that is made while it is sent.

What a format has no place for is kept in PDC's own fields, so that PDC reads its exports back as they were, and is named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from pdc.domain.errors import BadSetting
from pdc.domain.message import Message, joined
from pdc.domain.progress import Progress, counted_off, follow, unseen
from pdc.domain.values import USABLE, Image, Verdict
from pdc.formats import medmultipoints
from pdc.formats.contents import LeftOut, What, told_left_out
from pdc.formats.outgoing.file_names import FileNames, Names, caller
from pdc.formats.outgoing.folder import write_folder
from pdc.formats.outgoing.report import Exported, reported
from pdc.formats.outgoing.zips import Entry, FileBytes, pieces_of
from pdc.formats.records import Case, Picture, picture_of
from pdc.formats.registry import FORMATS, texts_of
from pdc.images.intake import ImageFiles
from pdc.spool import Spool, spooled
from pdc.store import Store
from pdc.store.image_queries import Current

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


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written, in which format: read from the store once, so that all of it is of one moment. `missing` is what
    cannot be written: reviews of no use and images without a file."""

    format: str
    cases: Collection[Case]
    files: ImageFiles
    missing: Collection[LeftOut]

    def report(self) -> Exported:
        """What other programs will find, and what they will not."""
        return reported(self.format, self.cases, self.missing)

    def entries(self, progress: Progress = unseen) -> Iterator[Entry]:
        """Every file of the export, one after the other."""
        cases = follow("Exporting images", self.cases, progress)
        if self.format == "medmultipoints":
            yield medmultipoints.PARQUET, self._parquet(map(picture_of, cases))
            return
        yield from ((case.file, FileBytes(self.files.path(case.image.sha256))) for case in cases)
        yield from ((name, (text.encode() for text in texts)) for name, texts in texts_of(self.cases, self.format))

    def _parquet(self, pictures: Iterable[Picture]) -> Iterator[bytes]:
        with tempfile.TemporaryFile() as file:
            medmultipoints.write_parquet(pictures, lambda p: self.files.path(p.sha256).read_bytes(), file)
            file.seek(0)
            yield from pieces_of(file)


def prepared(
    store: Store,
    image_files: ImageFiles,
    format: str,
    images: Iterable[Image] | None = None,
    author: str | None = None,
    *,
    auto_accepted: bool = False,
    held: Container[str] | None = None,
    names: Names = Names.KEPT,
    progress: Progress = unseen,
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
    written = (*USABLE, Verdict.AUTO_ACCEPTED) if auto_accepted else USABLE
    sorting = _Sorting(image_files, written, store.held_back() if held is None else held)
    call, known = caller(names), None if images is None else spooled(images)
    total = store.count_images() if known is None else len(known)
    for one in counted_off("Reading reviews", store.current_by_image(known, author), total, progress):
        sorting.add(replace(one, image=call(one.image)))
    missing = spooled(chain(sorting.held_back, sorting.gone, sorting.unsettled, sorting.unused))
    if not sorting.cases:
        raise BadSetting(joined([NOTHING, told_left_out(missing)]))
    return Export(format, sorting.cases, image_files, missing)


@dataclass(slots=True)
class _Sorting:
    """Images one by one: those that can be exported, and why others cannot."""

    files: ImageFiles
    written: Container[Verdict]
    held: Container[str]
    names: FileNames = field(default_factory=FileNames)
    cases: Spool[Case] = field(default_factory=Spool[Case])
    held_back: Spool[LeftOut] = field(default_factory=Spool[LeftOut])
    gone: Spool[LeftOut] = field(default_factory=Spool[LeftOut])
    unsettled: Spool[LeftOut] = field(default_factory=Spool[LeftOut])
    unused: Spool[LeftOut] = field(default_factory=Spool[LeftOut])

    def add(self, one: Current) -> None:
        image, usable = one.image, tuple(r for r in one.reviews if r.verdict in self.written)
        if image.sha256 in self.held:
            self.held_back.append(LeftOut(What.IMAGE, HELD_BACK, image.name))
            return
        if usable and self.files.has(image.sha256):
            signed = {id: (s.by, s.at.isoformat()) for id, s in one.signed.items()}
            self.cases.append(Case(image, usable, self.names.of(image), signed))
        elif usable:
            self.gone.append(LeftOut(What.IMAGE, GONE, image.name))
        self.unsettled.extend(LeftOut(What.ANSWER, NO_CONSENSUS, image.name) for _ in range(one.unsettled))
        unused = (r.verdict for r in one.reviews if r.verdict in UNUSED and r.verdict not in self.written)
        self.unused.extend(LeftOut(What.ANSWER, UNUSED[verdict], image.name) for verdict in unused)


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
    """Write what the current reviews say, and the images they are about, into `folder`; `auto_accepted` and `names` as in
    `prepared`. A run that was stopped is gone on with.

    The folder is empty or holds an earlier export, which this one replaces. BadSetting when it holds something else or
    there is nothing to export, StoreUnavailable when the disk refuses.
    """
    planned = prepared(store, images, format, auto_accepted=auto_accepted, names=names, progress=progress)
    there = write_folder(Path(folder), format, planned.entries(progress))
    return replace(planned.report(), there=there)
