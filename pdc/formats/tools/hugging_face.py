"""Hugging Face's image folder -> pictures: metadata.jsonl, a line an image with `objects` of bbox (x, y, width, height)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box
from pdc.formats.contents import Contents, LeftOut, Record, What, gather, placed, settle, together
from pdc.formats.records import inside, is_number
from pdc.formats.sources.index import FileIndex
from pdc.formats.tools.drawn import Found, record, tried

LABELS = ("categories", "category", "labels", "label", "names", "name")
NUMBERED = "its category is a number, and the file does not say what the numbers mean; write the names"


def knows(index: FileIndex, file: str) -> bool:
    first = index.head(file).split(b"\n")[0] if file.lower().endswith(".jsonl") else b""
    return b'"file_name"' in first and b'"objects"' in first


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """A line without objects says nothing, as an image of a COCO file without annotations does."""
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    numbered = [(f"{PurePosixPath(file).name} line {i}", line) for i, line in enumerate(index.text(file).splitlines(), start=1)]
    filled = [(where, line) for where, line in numbered if line.strip()]
    return gather(filled, lambda entry: _record(index, file, *entry), lambda entry: entry[0])


def _record(index: FileIndex, beside: str, where: str, line: str) -> Record:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadSetting("{where} is not JSON; write it again.", where=where) from None
    name, objects = (row.get(key) if isinstance(row, dict) else None for key in ("file_name", "objects"))
    if not isinstance(name, str) or not name or not isinstance(objects, dict | list):
        raise BadSetting("{where} has no file_name or no objects; correct the file.", where=where)
    size = index.size(name, beside, None)
    return record(name, size, (f for bbox, label in _pairs(objects, where) for f in _found(bbox, label, name, size, where)))


def _pairs(objects: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """(bbox, label) of each object: two lists side by side, or a list of objects."""
    if isinstance(objects, list):
        yield from ((o.get("bbox"), _label(o)) for o in objects if isinstance(o, dict))
        return
    boxes, labels = objects.get("bbox", objects.get("bboxes")), _label(objects)
    if not isinstance(boxes, list) or not isinstance(labels, list) or len(boxes) != len(labels):
        raise BadSetting("{where} needs as many categories as it has bboxes; correct the file.", where=where)
    yield from zip(boxes, labels, strict=True)


def _label(about: Mapping[str, Any]) -> Any:
    return next((about[key] for key in LABELS if key in about), None)


def _found(bbox: Any, label: Any, name: str, size: Size | None, where: str) -> list[Found]:
    if type(label) is int:
        return [LeftOut(What.OBJECT, NUMBERED, name)]
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)) or min(bbox[2:]) < 0:
        raise BadSetting("{where} has a bbox that is not x, y, width and height; correct the file.", where=where)
    box = Box(bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3])
    return tried(name, label, lambda _: [box if size is None else inside(box, size, where)])
