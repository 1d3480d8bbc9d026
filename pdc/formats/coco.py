"""COCO JSON <-> pictures. Pure: no files, no store.

What PDC writes beside the standard keys: images carry `name`, `group` (what must stay on one side of a split) and `labels`
(what was asked there: a label that is named and has no box is absent, one that is not named is unknown), with `asked` saying
by which task. A point is a keypoint with a box of no size. An annotation whose corner cannot be had by adding floats carries
its corners as `xyxy`, so that no box ever changes. An outline is the `segmentation`, and `area` is its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Point, Shape, check_label
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gather, placed, settle, together
from pdc.formats.records import Asked, Picture, has_area, is_number, told, visible, with_told
from pdc.formats.shapes.coco_shapes import corners, has_crowds, shape_of, why_unread
from pdc.formats.shapes.outlines import area, outline_of
from pdc.formats.sources.index import FileIndex

Labelled = tuple[str, Shape]
Id = str
POSE = "the box of each is taken over"
PIXEL = "it is one pixel, so a point is meant, and taken over"
LISTS = ("images", "categories", "annotations")


def write(pictures: Iterable[Picture]) -> Iterator[str]:
    """The COCO file of pictures, in pieces; they are gone through twice. Categories are numbered as labels first appear."""
    numbers, pointed = dict[str, int](), set[str]()

    def images() -> Iterator[dict[str, Any]]:
        for number, picture in enumerate(pictures, start=1):
            for asked in picture.asked:
                numbers.setdefault(asked.label, len(numbers) + 1)
            pointed.update(label for label, shape in visible(picture, has_area) if isinstance(shape, Point))
            yield _image(number, picture)

    def annotations() -> Iterator[dict[str, Any]]:
        ids = count(1)
        for number, picture in enumerate(pictures, start=1):
            yield from (_annotation(next(ids), number, numbers[n], s) for n, s in visible(picture, has_area))

    yield '{\n"info": {"description": "Reviews exported by PDC"},\n"images": ['
    yield from _listed(images())
    yield '],\n"categories": ['
    yield from _listed(_category(i, label, label in pointed) for label, i in numbers.items())
    yield '],\n"annotations": ['
    yield from _listed(annotations())
    yield "]\n}\n"


def _listed(values: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line of JSON per value."""
    for i, value in enumerate(values):
        yield f"{',' if i else ''}\n{json.dumps(value, ensure_ascii=False)}"


def _category(number: int, label: str, pointed: bool) -> dict[str, Any]:
    category = {"id": number, "name": label}
    return {**category, "keypoints": ["centre"], "skeleton": []} if pointed else category


def _image(number: int, picture: Picture) -> dict[str, Any]:
    kept = told(picture, has_area)
    return {
        "id": number,
        "file_name": picture.file,
        "width": picture.known_size[0],
        "height": picture.known_size[1],
        **kept,
        "labels": list(dict.fromkeys(a.label for a in picture.asked if a.count or a.none)),
    }


def _annotation(number: int, image: int, category: int, shape: Shape) -> dict[str, Any]:
    about = {"id": number, "image_id": image, "category_id": category}
    if isinstance(shape, Point):
        keypoint = {"keypoints": [shape.x, shape.y, 2], "num_keypoints": 1}
        return {**about, "bbox": [shape.x, shape.y, 0.0, 0.0], "area": 0.0, "iscrowd": 0, **keypoint}
    bbox = [shape.x1, shape.y1, _span(shape.x1, shape.x2), _span(shape.y1, shape.y2)]
    annotation = {**about, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0, **_segmentation(shape)}
    return annotation if corners(bbox) == shape.xyxy else {**annotation, "xyxy": list(shape.xyxy)}


def _segmentation(shape: Box) -> dict[str, Any]:
    outline = outline_of(shape)
    return {"segmentation": [list(chain.from_iterable(p)) for p in outline], "area": area(outline)} if outline else {}


def _span(start: float, end: float) -> float:
    """The shortest number for which `start` + it is `end` again, as floats add; the difference when there is none."""
    exact = end - start
    return next((c for c in (round(exact, digits) for digits in range(17)) if start + c == end), exact)


@dataclass(frozen=True, slots=True)
class Described:
    """One image of a file: its entry, its size (width, height), and its objects in the file's order, those left out too."""

    entry: Mapping[str, Any]
    size: Size
    objects: list[Labelled | LeftOut]


