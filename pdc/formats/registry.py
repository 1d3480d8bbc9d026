"""The annotation formats by name: how each is written, and how each is recognised and read.

A reader is added as one line of READERS. A file belongs to the first reader that knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.message import Message, joined
from pdc.formats import coco, csv_table, label_studio, medmultipoints, voc, yolo
from pdc.formats.contents import Contents, LeftOut, What, counted, together, told_left_out
from pdc.formats.records import Case, Picture, picture_of
from pdc.formats.sources import yolo_layout
from pdc.formats.sources.index import FileIndex, Folder
from pdc.formats.sources.sniffing import unread
from pdc.formats.tools import cvat, hugging_face, imagej, labelme, qupath, via

COCO_FILE = "coco.json"
Texts = Iterator[tuple[str, Iterable[str]]]
"""(file name, its text in pieces); each text is taken before the next file is asked for"""


def _to_coco(pictures: Iterable[Picture]) -> Texts:
    yield COCO_FILE, coco.write(pictures)


def load_json(path: Path) -> Any:
    """BadSetting when it cannot be read or is not JSON."""
    with FileIndex(path, Folder(path.parent, {path.name: 0}), (path.name,)) as index:
        return index.json(path.name)


WRITERS: Mapping[str, Callable[[Iterable[Picture]], Texts]] = {
    "coco": _to_coco,
    "yolo": yolo.write,
    "voc": voc.write,
    "label-studio": label_studio.write,
    "jsonl": medmultipoints.write,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How files of one format are recognised by what is in them, and read: the files of a set together."""

    knows: Callable[[FileIndex, str], bool]
    read: Callable[[FileIndex, Sequence[str], bool], Contents]


READERS: Mapping[str, Reader] = {
    "coco": Reader(coco.knows, coco.read),
    "yolo": Reader(yolo_layout.knows, yolo.read),
    "voc": Reader(voc.knows, voc.read),
    "label-studio": Reader(label_studio.knows, label_studio.read),
    "cvat": Reader(cvat.knows, cvat.read),
    "labelme": Reader(labelme.knows, labelme.read),
    "qupath": Reader(qupath.knows, qupath.read),
    "via": Reader(via.knows, via.read),
    "imagej": Reader(imagej.knows_regions, imagej.read_regions),
    "imagej-results": Reader(imagej.knows_table, imagej.read_tables),
    "hugging-face": Reader(hugging_face.knows, hugging_face.read),
    "csv": Reader(csv_table.knows, csv_table.read),
    "jsonl": Reader(medmultipoints.knows_lines, medmultipoints.read),
    "medmultipoints": Reader(medmultipoints.knows_parquet, medmultipoints.read),
}
FORMATS = (*WRITERS, "csv", "medmultipoints")


def texts_of(cases: Iterable[Case], format: str) -> Texts:
    """Of a format that is text. `cases` can be gone through several times, and are the same each time."""
    return csv_table.write(cases) if format == "csv" else WRITERS[format](Pictures(cases))


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of cases, made anew each time they are gone through, so that they are never all in memory."""

    cases: Iterable[Case]

    def __iter__(self) -> Iterator[Picture]:
        return map(picture_of, self.cases)


def read(path: Path, format: str | None = None, complete: bool = False) -> Contents:
    """`read_index` of a file, a folder or a zip."""
    with FileIndex.of(path) as index:
        return read_index(index, format, complete)


def read_index(index: FileIndex, format: str | None = None, complete: bool = False) -> Contents:
    """The pictures of all annotation files that were named, and what was left out; without `format` by what they look like.

    `complete`: what is not drawn is absent. BadSetting says what is wrong, also where nothing can be taken over.
    """
    if format is not None and format not in READERS:
        raise BadSetting(
            "There is no import format {format}; use one of {formats}.", format=repr(format), formats=", ".join(READERS)
        )
    found, broken = _sorted_out(index, READERS if format is None else {format: READERS[format]})
    if format is not None and index.chosen:
        found = {format: list(index.chosen)}
    if not found and broken:
        raise BadSetting("Nothing of {path} can be imported. {why}", path=index.place, why=told_left_out(broken))
    if not found:
        raise unread(index, ", ".join(READERS), format)
    read = {name: READERS[name].read(index, files, complete) for name, files in found.items()}
    index.forget()
    _check_apart(index, read, found)
    contents = together([Contents((), tuple(broken)), *read.values()])
    if not contents.pictures:
        nothing = Message("Nothing of {path} can be imported.", path=index.place)
        raise BadSetting(joined([nothing, told_left_out(contents.left_out)]))
    return contents


def _sorted_out(index: FileIndex, readers: Mapping[str, Reader]) -> tuple[dict[str, list[str]], list[LeftOut]]:
    """The files of each format, and those that are broken."""
    found: dict[str, list[str]] = {}
    broken: list[LeftOut] = []
    for file in index.files:
        try:
            name = next((name for name, reader in readers.items() if reader.knows(index, file)), None)
        except BadSetting as error:
            broken.append(LeftOut(What.FILE, error.message, file))
        else:
            found.setdefault(name or "", []).append(file)
    found.pop("", None)
    return found, broken


def _check_apart(index: FileIndex, read: Mapping[str, Contents], found: Mapping[str, Sequence[str]]) -> None:
    """BadSetting when one image is in several formats: nobody can tell which of them is right."""
    owners: dict[str, str] = {}
    for name, contents in read.items() if len(read) > 1 else ():
        for path in (index.names.find(p.file, p.beside) for p in contents.pictures if p.data is None):
            if path is not None and owners.setdefault(path, name) != name:
                raise BadSetting(_several(index, path, found))


def _several(index: FileIndex, path: str, found: Mapping[str, Sequence[str]]) -> Message:
    listed = "; ".join(f"{name} ({counted(len(files), 'file')}, such as {files[0]})" for name, files in found.items())
    text = "{place} holds marks of {path} in several formats: {listed}. Say which with --format, or name the file."
    return Message(text, place=index.place, path=path, listed=listed)
