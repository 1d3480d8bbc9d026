"""One <object> of Pascal VOC, as VOC itself, CVAT, Roboflow and roLabelImg write it -> a shape."""

from __future__ import annotations

from collections.abc import Iterable
from math import degrees
from xml.etree.ElementTree import Element

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Outline, Point, Shape
from pdc.formats.records import inside, is_number, reaching
from pdc.formats.shapes.outlines import Corner, agrees, around, polygon_of, traced, turned

CORNERS = ("xmin", "ymin", "xmax", "ymax")
PLACES = ("bndbox", "point", "polygon", "robndbox")
UNREAD = ("segm", "mask", "ellipse")


def why_unread(found: Element) -> str | None:
    """Why the object has no place that is read; None when it has one."""
    if found.findtext("bndbox/angle") is not None:
        return "its bndbox has an angle, and nobody can tell what it is measured in"
    named = any(found.find(kind) is not None for kind in UNREAD)
    return "it is a mask or an ellipse without a bndbox, which is not read" if named and _kind(found) is None else None


def _kind(found: Element) -> str | None:
    return next((kind for kind in PLACES if found.find(kind) is not None), None)


def shape_in(found: Element, size: Size | None, where: str) -> tuple[Shape, str | None]:
    """The place, cut at the border where the size is known; and why its outline does not come with it, if it does not."""
    kind = _kind(found)
    if kind == "point":
        return _placed(Point(*_numbers(found, "point", ("x", "y"), where)), size, where), None
    if kind == "polygon":
        return _placed(traced(_outline(found, where)), size, where), None
    if kind == "robndbox":  # radians, clockwise
        cx, cy, w, h, angle = _numbers(found, "robndbox", ("cx", "cy", "w", "h", "angle"), where)
        box = turned(around([(cx - w / 2, cy - h / 2), (cx + w / 2, cy + h / 2)]), degrees(angle))
        return _placed(box, size, where, reaches=True), None
    return _boxed(found, size, where)


def _boxed(found: Element, size: Size | None, where: str) -> tuple[Shape, str | None]:
    x1, y1, x2, y2 = _numbers(found, "bndbox", CORNERS, where)
    if x1 > x2 or y1 > y2:
        raise BadSetting("{where} has a box turned inside out; correct the file.", where=where)
    box = Box(x1, y1, x2, y2)
    if turn := _rotation(found, where):
        return _placed(turned(box, turn), size, where, reaches=True), None
    if found.find("polygon") is None:
        return _placed(box, size, where), None
    outline = _outline(found, where)
    fits = agrees(outline, box)
    return _placed(
        traced(outline, box) if fits else box, size, where
    ), None if fits else "it does not fit its bndbox, which counts"


def _placed(shape: Shape, size: Size | None, where: str, *, reaches: bool = False) -> Shape:
    if size is None:
        return shape
    return (reaching if reaches else inside)(shape, size, where)


def _rotation(found: Element, where: str) -> float:
    """Degrees, clockwise, by which CVAT turned the bndbox."""
    turns = (a for a in found.iterfind("attributes/attribute") if a.findtext("name") == "rotation")
    return next((_finite([a.findtext("value") or "0"], where)[0] % 360 for a in turns), 0)


def _outline(found: Element, where: str) -> Outline:
    """Corners as <pt><x/><y/></pt>, or as <x1/><y1/><x2/><y2/>."""
    polygon = found.find("polygon")
    assert polygon is not None
    points = polygon.findall("pt")
    if points:
        return (polygon_of([_pair(p.findtext("x"), p.findtext("y"), where) for p in points], where),)
    texts = {e.tag: e.text for e in polygon}
    listed = range(1, len(texts) // 2 + 1)
    return (polygon_of([_pair(texts.get(f"x{i}"), texts.get(f"y{i}"), where) for i in listed], where),)


def _pair(x: str | None, y: str | None, where: str) -> Corner:
    first, second = _finite([x or "", y or ""], where)
    return first, second


def _numbers(found: Element, place: str, names: Iterable[str], where: str) -> list[float]:
    return _finite([found.findtext(f"{place}/{name}", "") for name in names], where)


def _finite(texts: Iterable[str], where: str) -> list[float]:
    try:
        values = [float(text) for text in texts]
    except ValueError:
        values = [float("nan")]
    if not all(map(is_number, values)):
        raise BadSetting("{where} has an object without usable corners; correct the file.", where=where)
    return values
