"""COCO JSON <-> pictures. Pure: no files, no store.

What PDC writes beside the standard keys: images carry `name`, `group` (what must stay on one side of a split) and `labels`
(what was asked there: a label that is named and has no box is absent, one that is not named is unknown), with `asked` saying
by which task. A point is a keypoint with a box of no size. An annotation whose corner cannot be had by adding floats carries
its corners as `xyxy`, so that no box ever changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pdc.domain import Box, Point, Shape, check_label
from pdc.errors import BadSetting
from pdc.geometry import clip
from pdc.pictures import Asked, Picture, is_number, told, with_told

Labelled = tuple[str, Shape]
Id = int | str


def document(pictures: Sequence[Picture]) -> dict[str, Any]:
    """The COCO file of pictures. Categories are numbered as labels first appear."""
    numbers = {n: i for i, n in enumerate(dict.fromkeys(a.label for p in pictures for a in p.asked), start=1)}
    pointed = {a.label for p in pictures for a in p.asked if any(isinstance(s, Point) for s in a.shapes)}
    images, annotations = [], []
    for number, picture in enumerate(pictures, start=1):
        images.append(_image(number, picture))
        for label, shape in [(a.label, shape) for a in picture.asked for shape in a.shapes]:
            annotations.append(_annotation(len(annotations) + 1, number, numbers[label], shape))
    return {
        "info": {"description": "Reviews exported by PDC"},
        "images": images,
        "categories": [_category(i, label, label in pointed) for label, i in numbers.items()],
        "annotations": annotations,
    }


def _category(number: int, label: str, pointed: bool) -> dict[str, Any]:
    category = {"id": number, "name": label}
    return {**category, "keypoints": ["centre"], "skeleton": []} if pointed else category


def _image(number: int, picture: Picture) -> dict[str, Any]:
    kept = told(picture)
    return {
        "id": number,
        "file_name": picture.file,
        "width": picture.size[0],
        "height": picture.size[1],
        "name": picture.name,
        "group": picture.group,
        "labels": [a.label for a in picture.asked],
        "asked": kept["asked"],
    }


def _annotation(number: int, image: int, category: int, shape: Shape) -> dict[str, Any]:
    about = {"id": number, "image_id": image, "category_id": category}
    if isinstance(shape, Point):
        keypoint = {"keypoints": [shape.x, shape.y, 2], "num_keypoints": 1}
        return {**about, "bbox": [shape.x, shape.y, 0.0, 0.0], "area": 0.0, "iscrowd": 0, **keypoint}
    bbox = [shape.x1, shape.y1, _span(shape.x1, shape.x2), _span(shape.y1, shape.y2)]
    annotation = {**about, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0}
    return annotation if _corners(bbox) == shape.xyxy else {**annotation, "xyxy": list(shape.xyxy)}


def _corners(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    return x, y, x + width, y + height


def _span(start: float, end: float) -> float:
    """The shortest number for which `start` + it is `end` again, as floats add; the difference when there is none."""
    exact = end - start
    return next((c for c in (round(exact, digits) for digits in range(17)) if start + c == end), exact)


def pictures(value: Any) -> tuple[tuple[str, ...], list[Picture]]:
    """The categories in the file's order, and its images with what is in them; BadSetting naming the first thing wrong.

    Boxes are cut at the image's border. Annotations of crowds (iscrowd 1) are no single objects and are left out. An image
    that does not say what it was asked for was asked for all categories.
    """
    lists = {key: _list(value, key) for key in ("images", "categories", "annotations")}
    categories = {_get(c, "id", (int, str), "A category"): _label(c) for c in lists["categories"]}
    if len(set(categories.values())) != len(lists["categories"]):
        raise BadSetting("Two categories of the COCO file share an id or a name; give each its own.")
    sizes = {_get(i, "id", (int, str), "An image"): _size(i) for i in lists["images"]}
    found: dict[Id, list[Labelled]] = defaultdict(list)
    for annotation in lists["annotations"]:
        if not (isinstance(annotation, dict) and annotation.get("iscrowd")):
            image, labelled = _labelled(annotation, categories, sizes)
            found[image].append(labelled)
    names = tuple(categories.values())
    return names, [_picture(i, found[i["id"]], names) for i in lists["images"]]


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, dict) or not isinstance(value.get(key), list):
        raise BadSetting(f"The file is not COCO: it has no list of {key}.")
    return value[key]


def _get(entry: Any, key: str, kind: type | tuple[type, ...], what: str) -> Any:
    found = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise BadSetting(f"{what} of the COCO file has no usable {key!r}; correct the file.")
    return found


def _label(category: Any) -> str:
    return check_label(_get(category, "name", str, "A category"))


def _size(image: Any) -> tuple[int, int]:
    what = f"Image {image['id']}"
    width, height = (_get(image, key, int, what) for key in ("width", "height"))
    if width < 1 or height < 1:
        raise BadSetting(f"{what} of the COCO file is {width} x {height} pixels; correct the file.")
    return width, height


def _picture(image: Mapping[str, Any], found: Sequence[Labelled], names: Sequence[str]) -> Picture:
    file_name = _get(image, "file_name", str, f"Image {image['id']}")
    name, group, labels = image.get("name"), image.get("group"), image.get("labels")
    named = isinstance(labels, list) and all(isinstance(n, str) for n in labels)
    asked = [check_label(n) for n in labels] if named else names
    picture = Picture(
        file_name,
        name if isinstance(name, str) else file_name,
        str(group) if group not in (None, "") else file_name,
        (image["width"], image["height"]),
        tuple(Asked.of_shapes(n, [s for label, s in found if label == n]) for n in asked),
    )
    return with_told(picture, {"asked": image.get("asked")}) if named else picture


def _labelled(
    annotation: Any, categories: Mapping[Id, str], sizes: Mapping[Id, tuple[int, int]]
) -> tuple[Id, Labelled]:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    what = f"Annotation {number}"
    image, category = (_get(annotation, key, (int, str), what) for key in ("image_id", "category_id"))
    if image not in sizes:
        raise BadSetting(f"{what} of the COCO file is about image {image}, which the file does not list.")
    if category not in categories:
        raise BadSetting(f"{what} of the COCO file has category {category}, which the file does not list.")
    box = _box(annotation.get("bbox"), annotation.get("xyxy"), sizes[image], what)
    return image, (categories[category], _point(annotation.get("keypoints"), box) or box)


def _point(keypoints: Any, box: Box) -> Point | None:
    """One labelled keypoint with a box of no size is PDC's way to write a point."""
    if not isinstance(keypoints, list) or len(keypoints) != 3 or not all(map(is_number, keypoints)) or box.area:
        return None
    return Point(box.x1, box.y1)


def _box(bbox: Any, exact: Any, size: tuple[int, int], what: str) -> Box:
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        raise BadSetting(f"{what} of the COCO file has no bbox of four numbers; correct the file.")
    x1, y1, x2, y2 = _corners(bbox)
    outside = x1 > size[0] or y1 > size[1] or x2 < 0 or y2 < 0
    if bbox[2] < 0 or bbox[3] < 0 or outside:
        raise BadSetting(f"{what} of the COCO file has a box outside its image or turned inside out; correct the file.")
    return clip(Box(*(exact if _agree(exact, (x1, y1, x2, y2)) else (x1, y1, x2, y2))), size)


def _agree(exact: Any, corners: Sequence[float]) -> bool:
    """Whether PDC's own corners are there and no other program has changed the bbox beside them."""
    if not isinstance(exact, list) or len(exact) != 4 or not all(map(is_number, exact)):
        return False
    ordered = exact[0] <= exact[2] and exact[1] <= exact[3]
    return ordered and all(abs(a - b) < 1e-6 for a, b in zip(exact, corners, strict=True))
