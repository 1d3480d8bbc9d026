"""Pascal VOC <-> pictures: Annotations/<name>.xml, an <object> with <bndbox> corners, or with <point> where points were asked.

Corners are pixels from 0 as everywhere in PDC. <pdc> keeps group and what was asked, which VOC has no place for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from pdc.domain import Box, Shape, check_label
from pdc.errors import BadSetting
from pdc.pictures import Asked, Picture, numbers, shape_of, told, with_told

CORNERS = ("xmin", "ymin", "xmax", "ymax")
FOLDER = "Annotations"
MAX_BYTES = 20_000_000


def write(pictures: Sequence[Picture]) -> Mapping[str, str]:
    return {f"{FOLDER}/{Path(p.file).stem}.xml": _document(p) for p in pictures}


def _document(picture: Picture) -> str:
    root = Element("annotation")
    _texts(root, folder="images", filename=Path(picture.file).name)
    _texts(SubElement(root, "size"), width=picture.size[0], height=picture.size[1], depth=3)
    _texts(root, segmented=0)
    for asked in picture.asked:
        for shape in asked.shapes:
            _object(root, asked.label, shape)
    kept = told(picture)
    extra = SubElement(root, "pdc", name=kept["name"], group=kept["group"])
    for entry in kept["asked"]:
        SubElement(extra, "asked", {k: str(v) for k, v in entry.items()})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _object(root: Element, label: str, shape: Shape) -> None:
    found = SubElement(root, "object")
    _texts(found, name=label, pose="Unspecified", truncated=0, difficult=0)
    box = isinstance(shape, Box)
    place = SubElement(found, "bndbox" if box else "point")
    _texts(place, **dict(zip(CORNERS if box else ("x", "y"), numbers(shape), strict=True)))


def _texts(parent: Element, **values: object) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = str(value)


def read(folder: Path) -> list[Picture]:
    """Every .xml in Annotations/, or in the folder itself. BadSetting naming the file that is wrong.

    A file without <pdc> is asked for every label that any file names, so that "none" can be learnt too.
    """
    inside = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    paths = sorted(inside.glob("*.xml"))
    if not paths:
        raise BadSetting(f"{folder} has no {FOLDER}/*.xml, so it is no Pascal VOC folder; name the folder that has them.")
    read = [(_parsed(path), path.name) for path in paths]
    labels = list(dict.fromkeys(_name(o, where) for root, where in read for o in root.findall("object")))
    return [_picture(root, labels, where) for root, where in read]


def _parsed(path: Path) -> Element:
    if path.stat().st_size > MAX_BYTES:
        raise BadSetting(f"{path.name} is too large to be an annotation file; correct the folder.")
    text = path.read_text("utf-8", errors="replace")
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise BadSetting(f"{path.name} declares entities, which an annotation file does not need; remove them.")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise BadSetting(f"{path.name} is not XML ({error}); correct the file.") from None


def _name(found: Element, where: str) -> str:
    return check_label((found.findtext("name") or "").strip()) if found.findtext("name") else _missing(where, "name")


def _missing(where: str, what: str) -> str:
    raise BadSetting(f"{where} has an object without a {what}; correct the file.")


def _picture(root: Element, labels: Sequence[str], where: str) -> Picture:
    file = (root.findtext("filename") or "").strip() or _missing(where, "filename")
    folder = (root.findtext("folder") or "").strip()
    try:
        size = int(float(root.findtext("size/width"))), int(float(root.findtext("size/height")))
    except (TypeError, ValueError):
        size = None
    shapes: dict[str, list[Shape]] = {}
    for found in root.findall("object"):
        shapes.setdefault(_name(found, where), []).append(_shape(found, size, where))
    extra = root.find("pdc")
    asked = [Asked.of_shapes(label, shapes.get(label, ())) for label in (labels if extra is None else shapes)]
    file = f"images/{file}" if folder == "images" else file
    picture = Picture(file, file, file, size, tuple(asked))
    if extra is None:
        return picture
    kept = [dict(e.attrib) for e in extra.findall("asked")]
    return with_told(picture, {"name": extra.get("name"), "group": extra.get("group"), "asked": kept})


def _shape(found: Element, size: tuple[int, int] | None, where: str) -> Shape:
    names = CORNERS if found.find("bndbox") is not None else ("x", "y")
    place = found.find("bndbox") if names is CORNERS else found.find("point")
    try:
        values = [float(place.findtext(n)) for n in names]
    except (AttributeError, TypeError, ValueError):
        raise BadSetting(f"{where} has an object without usable corners; correct the file.") from None
    return shape_of(values, size, where)
