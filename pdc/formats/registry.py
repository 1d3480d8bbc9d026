"""The annotation formats by name: how each is written, and how each is recognised and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from pdc.domain.errors import BadSetting
from pdc.formats import coco, csv_table, label_studio, medmultipoints, voc, yolo
from pdc.formats.contents import Contents, told_left_out
from pdc.formats.records import Case, Picture, picture_of

COCO_FILE = "coco.json"
Texts = Mapping[str, str]


def _to_coco(pictures: Sequence[Picture]) -> Texts:
    return {COCO_FILE: json.dumps(coco.document(pictures), ensure_ascii=False, indent=1) + "\n"}


def read_coco(path: Path, complete: bool = False) -> Contents:
    """Of a file or of the folder that holds coco.json."""
    return coco.read(load_json(path / COCO_FILE if path.is_dir() else path), complete)


def load_json(path: Path) -> Any:
    """BadSetting when it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSetting(f"{path} cannot be read ({error.strerror}); check the path.") from None
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{path} is not JSON ({error}); export it again.") from None


WRITERS: Mapping[str, Callable[[Sequence[Picture]], Texts]] = {
    "coco": _to_coco,
    "yolo": yolo.write,
    "voc": voc.write,
    "label-studio": label_studio.write,
    "jsonl": medmultipoints.write,
}
READERS: Mapping[str, Callable[[Path, bool], Contents]] = {
    "coco": read_coco,
    "yolo": yolo.read,
    "voc": voc.read,
    "label-studio": label_studio.read,
    "csv": csv_table.read,
    "jsonl": medmultipoints.read,
    "medmultipoints": medmultipoints.read,
}
FORMATS = (*WRITERS, "csv", "medmultipoints")


def texts_of(cases: Sequence[Case], format: str) -> Texts:
    """{file name: text} of a format that is text."""
    if format == "csv":  # it tells every review; the others tell the best answer per label
        return csv_table.write(cases)
    return WRITERS[format]([picture_of(c) for c in cases])


def read(path: Path, format: str | None = None, complete: bool = False) -> Contents:
    """The pictures of a file or folder, and what was left out; without `format` by what it looks like.

    `complete`: what is not drawn is absent. BadSetting says what is wrong, also where nothing can be taken over.
    """
    if not path.exists():
        raise BadSetting(f"{path} cannot be read (it is not there); check the path.")
    if format is not None and format not in READERS:
        raise BadSetting(f"There is no import format {format!r}; use one of {', '.join(READERS)}.")
    contents = READERS[format or _looks_like(path)](path, complete)
    if not contents.pictures:
        raise BadSetting(f"Nothing of {path} can be imported. {told_left_out(contents.left_out)}".strip())
    return contents


def _looks_like(path: Path) -> str:
    by_suffix = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "medmultipoints"}
    if path.is_file():
        if is_zipfile(path):
            raise BadSetting(f"{path} is a zip; unpack it first, then name the folder.")
        if path.suffix in by_suffix:
            return by_suffix[path.suffix]
        return "label-studio" if isinstance(load_json(path), list) else "coco"
    signs = {
        COCO_FILE: "coco",
        label_studio.FILE: "label-studio",
        "data.yaml": "yolo",
        "classes.txt": "yolo",
        "labels": "yolo",
        voc.FOLDER: "voc",
        csv_table.FILE: "csv",
    }
    found = next((format for name, format in signs.items() if (path / name).exists()), None)
    return found or ("voc" if any(path.glob("*.xml")) else "medmultipoints")
