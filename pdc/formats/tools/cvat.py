"""CVAT for images 1.1 (XML) -> pictures. An image without a shape says nothing: CVAT does not write who looked at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Point, Shape
from pdc.formats.contents import Contents, LeftOut, Record, gather, placed, settle, together
from pdc.formats.records import inside, is_number, reaching
from pdc.formats.shapes import masks
from pdc.formats.shapes.outlines import Corner, around, ellipse, polygon_of, traced, turned
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.sniffing import root_tag
from pdc.formats.tools.drawn import Found, record, tried, xml_root

REMARKS = ("tag", "attribute")  # about an image, no shapes


def knows(index: FileIndex, file: str) -> bool:
    return file.lower().endswith(".xml") and root_tag(index.head(file)) == "annotations"


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Left out are lines, cuboids and skeletons. BadSetting for CVAT for video, whose tracks name no image."""
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    root = xml_root(index, file)
    if root.find("track") is not None:
        raise BadSetting("{name} is CVAT for video; export it as CVAT for images 1.1.", name=PurePosixPath(file).name)
    return gather(root.findall("image"), lambda image: _record(index, file, image), lambda image: image.get("name") or file)


def _record(index: FileIndex, beside: str, image: Element) -> Record:
    name = image.get("name")
    if not name:
        raise BadSetting("an image of {name} has no name; export it again.", name=PurePosixPath(beside).name)
    told = _numbers(image, ("width", "height"), name)
    size = index.size(name, beside, (int(told[0]), int(told[1])))
    assert size is not None
    return record(name, size, _found(image, name, size))


def _found(image: Element, name: str, size: Size) -> Iterator[Found]:
    for shape in image:
        if shape.tag not in REMARKS:
            yield from tried(name, shape.get("label"), lambda label, shape=shape: _shapes(shape, size, f"a {label} of {name}"))


def _shapes(found: Element, size: Size, where: str) -> Iterable[Shape] | str:
    """In pixels; or why it is not read."""
    read = SHAPES.get(found.tag)
    if read is None:
        return f"a {found.tag} is not read"
    is_turned = found.tag == "ellipse" or _turn(found, where) != 0
    return [(reaching if is_turned else inside)(shape, size, where) for shape in read(found, where)]


def _box(found: Element, where: str) -> Iterator[Shape]:
    x1, y1, x2, y2 = _numbers(found, ("xtl", "ytl", "xbr", "ybr"), where)
    yield turned(around([(x1, y1), (x2, y2)]), _turn(found, where))


def _polygon(found: Element, where: str) -> Iterator[Shape]:
    yield traced((polygon_of(_corners(found, where), where),))


def _points(found: Element, where: str) -> Iterator[Shape]:
    """Each one is an object."""
    return (Point(x, y) for x, y in _corners(found, where))


def _ellipse(found: Element, where: str) -> Iterator[Shape]:
    cx, cy, rx, ry = _numbers(found, ("cx", "cy", "rx", "ry"), where)
    yield ellipse((cx, cy), (rx, ry), _turn(found, where))


def _mask(found: Element, where: str) -> Iterator[Shape]:
    left, top, width, height = (int(v) for v in _numbers(found, ("left", "top", "width", "height"), where))
    lengths = [int(v) for v in _split(found.get("rle", ""), ",", where)]
    outline = masks.from_rows(lengths, (left, top), (width, height), where)
    if not outline:
        raise BadSetting("{where} is an empty mask; correct the file.", where=where)
    yield traced(outline)


SHAPES: Mapping[str, Callable[[Element, str], Iterator[Shape]]] = {
    "box": _box,
    "polygon": _polygon,
    "points": _points,
    "ellipse": _ellipse,
    "mask": _mask,
}


def _turn(found: Element, where: str) -> float:
    """Degrees, clockwise."""
    return _split(found.get("rotation") or "0", ",", where)[0] % 360


def _corners(found: Element, where: str) -> list[Corner]:
    pairs = [_split(pair, ",", where) for pair in found.get("points", "").split(";") if pair.strip()]
    if not pairs or not all(len(pair) == 2 for pair in pairs):
        raise BadSetting("{where} has no usable points; correct the file.", where=where)
    return [(x, y) for x, y in pairs]


def _numbers(found: Element, names: Sequence[str], where: str) -> list[float]:
    return [_split(found.get(name, ""), ",", where)[0] for name in names]


def _split(text: str, mark: str, where: str) -> list[float]:
    try:
        values = [float(v) for v in text.split(mark)]
    except ValueError:
        values = [float("nan")]
    if not all(map(is_number, values)):
        raise BadSetting("{where} has {text} where a number should be; correct the file.", where=where, text=repr(text))
    return values
