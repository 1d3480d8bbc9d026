"""Accept an image file from anybody, and keep the accepted ones on disk under their sha256.

Decoding happens in child processes (`decode_worker.py`) that may crash, hang or run out of memory without harm to the server.
They are started at the first image and kept, so that a usual image costs tens of milliseconds.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from queue import LifoQueue
from threading import Event, Timer
from typing import IO, Any

import PIL.Image

import pdc
from pdc.blobs.base import Blobs
from pdc.blobs.folder import FolderBlobs
from pdc.domain.errors import BadImage, NotFound, StoreUnavailable
from pdc.domain.message import Message
from pdc.domain.values import Image
from pdc.domain.view import View
from pdc.images import decode_worker
from pdc.images.notes import Note

Answered = tuple[dict[str, Any], bytes, bytes | None]
"""Of a worker: what it says of a file, the PNG, and the raw numbers where they are kept."""
WORKERS = 2
DECODE_SECONDS = 60.0
MAX_NAME = 120
MANY = 50  # images of an object store that are looked up one by one


@dataclass(frozen=True, slots=True)
class Accepted:
    """An image as PDC keeps it: RGB, upright, a PNG without metadata. `notes` are sentences on what was changed.

    `view` says what the PNG shows of the file, where there is something to say. `raw` is a TIFF of the numbers that 8 bits or
    one channel could not hold, upright; None where the PNG holds them all.
    """

    png: bytes
    sha256: str
    name: str
    width: int
    height: int
    notes: tuple[Message, ...] = ()
    view: View | None = None
    raw: bytes | None = field(default=None, repr=False)

    def image(self, group: str | None = None) -> Image:
        """What is stored of it; without a group it is one of its own."""
        return Image(self.sha256, self.name, self.width, self.height, group or self.sha256, datetime.now(UTC), self.view)

    def pixels(self) -> PIL.Image.Image:
        """The image, loaded, RGB."""
        return open_png(io.BytesIO(self.png))


def accept(data: bytes, name: str, *, max_megapixels: float = 50, seconds: float = DECODE_SECONDS) -> Accepted:
    """The file's first page as upright RGB pixels, or BadImage saying what is wrong with it and what to do.

    `name` is what the sender calls it; a path in front and unprintable characters are taken off.
    """
    if not data:
        raise BadImage("The file is empty; choose another.")
    with _worker() as worker:
        head, png, raw = worker.ask(data, max_megapixels, seconds)
    if "error" in head:
        raise BadImage(_message(head["error"]))
    digest, notes = hashlib.sha256(png).hexdigest(), tuple(map(_message, head["notes"]))
    view = View.of(head["view"]) if head["view"] else None
    if raw is not None and view is not None:
        view = replace(view, raw=hashlib.sha256(raw).hexdigest())
    return Accepted(png, digest, clean_name(name), head["width"], head["height"], notes, view, raw)


def _message(note: Note) -> Message:
    text, fields = note
    return Message(text, **fields)


def open_png(source: Path | IO[bytes]) -> PIL.Image.Image:
    """A PNG of ours, loaded, RGB. Pillow's own limit of 179 megapixels is lifted: its size was checked when it was accepted.

    Pillow checks a cropped part against that limit too, so it stays lifted.
    """
    PIL.Image.MAX_IMAGE_PIXELS = None
    with PIL.Image.open(source, formats=("PNG",)) as image:
        return image.convert("RGB")


def clean_name(name: str) -> str:
    """The last part of a path, printable and at most 120 characters; `image` when nothing is left."""
    last = PureWindowsPath(name.replace("\0", "")).name
    return "".join(c for c in last if c.isprintable()).strip(" .")[:MAX_NAME] or "image"


class ImageFiles:
    """The accepted images, one `<sha256>.png` each, in a folder or wherever `blobs` keeps them. None is ever written twice.

    The numbers that a PNG cannot hold lie under `raw/`, by the sha256 of their own file. `small` keeps the small pictures for
    lists. `folder` is on this machine in any case; PDC_HOME is the folder that it lies in.
    """

    def __init__(self, folder: Path, blobs: Blobs | None = None, small: Blobs | None = None) -> None:
        self.folder = Path(folder)
        self.blobs = blobs or FolderBlobs(self.folder)
        self.small = small or FolderBlobs(self.folder.parent / "thumbnails")

    def put(self, accepted: Accepted) -> Path:
        """Keep it, and say where it can be read. StoreUnavailable when the disk refuses; then nothing has changed."""
        key = _key(accepted.sha256)
        self.blobs.write(key, accepted.png)
        if accepted.raw is not None and accepted.view is not None:
            self.blobs.write(_raw_key(accepted.view), accepted.raw)
        return self.blobs.local(key)

    def has(self, sha256: str) -> bool:
        """Whether the image's file is there."""
        return self.blobs.has(_key(sha256))

    def size(self, sha256: str) -> int:
        """Bytes of the image's file; 0 where there is none."""
        return self.blobs.size(_key(sha256))

    def present(self, shas: Collection[str]) -> set[str]:
        """Those of them whose files are there; many are looked up at once where each question is slow."""
        if self.blobs.folder is None and len(shas) > MANY:
            here = set(self.blobs.all_keys())
            return {sha for sha in shas if _key(sha) in here}
        return {sha for sha in shas if self.has(sha)}

    def remove(self, image: Image) -> None:
        """Take the image's file away, and its raw numbers; what is not there is no fault."""
        self.blobs.remove(_key(image.sha256))
        if image.view is not None and image.view.raw:
            self.blobs.remove(_raw_key(image.view))

    def sweep(self) -> int:
        """Remove what writers that were killed left, and say how many."""
        return self.blobs.sweep() + self.small.sweep()

    def raw_path(self, view: View) -> Path:
        """A file with the raw numbers, to be opened at once; NotFound where none are kept."""
        try:
            return self.blobs.local(_raw_key(view))
        except FileNotFoundError:
            raise NotFound("The numbers of this image are missing; upload the image again.") from None

    def path(self, sha256: str) -> Path:
        """A file with the image, to be opened at once; NotFound where there is none."""
        try:
            return self.blobs.local(_key(sha256))
        except FileNotFoundError:
            raise missing(sha256) from None

    def open(self, sha256: str) -> PIL.Image.Image:
        """The image, loaded, RGB. NotFound when it is missing, StoreUnavailable when its file is damaged."""
        path = self.path(sha256)
        try:
            return open_png(path)
        except (OSError, SyntaxError, ValueError):
            raise StoreUnavailable("The image file {path} is damaged; restore it from a backup.", path=path) from None