def knows(index: FileIndex, file: str) -> bool:
    """Whether the file is JSON with COCO's lists."""
    value = index.json(file) if file.lower().endswith(".json") else None
    return isinstance(value, dict) and all(isinstance(value.get(key), list) for key in LISTS)


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """The files' images with what is in them, and what was left out. BadSetting when a file as a whole is wrong.

    A label that an image neither draws nor names is "none" only if `complete`. Files with the same categories are one set.
    """
    sets: dict[tuple[str, ...], list[Record | LeftOut]] = {}
    for file in files:
        labels, entries = _entries(index, file)
        sets.setdefault(tuple(sorted(set(labels))), []).extend(placed(entries, index, file))
    return together(settle(entries, labels, complete) for labels, entries in sets.items())


def _entries(index: FileIndex, file: str) -> tuple[tuple[str, ...], list[Record | LeftOut]]:
    labels, images, strays = parsed(index.json(file), lambda name, told: index.size(name, file, told))
    return labels, [*gather(images, record, lambda image: image.entry["file_name"]), *strays]


def parse(value: Any) -> tuple[tuple[str, ...], list[Described]]:
    """As `parsed`, of a file that has to be right: the first wrong category, image or reference is raised."""
    labels, images, strays = parsed(value)
    wrong = [c for c in _categories(value["categories"]).values() if isinstance(c, PdcError)]
    if wrong or strays:
        raise wrong[0] if wrong else BadSetting(strays[0].reason)
    return labels, images


Frame = Callable[[str, Size | None], Size | None]
"""The size in which the marks of an image were drawn, by its name and the size that the file tells."""


def parsed(value: Any, frame: Frame = lambda name, told: told) -> tuple[tuple[str, ...], list[Described], list[LeftOut]]:
    """The labels that the file declares, its images, and entries that are left out. BadSetting when it is no COCO at all.

    Boxes are cut at the image's border. Polygons, masks and turned boxes become the box around them and stay as its outline.
    Left out are crowds, groups of keypoints without a bbox, and predictions.
    """
    categories = _categories(_list(value, "categories"))
    strays: list[LeftOut] = []
    images = _described(_list(value, "images"), frame, strays)
    listed = Counter(_id(i) for i in value["images"])
    crowds = has_crowds(_list(value, "annotations"))
    for annotation in value["annotations"]:
        try:
            number = _about(annotation, listed)
        except BadSetting as error:
            strays.append(LeftOut(What.OBJECT, error.message))
        else:
            if number in images:
                images[number].objects.extend(_labelled(annotation, categories, images[number], crowds))
    return tuple(c for c in categories.values() if isinstance(c, str)), list(images.values()), strays


def _categories(entries: Sequence[Any]) -> dict[Id, str | PdcError]:
    """The label of each id, or what is wrong with it."""
    found: dict[Id, str | PdcError] = {}
    for entry in entries:
        number = _number(entry, "id", "A category")
        if number in found:
            raise BadSetting("Two categories of the COCO file share an id; give each its own.")
        try:
            found[number] = check_label(str(_get(entry, "name", (str, int), "A category")).strip())
        except PdcError as error:
            found[number] = error
    return found


def _described(entries: Sequence[Any], frame: Frame, strays: list[LeftOut]) -> dict[Id, Described]:
    """The images by their id; of two with one id neither, since nobody knows whose the annotations are."""
    numbers = Counter(map(_id, entries))
    found: dict[Id, Described] = {}
    for entry in entries:
        try:
            number = _number(entry, "id", "An image")
            file = _get(entry, "file_name", str, f"Image {number}")
            if numbers[number] > 1:
                raise BadSetting("Several images of the COCO file have the id {number}; give each its own.", number=number)
            found[number] = Described(entry, _size(entry, file, frame), [])
        except PdcError as error:
            file = entry.get("file_name") if isinstance(entry, dict) else None
            strays.append(LeftOut(What.IMAGE, error.message, file if isinstance(file, str) else None))
    return found


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, dict) or not isinstance(value.get(key), list):
        raise BadSetting("The file is not COCO: it has no list of {key}.", key=key)
    return value[key]


def _get(entry: Any, key: str, kind: type | tuple[type, ...], what: str) -> Any:
    found = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise BadSetting("{what} of the COCO file has no usable {key}; correct the file.", what=what, key=repr(key))
    return found


def _number(entry: Any, key: str, what: str) -> Id:
    """An id as text: one program writes 1, another "1" or 1.0."""
    found = _get(entry, key, (int, float, str), what)
    return str(int(found)) if isinstance(found, float) and found.is_integer() else str(found)


