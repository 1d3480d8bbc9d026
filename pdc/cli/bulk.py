"""A folder of images, answered into one file: a line of JSON per image, on disk before the next batch is asked.

A run that was killed goes on where it stopped: an image is known by its name and the sha256 of its file, and a torn last
line is cut off. A file that is no image gets a line too, with what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdc import files
from pdc.cli.answer_lines import answer_row
from pdc.cli.options import BATCH
from pdc.cli.progress import say as say_line
from pdc.domain.errors import BadImage, BadSetting
from pdc.domain.geometry import Size
from pdc.domain.progress import Progress, unseen
from pdc.domain.values import Question
from pdc.images.intake import Accepted, accept
from pdc.inference.predictors.zoom import zoom_answer

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.predictors.base import Answer, Predictor

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif"}
AHEAD = 4  # batches decoded together, so that images of like size can be put together


@dataclass(frozen=True, slots=True)
class BulkRun:
    """One run: what is asked about every image under `folder`, and the file its answers are added to."""

    folder: Path
    out: Path
    question: Question
    closer: int = 0
    batch: int = BATCH
    max_megapixels: int = 50


@dataclass(frozen=True, slots=True)
class BulkImage:
    """A file of the folder: its name (path below the folder), sha256, and the image in it or what is wrong with it."""

    name: str
    sha256: str | None
    image: Accepted | BadImage

    @property
    def wh(self) -> Size:
        return (self.image.width, self.image.height) if isinstance(self.image, Accepted) else (0, 0)


def run(bulk: BulkRun, predictor: Predictor, say: Callable[[str], None] = say_line, progress: Progress = unseen) -> int:
    """Answer every image that has no line yet; returns how many lines of the file say that an image failed.

    Raises BadSetting when the folder or the file cannot be used, and whatever stops the model; a rerun goes on.
    """
    paths = images_under(bulk.folder)
    rows = lines_of(bulk.out, bulk.question)
    done = {(r["image"], r["sha256"]) for r in rows}
    failed, count = sum("error" in r for r in rows), BulkCount(len(paths), say, progress)
    with Output(bulk.out) as out:
        for chunk in _chunks(bulk, paths):
            new = [f for f in chunk if (f.name, f.sha256) not in done]
            count.skip(len(chunk) - len(new))
            for batch in _parts(sorted(new, key=lambda f: f.wh), bulk.batch):
                answered = _rows(bulk, predictor, batch)
                out.add(answered)
                failed += sum("error" in r for r in answered)
                for row in answered:
                    count.one(row)
    count.end(bulk.out)
    return failed


def images_under(folder: Path) -> list[Path]:
    """Every file below the folder that is named like an image, in the order of names. Hidden ones are left out."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
    shown = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not shown:
        raise BadSetting(f"There is no image in {folder}; name a folder with {', '.join(sorted(SUFFIXES))} files.")
    return sorted(shown)


def lines_of(out: Path, question: Question) -> list[dict[str, Any]]:
    """The lines the file has, after cutting off a torn last one. BadSetting when they answer another question."""
    if not out.is_file():
        return []
    data = out.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    try:
        rows = [json.loads(line) for line in whole.splitlines()]
        asked = {(r["task"], tuple(r["labels"])) for r in rows if (r["image"], r["sha256"])}
    except (ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{out} is not a file of answers by `predict`; name another with --out.") from error
    if len(rows) and asked != {(question.task.value, question.labels)}:
        raise BadSetting(f"{out} answers another question; name another file with --out.")
    if whole != data:
        with files.sentences(out):
            os.truncate(out, len(whole))
    return rows


class Output:
    """Lines added to a file; each batch is on disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Output:
        with files.sentences(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        with files.sentences(self.path):
            self._file.write("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
            self._file.flush()
            os.fsync(self._file.fileno())


class BulkCount:
    """Counts what a run has answered; says which images failed and, at the end, how fast it was."""

    def __init__(self, total: int, say: Callable[[str], None], progress: Progress) -> None:
        self.total, self.say, self.progress = total, say, progress
        self.known = self.answered = 0
        self.started = time.monotonic()

    def skip(self, n: int) -> None:
        self.known += n
        self._tell()

    def one(self, row: dict[str, Any]) -> None:
        self.answered += 1
        if "error" in row:
            self.say(f"pdc: {row['image']}: {row['error']}")
        self._tell()

    def _tell(self) -> None:
        self.progress("Answering images", self.known + self.answered, self.total)

    def end(self, out: Path) -> None:
        old = f", {self.known} had an answer already" if self.known else ""
        speed = self.answered / max(time.monotonic() - self.started, 1e-6)
        self.say(f"{self.answered} images answered, {speed:.2f} a second{old}: {out}")


def _parts(items: Sequence[Any], n: int) -> Iterator[Sequence[Any]]:
    return (items[i : i + n] for i in range(0, len(items), n))


def _chunks(bulk: BulkRun, paths: Sequence[Path]) -> Iterator[list[BulkImage]]:
    """The files, decoded while the model is busy with the ones before."""
    with ThreadPoolExecutor(2) as pool:

        def begin(chunk: Sequence[Path]) -> list[Any]:
            return [pool.submit(_found, bulk, path) for path in chunk]

        waiting: list[Any] = []
        for chunk in _parts(paths, bulk.batch * AHEAD):
            coming = begin(chunk)
            if waiting:
                yield [f.result() for f in waiting]
            waiting = coming
        yield [f.result() for f in waiting]


def _found(bulk: BulkRun, path: Path) -> BulkImage:
    name = path.relative_to(bulk.folder).as_posix()
    try:
        data = path.read_bytes()
    except OSError as error:
        return BulkImage(name, None, BadImage(f"cannot be read: {error.strerror}."))
    digest = hashlib.sha256(data).hexdigest()
    try:
        return BulkImage(name, digest, accept(data, path.name, max_megapixels=bulk.max_megapixels))
    except BadImage as error:
        return BulkImage(name, digest, error)


def _rows(bulk: BulkRun, predictor: Predictor, batch: Sequence[BulkImage]) -> list[dict[str, Any]]:
    good = {f.name: f.image for f in batch if isinstance(f.image, Accepted)}
    answers = dict(zip(good, _answers(bulk, predictor, [image.pixels() for image in good.values()]), strict=True))
    return [_row(bulk, f, f.image if isinstance(f.image, BadImage) else answers[f.name]) for f in batch]


def _row(bulk: BulkRun, found: BulkImage, answer: Answer | BadImage) -> dict[str, Any]:
    if isinstance(answer, BadImage):
        asked = {"task": bulk.question.task.value, "labels": list(bulk.question.labels)}
        return {"image": found.name, "sha256": found.sha256, **asked, "error": str(answer)}
    image = found.image if isinstance(found.image, Accepted) else None
    row = answer_row(found.name, found.wh, bulk.question, answer, image)
    return {"image": found.name, "sha256": found.sha256, **row}


def _answers(bulk: BulkRun, predictor: Predictor, images: Sequence[PilImage]) -> list[Answer | BadImage]:
    """Answers with their share of the batch's seconds. Where one image spoils the batch, each is asked alone."""
    try:
        answers = predictor.predict_many([(image, bulk.question) for image in images]) if images else []
    except BadImage as error:
        if len(images) == 1:
            return [error]
        return [a for image in images for a in _answers(bulk, predictor, [image])]
    shared = [replace(a, seconds=round(a.seconds / len(images), 3)) for a in answers]
    pairs = zip(images, shared, strict=True)
    return [zoom_answer(predictor, image, bulk.question, a, bulk.closer) for image, a in pairs]
