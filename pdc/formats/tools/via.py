"""VGG Image Annotator (VIA 1 and 2), as project, JSON or CSV -> pictures. An image without regions says nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from math import degrees
from pathlib import PurePosixPath
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Point, Shape
from pdc.formats.contents import Contents, LeftOut, Record, gather, placed, settle, together
from pdc.formats.records import inside, is_number, reaching
from pdc.formats.shapes.outlines import around, ellipse, polygon_of, traced
from pdc.formats.sources.index import FileIndex
from pdc.formats.tools.drawn import Found, record, tried

IMAGES = "_via_img_metadata"
COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
LABELS = ("label", "class", "type", "name", "category", "object", "cell")  # attributes that say what a region is
Attributes = Mapping[str, Any]
Regions = dict[str, list[tuple[Attributes, Attributes]]]
"""image -> (shape, attributes) of each region"""


def knows(index: FileIndex, file: str) -> bool:
    if file.lower().endswith(".csv"):
        head = index.head(file).decode("utf-8-sig", "replace").split("\n")[0]
        return all(column in head for column in COLUMNS)
    value = index.json(file) if file.lower().endswith(".json") else None
    return isinstance(value, dict) and (IMAGES in value or any(map(_is_image, value.values())))


def _is_image(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("filename"), str) and isinstance(entry.get("regions"), dict | list)


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Left out are lines, and regions whose attributes do not say one thing."""
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    regions = _table(index, file) if file.lower().endswith(".csv") else _json(index.json(file))
    return gather(regions.items(), lambda image: _record(index, file, *image), lambda image: image[0])


def _json(value: Mapping[str, Any]) -> Regions:
    listed = value[IMAGES] if isinstance(value.get(IMAGES), dict) else value
    images = [entry for entry in listed.values() if _is_image(entry)]
    return {e["filename"]: [_region(r) for r in _values(e["regions"])] for e in images}


def _values(regions: Any) -> list[Any]:
    return list(regions.values()) if isinstance(regions, dict) else regions


def _region(region: Any) -> tuple[Attributes, Attributes]:
    shape, attributes = (
        region.get(key) if isinstance(region, dict) else None for key in ("shape_attributes", "region_attributes")
    )
    return (shape if isinstance(shape, dict) else {}), (attributes if isinstance(attributes, dict) else {})


def _table(index: FileIndex, file: str) -> Regions:
    found: Regions = {}
    for i, line in enumerate(csv.DictReader(io.StringIO(index.text(file), newline="")), start=2):
        try:
            shape, attributes = (json.loads(line[column] or "{}") for column in COLUMNS[1:])
        except (ValueError, TypeError):
            raise BadSetting(
                "{name} line {i} has attributes that are no JSON; export it again.", name=PurePosixPath(file).name, i=i
            ) from None
        regions = found.setdefault(line["filename"] or "", [])
        regions += [(shape, attributes)] if shape else []
    return found


def _record(index: FileIndex, beside: str, name: str, regions: Sequence[tuple[Attributes, Attributes]]) -> Record:
    size = index.size(name, beside, None)
    return record(name, size, (f for region in regions for f in _found(*region, name, size)))


def _found(shape: Attributes, attributes: Attributes, name: str, size: Size | None) -> list[Found]:
    def shapes(label: str) -> Iterable[Shape] | str:
        read = _shape(shape, f"a {label} of {name}")
        if isinstance(read, str):
            return read
        place = reaching if shape["name"] in ("circle", "ellipse") else inside
        return [read if size is None else place(read, size, f"a {label} of {name}")]

    return tried(name, _label(attributes), shapes)


def _label(attributes: Attributes) -> str | None:
    """The only attribute, or the one that is called like a label; of a checkbox what is ticked. None when it is not one thing."""
    said = {key.casefold(): value for key, value in attributes.items() if value not in ("", {}, None)}
    key = next(iter(said), None) if len(said) == 1 else next((k for k in LABELS if k in said), None)
    value = said.get(key) if key else None
    ticked = [k for k, v in value.items() if v] if isinstance(value, dict) else [value]
    return ticked[0] if len(ticked) == 1 and isinstance(ticked[0], str) else None


def _shape(shape: Attributes, where: str) -> Shape | str:
    """In pixels; or why it is not read."""
    kind = shape.get("name")
    if kind == "rect":
        x, y, width, height = _numbers(shape, ("x", "y", "width", "height"), where)
        return around([(x, y), (x + width, y + height)])
    if kind in ("circle", "ellipse"):
        cx, cy = _numbers(shape, ("cx", "cy"), where)
        rx, ry = _numbers(shape, ("r", "r") if kind == "circle" else ("rx", "ry"), where)
        return ellipse((cx, cy), (rx, ry), degrees(_numbers({"theta": 0, **shape}, ("theta",), where)[0]))
    if kind == "point":
        return Point(*_numbers(shape, ("cx", "cy"), where))
    if kind == "polygon":
        xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            raise BadSetting("{where} has not as many x as y; correct the file.", where=where)
        return traced((polygon_of(list(zip(xs, ys, strict=True)), where),))
    return f"a {kind or 'region without a shape'} is not read"


def _numbers(shape: Attributes, names: Sequence[str], where: str) -> list[float]:
    values = [shape.get(name) for name in names]
    if not all(map(is_number, values)):
        raise BadSetting(
            "{where} has no number where its {what} should be; correct the file.", where=where, what=", ".join(names)
        )
    return [float(v) for v in values if v is not None]