def _id(entry: Any) -> Id | None:
    """The id of an image; None when it has none that can be used."""
    try:
        return _number(entry, "id", "An image")
    except BadSetting:
        return None


def _size(image: Mapping[str, Any], file: str, frame: Frame) -> Size:
    """The image's size; that of its file where the entry has none, or 0 x 0."""
    told: tuple[Any, Any] = image.get("width"), image.get("height")
    size = (int(told[0]), int(told[1])) if all(is_number(v) and v >= 1 for v in told) else None
    if size is None and any(told) and not all(is_number(v) and v == 0 for v in told):
        raise BadSetting(
            "Image {id} of the COCO file is {width} x {height} pixels; correct the file.",
            id=image["id"],
            width=told[0],
            height=told[1],
        )
    size = frame(file, size)
    if size is None:
        raise BadSetting("Image {id} of the COCO file has no usable width and height; correct the file.", id=image["id"])
    return size


def record(image: Described) -> Record:
    """What the file says about the image, before anything is concluded from what it does not say."""
    file, entry, labels = image.entry["file_name"], image.entry, image.entry.get("labels")
    name, group = entry.get("name"), entry.get("group")
    left_out = tuple(e for e in image.objects if isinstance(e, LeftOut))
    found = [e for e in image.objects if not isinstance(e, LeftOut)]
    named = labels if isinstance(labels, list) and all(isinstance(n, str) for n in labels) else None
    asked = dict.fromkeys([*map(check_label, named or ()), *(label for label, _ in found)])
    picture = Picture(
        file,
        name if isinstance(name, str) else file,
        str(group) if group not in (None, "") else file,
        image.size,
        tuple(Asked.of_shapes(n, [s for label, s in found if label == n]) for n in asked),
    )
    if named is None:
        return _pointed(Record(picture, Silence.UNKNOWN, left_out))
    return Record(with_told(picture, {"asked": image.entry.get("asked")}), Silence.TOLD, left_out)


def _pointed(record: Record) -> Record:
    """With points where a tool wrote them as boxes of one pixel: of a label all of whose boxes are no larger."""
    picture = record.picture
    tiny = [a for a in picture.asked if a.shapes and all(isinstance(s, Box) and max(s.width, s.height) <= 1 for s in a.shapes)]
    asked = [_corners_of(a) if a in tiny else a for a in picture.asked]
    said = [LeftOut(What.SIZE, PIXEL, picture.file, a.label) for a in tiny for _ in a.shapes]
    return replace(record, picture=replace(picture, asked=tuple(asked)), left_out=(*record.left_out, *said))


def _corners_of(asked: Asked) -> Asked:
    return Asked.of_shapes(asked.label, [Point(s.x1, s.y1) for s in asked.shapes if isinstance(s, Box)])


def _about(annotation: Any, listed: Container[Id | None]) -> Id:
    """The image's id."""
    image = _number(annotation, "image_id", what := _what(annotation))
    if image not in listed:
        raise BadSetting("{what} of the COCO file is about image {image}, which the file does not list.", what=what, image=image)
    return image


def _label_of(annotation: Mapping[str, Any], categories: Mapping[Id, str | PdcError]) -> str:
    number = _number(annotation, "category_id", what := _what(annotation))
    if number not in categories:
        raise BadSetting("{what} of the COCO file has category {number}, which the file does not list.", what=what, number=number)
    label = categories[number]
    if isinstance(label, PdcError):
        raise label
    return label


def _what(annotation: Any) -> str:
    return f"Annotation {annotation.get('id') if isinstance(annotation, dict) else None}"


def _labelled(
    annotation: Mapping[str, Any], categories: Mapping[Id, str | PdcError], image: Described, crowds: bool
) -> list[Labelled | LeftOut]:
    """The object, and what of it is left out."""
    file = image.entry["file_name"]
    try:
        label = _label_of(annotation, categories)
        reason = why_unread(annotation, crowds)
        if reason is not None:
            return [LeftOut(What.OBJECT, reason, file, label)]
        shape, unfit = shape_of(annotation, image.size, _what(annotation))
    except PdcError as error:
        return [LeftOut(What.IMAGE, error.message, file)]
    outline = [LeftOut(What.OUTLINE, unfit, file, label)] if unfit else []
    pose = [LeftOut(What.POSE, POSE, file, label)] if isinstance(shape, Box) and annotation.get("keypoints") else []
    return [(label, shape), *outline, *pose]
