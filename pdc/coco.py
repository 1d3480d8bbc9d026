"""COCO JSON <-> boxes in pixels. Pure: no files, no store.

What PDC writes beside the standard keys: images carry `name`, `group` (what must stay on one side of a split) and
`labels` (what was asked there: a label that is named and has no box is absent, one that is not named is unknown).
An annotation whose corner cannot be had by adding floats carries its corners as `xyxy`, so that no box ever changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdc.domain import Box, Image, check_label
from pdc.errors import BadSetting
from pdc.geometry import clip

LabelledBox = tuple[str, Box]
Id = int | str


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a COCO file. `size` is (width, height) in pixels as the file says; `labels` is None if not named."""

    file_name: str
    name: str
    group: str
    size: tuple[int, int]
    labels: tuple[str, ...] | None
    boxes: tuple[LabelledBox, ...]


def document(cases: Sequence[tuple[Image, Mapping[str, Sequence[Box]]]]) -> dict[str, Any]:
    """The COCO file of images and their boxes per asked label. Categories are numbered as labels first appear."""
    numbers = {label: i for i, label in enumerate(dict.fromkeys(n for _, boxes in cases for n in boxes), start=1)}
    images, annotations = [], []
    for number, (image, boxes) in enumerate(cases, start=1):
        images.append(_image(number, image, list(boxes)))
        for label, box in [(label, box) for label, found in boxes.items() for box in found]:
            annotations.append(_annotation(len(annotations) + 1, number, numbers[label], box))
    return {
        "info": {"description": "Reviews exported by PDC"},
        "images": images,
        "categories": [{"id": i, "name": label} for label, i in numbers.items()],
        "annotations": annotations,
    }


def _image(number: int, image: Image, labels: list[str]) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": f"images/{image.sha256}.png",
        "width": image.width,
        "height": image.height,
        "name": image.name,
        "group": image.group,
        "labels": labels,
    }


def _annotation(number: int, image: int, category: int, box: Box) -> dict[str, Any]:
    bbox = [box.x1, box.y1, _span(box.x1, box.x2), _span(box.y1, box.y2)]
    annotation = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": bbox,
        "area": bbox[2] * bbox[3],
        "iscrowd": 0,
    }
    return annotation if _corners(bbox) == box.xyxy else {**annotation, "xyxy": list(box.xyxy)}


def _corners(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = bbox
    return x, y, x + width, y + height


def _span(start: float, end: float) -> float:
    """The shortest number for which `start` + it is `end` again, as floats add; the difference when there is none."""
    exact = end - start
    return next((c for c in (round(exact, digits) for digits in range(17)) if start + c == end), exact)


def entries(value: Any) -> tuple[tuple[str, ...], list[Entry]]:
    """The categories in the file's order, and its images with their boxes; BadSetting naming the first thing wrong.

    Boxes are cut at the image's border. Annotations of crowds (iscrowd 1) are no single objects and are left out.
    """
    lists = {key: _list(value, key) for key in ("images", "categories", "annotations")}
    categories = {_get(c, "id", (int, str), "A category"): _label(c) for c in lists["categories"]}
    if len(set(categories.values())) != len(lists["categories"]):
        raise BadSetting("Two categories of the COCO file share an id or a name; give each its own.")
    sizes = {_get(i, "id", (int, str), "An image"): _size(i) for i in lists["images"]}
    boxes: dict[Id, list[LabelledBox]] = defaultdict(list)
    for annotation in lists["annotations"]:
        if not (isinstance(annotation, dict) and annotation.get("iscrowd")):
            image, labelled = _labelled_box(annotation, categories, sizes)
            boxes[image].append(labelled)
    return tuple(categories.values()), [_entry(i, tuple(boxes[i["id"]])) for i in lists["images"]]


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


def _entry(image: Mapping[str, Any], boxes: tuple[LabelledBox, ...]) -> Entry:
    file_name = _get(image, "file_name", str, f"Image {image['id']}")
    name, group, labels = image.get("name"), image.get("group"), image.get("labels")
    named = isinstance(labels, list) and all(isinstance(n, str) for n in labels)
    return Entry(
        file_name=file_name,
        name=name if isinstance(name, str) else file_name,
        group=str(group) if group not in (None, "") else file_name,
        size=(image["width"], image["height"]),
        labels=tuple(check_label(n) for n in labels) if named else None,
        boxes=boxes,
    )


def _labelled_box(
    annotation: Any, categories: Mapping[Id, str], sizes: Mapping[Id, tuple[int, int]]
) -> tuple[Id, LabelledBox]:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    what = f"Annotation {number}"
    image, category = (_get(annotation, key, (int, str), what) for key in ("image_id", "category_id"))
    if image not in sizes:
        raise BadSetting(f"{what} of the COCO file is about image {image}, which the file does not list.")
    if category not in categories:
        raise BadSetting(f"{what} of the COCO file has category {category}, which the file does not list.")
    return image, (categories[category], _box(annotation.get("bbox"), annotation.get("xyxy"), sizes[image], what))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -1e9 < value < 1e9


def _box(bbox: Any, exact: Any, size: tuple[int, int], what: str) -> Box:
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
        raise BadSetting(f"{what} of the COCO file has no bbox of four numbers; correct the file.")
    x1, y1, x2, y2 = _corners(bbox)
    outside = x1 > size[0] or y1 > size[1] or x2 < 0 or y2 < 0
    if bbox[2] < 0 or bbox[3] < 0 or outside:
        raise BadSetting(f"{what} of the COCO file has a box outside its image or turned inside out; correct the file.")
    return clip(Box(*(exact if _agree(exact, (x1, y1, x2, y2)) else (x1, y1, x2, y2))), size)


def _agree(exact: Any, corners: Sequence[float]) -> bool:
    """Whether PDC's own corners are there and no other program has changed the bbox beside them."""
    if not isinstance(exact, list) or len(exact) != 4 or not all(map(_is_number, exact)):
        return False
    ordered = exact[0] <= exact[2] and exact[1] <= exact[3]
    return ordered and all(abs(a - b) < 1e-6 for a, b in zip(exact, corners, strict=True))
