"""GeoJSON as QuPath exports it -> pictures: one file an image, called like the image.

The features are a FeatureCollection, a list, or a single one. A file without features says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Outline, Point, Shape
from pdc.formats.contents import Contents, Record, gather, placed, settle
from pdc.formats.records import inside, is_number
from pdc.formats.shapes.outlines import polygon_of, traced
from pdc.formats.sources.index import FileIndex
from pdc.formats.tools.drawn import Found, image_of, record, tried

MACHINE = ("detection", "cell", "tile")
FOUND = "it was found by QuPath itself (a detection), and drawn by nobody"


def knows(index: FileIndex, file: str) -> bool:
    value = index.json(file) if file.lower().endswith((".geojson", ".json")) else None
    if isinstance(value, list):
        return any(isinstance(v, dict) and v.get("type") == "Feature" for v in value)
    return isinstance(value, dict) and (value.get("type") == "Feature" or isinstance(value.get("features"), list))


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Left out are lines, and what QuPath detected itself."""
    entries = (e for f in files for e in placed(gather([f], lambda file: _record(index, file), str), index, f))
    return settle(entries, complete=complete)


def _record(index: FileIndex, file: str) -> Record:
    name = image_of(index, file, *_stems(PurePosixPath(file).name), kind="GeoJSON")
    size = index.size(name, file, None)
    features = _features(index.json(file))
    return record(PurePosixPath(name).name, size, (f for feature in features for f in _found(feature, name, size, file)))


def _stems(name: str) -> list[str]:
    """`a.png` of a.png.geojson, `a` of a.geojson, and both without what QuPath adds for a series of a file."""
    stem = re.sub(r"\.(geo)?json$", "", name, flags=re.IGNORECASE)
    return [stem, re.sub(r" - .*$", "", stem)]


def _features(value: Any) -> list[Mapping[str, Any]]:
    listed = value if isinstance(value, list) else value.get("features") or [value]
    return [f for f in listed if isinstance(f, dict) and f.get("type") == "Feature"]


def _found(feature: Mapping[str, Any], name: str, size: Size | None, file: str) -> list[Found]:
    told = feature.get("properties")
    about: Mapping[str, Any] = told if isinstance(told, dict) else {}
    kind = str(about.get("objectType") or about.get("object_type") or feature.get("id") or "").lower()

    def shapes(label: str) -> Iterable[Shape] | str:
        where = f"a {label} of {PurePosixPath(file).name}"
        if kind in MACHINE or kind in ("pathdetectionobject", "pathcellobject", "pathtileobject"):
            return FOUND
        read = _shapes(feature.get("geometry"), where)
        return read if isinstance(read, str) or size is None else [inside(s, size, where) for s in read]

    return tried(name, _label(about), shapes)


def _label(about: Mapping[str, Any]) -> Any:
    """The class; the object's own name where it has none."""
    found = about.get("classification")
    if isinstance(found, dict):
        names = found.get("names")
        found = found.get("name") or (": ".join(map(str, names)) if isinstance(names, list) else None)
    return found or about.get("name")


def _shapes(geometry: Any, where: str) -> Iterable[Shape] | str:
    """In pixels; or why it is not read. Holes are filled."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    places = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind in ("Point", "MultiPoint") and isinstance(places, list):
        return [_point(p, where) for p in ([places] if kind == "Point" else places)]
    if kind in ("Polygon", "MultiPolygon") and isinstance(places, list):
        return [traced(_outer([places] if kind == "Polygon" else places, where))]
    return f"a {kind or 'feature without geometry'} is not read"


def _point(place: Any, where: str) -> Point:
    if not isinstance(place, list) or len(place) < 2 or not all(map(is_number, place[:2])):
        raise BadSetting("{where} has a point without two numbers; correct the file.", where=where)
    return Point(place[0], place[1])


def _outer(polygons: Sequence[Any], where: str) -> Outline:
    rings = [polygon[0] if isinstance(polygon, list) and polygon else None for polygon in polygons]
    if not rings:
        raise BadSetting("{where} has no polygon; correct the file.", where=where)
    return tuple(polygon_of(ring, where) for ring in rings)
