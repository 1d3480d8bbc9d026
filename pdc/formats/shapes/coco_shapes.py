"""One COCO annotation -> a shape: a point, or a box with the outline that is drawn in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Outline, Point, Shape
from pdc.formats.records import inside, is_number, keeps_area
from pdc.formats.shapes import masks
from pdc.formats.shapes.outlines import agrees, cut, polygon_of, traced, turned


def has_crowds(annotations: Iterable[Any]) -> bool:
    """Whether iscrowd 1 means a crowd. Of a tool that gives it to every mask (CVAT, which writes `attributes`) it does not."""
    drawn = False
    for annotation in (a for a in annotations if isinstance(a, dict)):
        if "attributes" in annotation:
            return False
        drawn = drawn or not annotation.get("iscrowd")
    return drawn


def why_unread(annotation: Mapping[str, Any], crowds: bool) -> str | None:
    """Why the annotation is not one object that a person marked; None when it is."""
    if annotation.get("iscrowd") and (crowds or not isinstance(annotation.get("segmentation"), dict)):
        return "it is marked as a crowd (iscrowd 1), not as one object"
    if annotation.get("score") is not None:
        return "it has a score, so it is a prediction"
    bare = not annotation.get("segmentation") and not _has_extent(annotation.get("bbox") or [])
    grouped = annotation.get("keypoints") and _point(annotation) is None
    return "it is a group of keypoints without a bbox, which is not read" if bare and grouped else None


def _has_extent(bbox: Any) -> bool:
    return not isinstance(bbox, list) or any(bbox[2:])


def shape_of(annotation: Mapping[str, Any], size: Size, what: str) -> tuple[Shape, str | None]:
    """The object's place, and why its outline does not come with it, if it does not."""
    point, bbox = _point(annotation), annotation.get("bbox")
    if point is not None:
        return inside(point, size, f"{what} of the COCO file"), None
    if not _has_extent(bbox or []) and annotation.get("segmentation"):
        if not (outline := _outline(annotation, size, what)):
            raise BadSetting("{what} of the COCO file has neither a bbox nor an outline; correct the file.", what=what)
        return inside(traced(outline), size, f"{what} of the COCO file"), None
    box = _box(bbox, annotation.get("xyxy"), size, what)
    if turn := _turn(annotation):
        return cut(turned(Box(*corners(annotation["bbox"])), turn), size), None
    try:
        outline = _outline(annotation, size, what)
    except BadSetting as error:
        return box, str(error)
    if outline and not agrees(outline, box):
        return box, "it does not fit its bbox, which counts"
    return cut(traced(outline, box), size) if outline else box, None


def _turn(annotation: Mapping[str, Any]) -> float:
    """Degrees, clockwise, by which CVAT turned the bbox."""
    attributes = annotation.get("attributes")
    turn = attributes.get("rotation") if isinstance(attributes, dict) else None
    return turn % 360 if is_number(turn) else 0


def _outline(annotation: Mapping[str, Any], size: Size, what: str) -> Outline:
    """Of polygons, which are lists of x, y in turn, or of a mask. BadSetting when it is neither."""
    found, where = annotation.get("segmentation"), f"{what} of the COCO file"
    if isinstance(found, dict):
        return masks.outline(masks.from_coco(found, size, where))
    rings = [found] if isinstance(found, list) and found and all(map(is_number, found)) else found or []
    if not isinstance(rings, list) or not all(isinstance(ring, list) and len(ring) % 2 == 0 for ring in rings):
        raise BadSetting("{where} has a segmentation that is neither polygons nor a mask; correct the file.", where=where)
    return tuple(polygon_of(list(zip(ring[::2], ring[1::2], strict=True)), where) for ring in rings if ring)


def _point(annotation: Mapping[str, Any]) -> Point | None:
    """A keypoint with a bbox of no size is PDC's way to write a point; an outline of one corner is RectLabel's."""
    bbox, keypoints, outline = (annotation.get(key) for key in ("bbox", "keypoints", "segmentation"))
    if _has_numbers(keypoints, 3) and not _has_extent(bbox or []) and not outline:
        return Point(*(bbox if _has_numbers(bbox, 4) else keypoints)[:2])
    single = outline[0] if isinstance(outline, list) and len(outline) == 1 else None
    return Point(*single) if _has_numbers(single, 2) else None


def _has_numbers(value: Any, count: int) -> TypeGuard[list[float]]:
    return isinstance(value, list) and len(value) == count and all(map(is_number, value))


def _box(bbox: Any, exact: Any, size: Size, what: str) -> Box:
    if not _has_numbers(bbox, 4):
        raise BadSetting("{what} of the COCO file has no bbox of four numbers; correct the file.", what=what)
    x1, y1, x2, y2 = corners(bbox)
    outside = x1 > size[0] or y1 > size[1] or x2 < 0 or y2 < 0
    if bbox[2] < 0 or bbox[3] < 0 or outside or not keeps_area(box := Box(x1, y1, x2, y2), size):
        raise BadSetting("{what} of the COCO file has a box outside its image or turned inside out; correct the file.", what=what)
    return clip(Box(*exact) if _agree(exact, box.xyxy) else box, size)


def _agree(exact: Any, corners: Sequence[float]) -> bool:
    """Whether PDC's own corners are there and no other program has changed the bbox beside them."""
    if not _has_numbers(exact, 4):
        return False
    ordered = exact[0] <= exact[2] and exact[1] <= exact[3]
    return ordered and all(abs(a - b) < 1e-6 for a, b in zip(exact, corners, strict=True))


def corners(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    return x, y, x + width, y + height
