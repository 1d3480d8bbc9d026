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
from pdc.formats.importing import ImportOptions
from pdc.images.burned_in.door import Action
from pdc.images.intake import clean_name
from pdc.jobs.exporting import sweep
from pdc.jobs.importing import Importing
from pdc.jobs.kinds import Asked, Ended
from pdc.jobs.worker import Hand
from pdc.review.service import ReviewService

log = logging.getLogger(__name__)
KEPT_DAYS = 1
CANCELLED = Message("The import was cancelled. What came in before stays; import the file again to go on.")
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
    """A file for each reader, under `folder`; what is left there for days is thrown away. What is stored is a
    job, so that it is listed, and that a worker goes on with it where this process dies. Any thread."""

    def __init__(self, service: ReviewService, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.importing, self.hand = Importing(service, folder), Hand(service.store)
        self._jobs: dict[str, Job] = {}
        self._changed = Lock()
        sweep(folder, KEPT_DAYS)

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
        asked = {**options, "path": str(job.path), "name": job.path.name, "text": text}
        Thread(target=self._run, args=(reader, job, asked), name="import", daemon=True).start()

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

    def _run(self, reader: str, job: Job, asked: Asked) -> None:
        try:
            job.imported = self._looked(reader, job, asked) if asked["dry_run"] else self._stored(reader, job, asked)
        except Ended:
            job.error = CANCELLED
        except PdcError as error:
            job.error = error.message
        except Exception:
            log.exception("An import failed")
            job.error = FAILED
        finally:
            job.running = False

    def _looked(self, reader: str, job: Job, asked: Asked) -> Imported:
        return self.importing.imported({**asked, "by": reader}, job.tell)

    def _stored(self, reader: str, job: Job, asked: Asked) -> Imported:
        with self.hand.does(self.importing.kind, asked, reader) as report:

            def tell(what: str, done: int, total: int) -> None:
                job.tell(what, done, total)
                report(done, total, Message(what))

            return self.importing.imported({**asked, "by": reader}, tell)
