"""Annotation files that a reader sends in the browser: kept while they are looked through, then imported or thrown away."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import Lock, Thread

from pdc import files
from pdc.domain.errors import Forbidden, NotFound, PdcError
from pdc.domain.message import Message
from pdc.formats.import_report import Imported
from pdc.formats.importing import ImportOptions, import_file
from pdc.images.burned_in.door import Action
from pdc.images.intake import clean_name
from pdc.review.service import ReviewService

log = logging.getLogger(__name__)
FAILED = Message("The import failed; the log says why. Nothing was stored that is not in the list.")
BUSY = "An import of yours is running; wait until it is done."
VISITORS = "Visitors of a public Space cannot import annotation files. Install PDC on a computer of your own for that."
GONE = "There is no file to import; choose it again."


@dataclass(slots=True)
class Job:
    """One reader's file, and how far the work on it is. `imported` is the account once it is done, `error` why it failed."""

    path: Path
    running: bool = False
    done: int = 0
    total: int = 0
    imported: Imported | None = None
    error: Message | None = None

    def tell(self, what: str, done: int, total: int) -> None:
        self.done, self.total = done, total


class Incoming:
    """A file for each reader, under `folder`; what is left there from before is thrown away. Any thread."""

    def __init__(self, service: ReviewService, folder: Path) -> None:
        self.service, self.folder = service, folder
        self._jobs: dict[str, Job] = {}
        self._changed = Lock()
        shutil.rmtree(folder, ignore_errors=True)

    def place(self, reader: str, name: str) -> Path:
        """Where the upload of this reader goes. Forbidden where every visitor has a room of their own."""
        if self.service.private:
            raise Forbidden(VISITORS)
        self.service.limits.bring(None, 0)
        with self._changed:
            self._refuse_busy(reader)
        path = self.folder / token_hex(8) / clean_name(name)
        with files.sentences(path):
            path.parent.mkdir(parents=True)
        return path

    def keep(self, reader: str, path: Path) -> None:
        """The reader's file from now on; the one before is thrown away."""
        with self._changed:
            self._refuse_busy(reader)
            before = self._jobs.pop(reader, None)
            self._jobs[reader] = Job(path)
        if before is not None:
            shutil.rmtree(before.path.parent, ignore_errors=True)

    def start(self, reader: str, options: ImportOptions, text: Action | None) -> None:
        """Look through the reader's file (`dry_run`) or import it, in the background; `text` is what the reader wants of text
        burned into its images. NotFound when there is none."""
        with self._changed:
            job = self._job(reader)
            self._refuse_busy(reader)
            job.running, job.done, job.total, job.imported, job.error = True, 0, 0, None, None
        rule = self.service.text_rule.chosen(text)
        Thread(target=self._run, args=(reader, job, {**options, "text_rule": rule}), name="import", daemon=True).start()

    def now(self, reader: str) -> Job:
        """NotFound when this reader has sent nothing."""
        with self._changed:
            return self._job(reader)

    def _job(self, reader: str) -> Job:
        if reader not in self._jobs:
            raise NotFound(GONE)
        return self._jobs[reader]

    def _refuse_busy(self, reader: str) -> None:
        job = self._jobs.get(reader)
        if job is not None and job.running:
            raise Forbidden(BUSY)

    def _run(self, reader: str, job: Job, options: ImportOptions) -> None:
        try:
            job.imported = self._import(reader, job, options)
        except PdcError as error:
            job.error = error.message
        except Exception:
            log.exception("An import failed")
            job.error = FAILED
        finally:
            job.running = False

    def _import(self, reader: str, job: Job, options: ImportOptions) -> Imported:
        service = self.service
        return import_file(
            service.store,
            service.files,
            job.path,
            f"import by {reader}",
            progress=job.tell,
            **{**options, "known": sorted(service.predictor.labels or ()), "max_megapixels": service.max_megapixels},
        )
