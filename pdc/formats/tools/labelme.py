"""labelme's JSON, also as X-AnyLabeling writes it -> pictures: one file an image.

A file is written when its image is saved. So one without shapes says "none" of every label in use, as an empty YOLO file does.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import hypot
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Outline, Point, Shape
from pdc.formats.contents import Contents, Record, Silence, gather, placed, settle
from pdc.formats.records import inside, is_number, reaching
from pdc.formats.shapes import masks
from pdc.formats.shapes.outlines import Corner, around, ellipse, polygon_of, traced
from pdc.formats.sources.index import FileIndex
from pdc.formats.tools.drawn import Found, record, tried

POLYGONS = ("polygon", "rotation", "oriented_rectangle", "quadrilateral")
REACHING = ("circle", "rotation", "oriented_rectangle")  # may reach over the border


def knows(index: FileIndex, file: str) -> bool:
    value = index.json(file) if file.lower().endswith(".json") else None
    return isinstance(value, dict) and isinstance(value.get("shapes"), list) and "imagePath" in value


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Left out are lines."""
    entries = (e for f in files for e in placed(gather([f], lambda file: _record(index, file), str), index, f))
    return settle(entries, complete=complete)


def _record(index: FileIndex, file: str) -> Record:
    value = index.json(file)
    named = value.get("imagePath")
    name = named if isinstance(named, str) and named else PurePosixPath(file).stem
    size = index.size(name, file, _size(value))
    shapes = [s for s in value["shapes"] if isinstance(s, dict)]
    found = (f for shape in shapes for f in _found(shape, name, size, PurePosixPath(file).name))
    found = record(name, size, found, Silence.NONE)
    data = None if index.names.find(name, file) else _data(value)
    return found if data is None else replace(found, picture=replace(found.picture, data=lambda: data))


def _size(value: Mapping[str, Any]) -> Size | None:
    width, height = value.get("imageWidth"), value.get("imageHeight")
    return (int(width), int(height)) if is_number(width) and is_number(height) and min(width, height) >= 1 else None


def _data(value: Mapping[str, Any]) -> bytes | None:
    """The image's file, where the annotation file carries it."""
    try:
        return base64.b64decode(value.get("imageData") or "", validate=True) or None
    except (TypeError, ValueError, binascii.Error):
        return None


def _found(shape: Mapping[str, Any], name: str, size: Size | None, where: str) -> list[Found]:
    kind = str(shape.get("shape_type") or "polygon")  # the first files of labelme had no kinds

    def shapes(label: str) -> Iterable[Shape] | str:
        found = _shapes(kind, shape, f"a {label} of {where}")
        if isinstance(found, str) or size is None:
            return found
        place = reaching if kind in REACHING else inside
        return [place(s, size, f"a {label} of {where}") for s in found]

    return tried(name, shape.get("label"), shapes)


def _shapes(kind: str, shape: Mapping[str, Any], where: str) -> Iterable[Shape] | str:
    """In pixels; or why it is not read."""
    corners = list(_corners(shape.get("points"), where))
    if kind in ("point", "points"):
        return [Point(x, y) for x, y in corners]
    if kind == "rectangle" and len(corners) >= 2:
        return [around(corners)]
    if kind == "circle" and len(corners) == 2:
        (cx, cy), (x, y) = corners
        radius = hypot(x - cx, y - cy)
        return [ellipse((cx, cy), (radius, radius))]
    if kind == "mask" and len(corners) == 2:
        return [traced(_mask(shape.get("mask"), corners[0], where))]
    return [traced((polygon_of(corners, where),))] if kind in POLYGONS else f"a {kind} is not read"


def _corners(points: Any, where: str) -> Iterator[Corner]:
    for point in points if isinstance(points, list) and points else [None]:
        if not isinstance(point, list) or len(point) < 2 or not all(map(is_number, point[:2])):
            raise BadSetting("{where} has no usable points; correct the file.", where=where)
        yield point[0], point[1]


def _mask(value: Any, corner: Corner, where: str) -> Outline:
    """Of a PNG of the mask's own box, whose first pixel lies at `corner`."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(value or ""))) as image:
            outline = masks.outline(np.asarray(image.convert("L")) > 0)
    except (OSError, TypeError, ValueError, binascii.Error, Image.DecompressionBombError):
        outline = ()
    if not outline:
        raise BadSetting("{where} has a mask that is empty or no picture; save it again.", where=where)
    return tuple(tuple((x + corner[0], y + corner[1]) for x, y in ring) for ring in outline)
