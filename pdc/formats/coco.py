"""COCO JSON <-> pictures. Pure: no files, no store.

What PDC writes beside the standard keys: images carry `name`, `group` (what must stay on one side of a split) and `labels`
(what was asked there: a label that is named and has no box is absent, one that is not named is unknown), with `asked` saying
by which task. A point is a keypoint with a box of no size. An annotation whose corner cannot be had by adding floats carries
its corners as `xyxy`, so that no box ever changes. An outline is the `segmentation`, and `area` is its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.geometry import Size
from pdc.domain.message import Message
from pdc.domain.values import Box, Point, Shape, check_label
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gathered, placing, settle, together
from pdc.formats.records import Asked, Picture, has_area, is_number, told, visible, with_told
from pdc.formats.shapes.coco_shapes import corners, has_crowds, shape_of, why_unread
from pdc.formats.shapes.outlines import area, outline_of
from pdc.formats.sources.coco_lists import CocoLists, lists_of
from pdc.formats.sources.index import FileIndex
from pdc.spool import Once, Spool

Labelled = tuple[str, Shape]
Id = str
POSE = "the box of each is taken over"
PIXEL = "it is one pixel, so a point is meant, and taken over"


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
    return file.lower().endswith(".json") and lists_of(index, file, _image_of) is not None


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """The files' images with what is in them, and what was left out. BadSetting when a file as a whole is wrong.

    A label that an image neither draws nor names is "none" only if `complete`. Files with the same categories are one set.
    """
    sets: dict[tuple[str, ...], Spool[Record | LeftOut]] = {}
    for file in files:
        labels, entries = _entries(index, file)
        sets.setdefault(tuple(sorted(set(labels))), Spool()).extend(placing(entries, index, file))
    return together(settle(entries, labels, complete) for labels, entries in sets.items())


def _entries(index: FileIndex, file: str) -> tuple[tuple[str, ...], Iterable[Record | LeftOut]]:
    lists = lists_of(index, file, _image_of) or CocoLists.of(index.json(file), _image_of)
    labels, images, strays = parsed(lists, lambda name, told: index.size(name, file, told))
    return labels, chain(gathered(images, record, lambda image: image.entry["file_name"]), strays)


def parse(value: Any) -> tuple[tuple[str, ...], list[Described]]:
    """As `parsed`, of a JSON value that has to be right: the first wrong category, image or reference is raised."""
    labels, images, strays = parsed(CocoLists.of(value, _image_of))
    found = list(images)
    wrong = [c for c in _categories(value["categories"]).values() if isinstance(c, PdcError)]
    if wrong or strays:
        raise wrong[0] if wrong else BadSetting(next(iter(strays)).reason)
    return labels, found


Frame = Callable[[str, Size | None], Size | None]
"""The size in which the marks of an image were drawn, by its name and the size that the file tells."""


def parsed(
    lists: CocoLists, frame: Frame = lambda name, told: told
) -> tuple[tuple[str, ...], Iterator[Described], Spool[LeftOut]]:
    """The labels that the file declares, its images one by one, and entries that are left out: all of them once the last image
    was taken.

    Boxes are cut at the image's border. Polygons, masks and turned boxes become the box around them and stay as its outline.
    Left out are crowds, groups of keypoints without a bbox, and predictions.
    """
    categories, strays = _categories(lists.categories), Spool[LeftOut]()
    labels = tuple(c for c in categories.values() if isinstance(c, str))
    return labels, _images(lists, categories, frame, strays), strays


def _images(
    lists: CocoLists, categories: Mapping[Id, str | PdcError], frame: Frame, strays: Spool[LeftOut]
) -> Iterator[Described]:
    listed, twice, crowds = Once(), Once(), has_crowds(lists.annotations)
    for number in filter(None, map(_id, lists.images)):
        if not listed.add(number):
            twice.add(number)
    for entry in lists.images:
        image = _described(entry, twice, frame)
        if isinstance(image, LeftOut):
            strays.append(image)
            continue
        for annotation in lists.of_image(_number(entry, "id", "An image")):
            image.objects.extend(_labelled(annotation, categories, image, crowds))
        yield image
    for annotation in lists.annotations:
        if (why := _why_astray(annotation, listed)) is not None:
            strays.append(LeftOut(What.OBJECT, why))


def _image_of(annotation: Any) -> Id | None:
    """The id of the image that an annotation is about."""
    try:
        return _number(annotation, "image_id", "An annotation")
    except BadSetting:
        return None


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


def _described(entry: Any, twice: Once, frame: Frame) -> Described | LeftOut:
    """The image without its objects; of two with one id neither, since nobody knows whose the annotations are."""
    try:
        number = _number(entry, "id", "An image")
        file = _get(entry, "file_name", str, f"Image {number}")
        if number in twice:
            raise BadSetting("Several images of the COCO file have the id {number}; give each its own.", number=number)
        return Described(entry, _size(entry, file, frame), [])
    except PdcError as error:
        file = entry.get("file_name") if isinstance(entry, dict) else None
        return LeftOut(What.IMAGE, error.message, file if isinstance(file, str) else None)


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


def _why_astray(annotation: Any, listed: Once) -> Message | None:
    """Why it is about no image of the file; None when it is about one."""
    try:
        image = _number(annotation, "image_id", what := _what(annotation))
        if image in listed:
            return None
        raise BadSetting("{what} of the COCO file is about image {image}, which the file does not list.", what=what, image=image)
    except BadSetting as error:
        return error.message


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
