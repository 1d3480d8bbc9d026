"""Label Studio's regions <-> shapes: positions are percent of the image's width and height."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Outline, Point, Shape, check_label
from pdc.formats.shapes import masks
from pdc.formats.shapes.outlines import Corner, Traced, around, ellipse, outline_of, polygon_of, traced, turned

NEEDS = {  # the kinds of regions that are read, and what must be there
    "rectanglelabels": "height",
    "polygonlabels": "points",
    "ellipselabels": "radiusX",
    "brushlabels": "rle",
    "keypointlabels": "x",
    "labels": "",
}
POINT_WIDTH = 0.5  # percent; how large Label Studio draws a point
CLOSE = 1e-6  # pixels; what differs by less is what was written


def region(name: str, label: str, shape: Shape, size: Size) -> dict[str, Any]:
    """A region of an annotation's result. `meta` keeps the numbers in pixels, which percent cannot give back."""
    kind, control, value = _value(shape, size)
    outline = outline_of(shape)
    return {
        "id": name,
        "type": kind,
        "from_name": control,
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {**value, kind: [label]},
        "meta": {"exact": _numbers(shape), **({"outline": outline} if outline else {})},
    }


def _numbers(shape: Shape) -> tuple[float, ...]:
    return shape.xyxy if isinstance(shape, Box) else (shape.x, shape.y)


def _value(shape: Shape, size: Size) -> tuple[str, str, dict[str, Any]]:
    """Type, control and place. A polygon where it says all of the mark; else a box, with the outline in `meta`."""
    if isinstance(shape, Point):
        return "keypointlabels", "points", {"x": 100 * shape.x / size[0], "y": 100 * shape.y / size[1], "width": POINT_WIDTH}
    outline = outline_of(shape)
    if len(outline) == 1 and around(outline[0]).xyxy == shape.xyxy:
        points = [[100 * x / size[0], 100 * y / size[1]] for x, y in outline[0]]
        return "polygonlabels", "outlines", {"points": points, "closed": True}
    corner = {"x": 100 * shape.x1 / size[0], "y": 100 * shape.y1 / size[1]}
    sides = {"width": 100 * shape.width / size[0], "height": 100 * shape.height / size[1]}
    return "rectanglelabels", "boxes", {**corner, **sides, "rotation": 0}


def labels_of(region: Any) -> list[str]:
    """The labels of a region, under whichever of Label Studio's names they stand."""
    value = _mapping(_mapping(region).get("value"))
    listed = next((value[key] for key in (str(_mapping(region).get("type")), *NEEDS) if isinstance(value.get(key), list)), [])
    return [check_label(n) for n in listed if isinstance(n, str)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def why_unread(region: Any) -> str | None:
    """Why the region is no shape with one label on this very image; None when it is."""
    value, kind = _mapping(_mapping(region).get("value")), str(_mapping(region).get("type") or "")
    if (kind and kind not in NEEDS) or not _is_drawn(value, NEEDS.get(kind)):
        return f"{kind or 'an unknown shape'} is not read"
    if region.get("image_rotation"):
        return "its image was turned in Label Studio, which is not read"
    if region.get("item_index"):
        return "it is on another page of its file"
    if value.get("closed") is False:
        return "it is an open line"
    return None if len(labels_of(region)) == 1 else "it has no label, or several"


def is_mask(region: Any) -> bool:
    return "rle" in _mapping(_mapping(region).get("value"))


def is_turned(region: Mapping[str, Any]) -> bool:
    """Whether its box is not what was drawn, so that it may reach over the image's border."""
    return "radiusX" in region["value"] or bool(region["value"].get("rotation"))


def _is_drawn(value: Mapping[str, Any], need: str | None) -> bool:
    if need:
        return need in value
    return "rle" in value or "points" in value or ("x" in value and "y" in value)


def read(region: Mapping[str, Any], where: str) -> tuple[Shape, Size]:
    """The shape in pixels, and the size of its image. BadSetting when a number is missing."""
    value, size = region["value"], (region.get("original_width", 0), region.get("original_height", 0))
    if not all(type(v) is int and v > 0 for v in size):
        raise BadSetting("{where} has a region without numbers or without the image's size; export it again.", where=where)
    shape, meta = _shape(value, size, f"{where} of the Label Studio file"), _mapping(region.get("meta"))
    return _kept(shape, meta.get("exact"), meta.get("outline")), size


def _shape(value: Mapping[str, Any], size: Size, where: str) -> Shape:
    if "rle" in value:
        outline = masks.outline(masks.from_label_studio(value["rle"], size, where))
        return traced(outline) if outline else _refused(where, "an empty mask")
    if "points" in value:
        return traced((tuple((x * size[0] / 100, y * size[1] / 100) for x, y in polygon_of(value["points"], where)),))
    x, y = _pixels(value, ("x", "y"), size, where)
    if "radiusX" in value:
        radii = _pixels(value, ("radiusX", "radiusY"), size, where)
        return ellipse((x, y), (abs(radii[0]), abs(radii[1])), _turn(value, where))
    if "height" not in value:
        return Point(x, y)
    w, h = _pixels(value, ("width", "height"), size, where)
    return turned(around([(x, y), (x + w, y + h)]), _turn(value, where), about=(x, y))


def _refused(where: str, what: str) -> Shape:
    raise BadSetting("{where} has a region that is {what}; correct it.", where=where, what=what)


def _pixels(value: Mapping[str, Any], names: tuple[str, str], size: Size, where: str) -> Corner:
    first, second = (_number(value.get(name), where) * side / 100 for name, side in zip(names, size, strict=True))
    return first, second


def _turn(value: Mapping[str, Any], where: str) -> float:
    return _number(value.get("rotation") or 0, where)


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not -1e9 < value < 1e9:
        raise BadSetting("{where} has a region without numbers or without the image's size; export it again.", where=where)
    return value


def _kept(shape: Shape, numbers: Any, outline: Any) -> Shape:
    """With the numbers that PDC kept beside the percent, as long as no other program has moved the region since."""
    if not _same([_numbers(shape)], [numbers]):
        return _rounded(shape)
    if not isinstance(shape, Box):
        return Point(*numbers)
    if not _is_outline(outline):
        return Box(*numbers) if not outline_of(shape) else _rounded(shape)
    rings: Outline = tuple(tuple((x, y) for x, y in ring) for ring in outline)
    moved = outline_of(shape) and not (
        len(rings) == 1 and len(rings[0]) == len(outline_of(shape)[0]) and _same(outline_of(shape)[0], rings[0])
    )
    return _rounded(shape) if moved else Traced(*numbers, outline=rings)


def _is_outline(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(r, list) and len(r) >= 3 and all(map(_is_pair, r)) for r in value)
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) and -1e9 < v < 1e9 for v in value)


def _same(found: Any, kept: Any) -> bool:
    """Whether each of `kept` is a list of the same numbers, but for rounding."""
    return all(
        isinstance(k, list | tuple)
        and len(k) == len(f)
        and all(type(b) in (int, float) and abs(a - b) < CLOSE for a, b in zip(f, k, strict=True))
        for f, k in zip(found, kept, strict=True)
    )


def _rounded(shape: Shape) -> Shape:
    """Without the noise of percent."""
    if isinstance(shape, Point):
        return Point(round(shape.x, 9), round(shape.y, 9))
    corners = [round(v, 9) for v in shape.xyxy]
    rings = tuple(tuple((round(x, 9), round(y, 9)) for x, y in ring) for ring in outline_of(shape))
    return Traced(*corners, outline=rings) if rings else Box(*corners)
