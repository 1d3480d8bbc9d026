"""The job that writes an export as a zip, to be downloaded when it is done. A file is there whole or not at all, so a job that
was killed begins its file again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pdc import files
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message
from pdc.domain.progress import Progress
from pdc.formats.exporting import Export
from pdc.formats.outgoing.file_names import Names
from pdc.formats.outgoing.zips import zipped
from pdc.formats.registry import FORMATS
from pdc.jobs.kinds import Asked, Cancelled, Kind, Report, Result, refuse_unknown
from pdc.review.listing.entries import check_stage
from pdc.store.audit.kinds import AuditKind
from pdc.store.store import Store

EXPORT = "export"
NO_FORMAT = "There is no export format {name}; use one of {formats}."
NO_QUERY = "The setting query is an object of filters, such as stage and label."
NO_NAMES = "The names of images go out kept or hashed; {names} is neither."
QUERY = ("stage", "label", "name", "reader", "order", "names", "auto_accepted")
KEPT_DAYS = 7
"""how long the file of a job can be downloaded"""

Exported = Callable[[str, str, dict[str, str]], Export]
"""takes a reader, a format and the settings of the list as in its address: the export of what they may take along"""


class Exporting:
    """Does the job: {"format": ..., "query": the list's filters, "names", "auto_accepted", as in the address of an export}."""

    def __init__(self, store: Store, exported: Exported, folder: Path) -> None:
        self.store, self.exported, self.folder = store, exported, folder

    @property
    def kind(self) -> Kind:
        return Kind(EXPORT, self, check=self.check, settings=("format", "query"))

    def check(self, asked: Asked) -> None:
        """BadSetting without such a format or filter; whether there is anything to export is seen when it is made."""
        if (format := str(asked.get("format", "coco"))) not in FORMATS:
            raise BadSetting(NO_FORMAT, name=repr(format), formats=", ".join(FORMATS))
        query = asked.get("query") or {}
        if not isinstance(query, Mapping):
            raise BadSetting(NO_QUERY)
        refuse_unknown(query, QUERY)
        check_stage(str(query.get("stage") or ""))
        if (names := query.get("names") or Names.KEPT) not in set(Names):
            raise BadSetting(NO_NAMES, names=repr(names))

    def _export(self, asked: Asked) -> Export:
        return self.exported(str(asked["by"]), str(asked.get("format", "coco")), dict(asked.get("query") or {}))

    def __call__(self, asked: Asked, report: Report, cancelled: Cancelled) -> Result:
        sweep(self.folder, KEPT_DAYS)
        export = self._export(asked)
        path = self.folder / str(asked["job"]) / f"pdc-{export.format}.zip"
        with files.sentences(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        files.write_pieces(path, zipped(export.entries(_progress(report))))
        self.store.record_event(AuditKind.EXPORTED, str(asked["by"]), format=export.format, images=len(export.cases))
        return {"file": path.name, "images": len(export.cases), "bytes": path.stat().st_size}


def _progress(report: Report) -> Progress:
    return lambda what, done, total: report(done, total, Message(what))


def sweep(folder: Path, days: float) -> None:
    """Remove what jobs left here so many days ago."""
    before = time.time() - days * 86400
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.is_dir() and old.stat().st_mtime < before:
            shutil.rmtree(old, ignore_errors=True)


def file_of(folder: Path, job: int, result: dict[str, Any]) -> Path | None:
    """The file that a job left, where it did and the file is still there."""
    name = result.get("file")
    path = folder / str(job) / Path(str(name)).name if name else None
    return path if path and path.is_file() else None