def missing(sha256: str) -> NotFound:
    return NotFound("The file of image {id} is missing; upload the image again.", id=sha256[:12])


def _key(sha256: str) -> str:
    return f"{_checked(sha256)}.png"


def _raw_key(view: View) -> str:
    return f"raw/{_checked(view.raw or '')}.tif"


def _checked(sha256: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise NotFound("There is no such image.")
    return sha256


class _Worker:
    """A child process that decodes one file at a time; a new one is started when it is gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, data: bytes, max_megapixels: float, seconds: float) -> Answered:
        """Head, PNG and raw numbers. A process that was already dying gets a second chance; a file that kills two is refused."""
        answer = self._asked(data, max_megapixels, seconds) or self._asked(data, max_megapixels, seconds)
        if answer is None:
            raise BadImage("The image broke the decoder; save it as a plain PNG and try again.")
        return answer

    def _asked(self, data: bytes, max_megapixels: float, seconds: float) -> Answered | None:
        process = self._alive()
        timed_out = Event()
        timer = Timer(seconds, lambda: (timed_out.set(), process.kill()))
        timer.start()
        try:
            questions, answers = _pipes(process)
            decode_worker.send(questions, {"max_megapixels": max_megapixels}, data)
            answer = _received(answers)
        except OSError:
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            self.stop()
        if answer is None and timed_out.is_set():
            raise BadImage("The image took longer than {n} s to decode; save it as a plain PNG and try again.", n=f"{seconds:g}")
        return answer

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = _start()
        return self._process

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        questions, answers = _pipes(process)
        answers.close()
        with suppress(OSError):
            questions.close()


def _received(answers: IO[bytes]) -> Answered | None:
    said = decode_worker.receive(answers)
    if said is None:
        return None
    head, png = said
    second = decode_worker.receive(answers) if head.get("raw") else ({}, None)
    return (head, png, second[1]) if second is not None else None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """(what it reads, what it writes), as `_start` made them."""
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", decode_worker.__name__]
    home = str(Path(pdc.__file__).resolve().parent.parent)
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))}
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=found)  # its errors go into our log
    except OSError as error:
        raise BadImage("No decoder could be started ({why}); free some memory and try again.", why=error.strerror) from error


_workers: LifoQueue[_Worker] = LifoQueue()
for _ in range(WORKERS):
    _workers.put(_Worker())


@contextmanager
def _worker() -> Iterator[_Worker]:
    """One of the workers, alone; waits while all are at work. The last one used comes first: it is warm."""
    worker = _workers.get()
    try:
        yield worker
    finally:
        _workers.put(worker)


@atexit.register
def _stop_workers() -> None:
    while not _workers.empty():
        _workers.get().stop()
