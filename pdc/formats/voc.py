"""Pascal VOC <-> pictures: Annotations/<name>.xml, an <object> with <bndbox> corners.

Corners are pixels from 0 as everywhere in PDC. <pdc> keeps what VOC has no place for, as JSON: group, what was asked, points. An
<object> with a <point> is read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Shape, check_label
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gather, placed, settle
from pdc.formats.records import Asked, Picture, is_drawn_box, numbers, says_all, told, visible, with_told
from pdc.formats.shapes.voc_shapes import CORNERS, shape_in, why_unread
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.sniffing import root_tag

FOLDER = "Annotations"
OWN_FOLDER = "Annotations-pdc"
MAX_BYTES = 20_000_000


def write(pictures: Iterable[Picture]) -> Iterator[tuple[str, Iterable[str]]]:
    """A picture that other programs would take for empty, and is not, has its file in a folder of its own."""
    for picture in pictures:
        folder = FOLDER if says_all(picture, is_drawn_box) else OWN_FOLDER
        yield f"{folder}/{Path(picture.file).stem}.xml", [_document(picture)]


def _document(picture: Picture) -> str:
    root = Element("annotation")
    _texts(root, folder="images", filename=Path(picture.file).name)
    _texts(SubElement(root, "size"), width=picture.known_size[0], height=picture.known_size[1], depth=3)
    _texts(root, segmented=0)
    for label, shape in visible(picture, is_drawn_box):
        _object(root, label, shape)
    SubElement(root, "pdc").text = json.dumps(told(picture, is_drawn_box), ensure_ascii=False)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _object(root: Element, label: str, box: Shape) -> None:
    found = SubElement(root, "object")
    _texts(found, name=label, pose="Unspecified", truncated=0, difficult=0)
    _texts(SubElement(found, "bndbox"), **dict(zip(CORNERS, numbers(box), strict=True)))


def _texts(parent: Element, **values: object) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = str(value)


def knows(index: FileIndex, file: str) -> bool:
    """Whether the root element is <annotation>."""
    return file.lower().endswith(".xml") and root_tag(index.head(file)) == "annotation"


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """A file without objects says "none" of every label in use. Left out are objects without a place, and wrong files."""
    entries = (e for f in files for e in placed(gather([f], lambda file: _record(index, file), _last), index, f))
    return settle(entries, complete=complete)


def _last(file: str) -> str:
    return PurePosixPath(file).name


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: an annotation file needs no entities, and they can fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise BadSetting("it declares entities, which an annotation file does not need; remove them.")


def _parsed(index: FileIndex, file: str) -> Element:
    """From bytes, so that the encoding the file declares counts."""
    if index.source.sizes[file] > MAX_BYTES:
        raise BadSetting("{what} is too large to be an annotation file; correct the folder.", what=_last(file))
    try:
        return ElementTree.fromstring(index.read(file).lstrip(b" \r\n\t"), ElementTree.XMLParser(target=_NoDoctype()))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise BadSetting("{what} is not XML ({error}); correct the file.", what=_last(file), error=error) from None


def _name(found: Element, where: str) -> str:
    return check_label((found.findtext("name") or "").strip()) if found.findtext("name") else _missing(where, "name")


def _missing(where: str, what: str) -> str:
    raise BadSetting("{where} has an object without a {what}; correct the file.", where=where, what=what)


def _record(index: FileIndex, place: str) -> Record:
    root, where = _parsed(index, place), _last(place)
    file = (root.findtext("filename") or "").strip() or _missing(where, "filename")
    file = f"images/{file}" if (root.findtext("folder") or "").strip() == "images" else file
    size = index.size(file, place, _size(root))
    objects = [(_name(o, where), o) for o in root.findall("object")]
    left_out: list[LeftOut] = []
    shapes: dict[str, list[Shape]] = {}
    for label, found in objects:
        if (reason := why_unread(found)) is not None:
            left_out.append(LeftOut(What.OBJECT, reason, file, label))
            continue
        shape, unfit = shape_in(found, size, where)
        shapes.setdefault(label, []).append(shape)
        left_out += [LeftOut(What.OUTLINE, unfit, file, label)] if unfit else []
    picture = Picture(file, file, file, size, tuple(Asked.of_shapes(label, own) for label, own in shapes.items()))
    extra = root.find("pdc")
    if extra is None:
        return Record(picture, Silence.UNKNOWN if objects else Silence.NONE, tuple(left_out))
    return Record(with_told(picture, _kept(extra)), Silence.TOLD, tuple(left_out))


def _kept(extra: Element) -> Any:
    """What PDC wrote beside; exports of PDC 0.9 and before had attributes in place of JSON."""
    try:
        return json.loads(extra.text or "")
    except ValueError:
        return {**extra.attrib, "asked": [dict(e.attrib) for e in extra.findall("asked")]}


def _size(root: Element) -> Size | None:
    """None also where a tool that did not know it wrote 0."""
    try:
        size = int(float(root.findtext("size/width", ""))), int(float(root.findtext("size/height", "")))
    except (ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None
