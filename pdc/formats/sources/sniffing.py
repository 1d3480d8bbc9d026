"""What a file looks like, by its content: for readers to know their files, and for the sentence about one that is not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.parsers import expat

from pdc.domain.errors import BadSetting
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.names import is_image


class _Root(Exception):
    """The name of the first element."""


def root_tag(head: bytes) -> str | None:
    """The name of an XML file's first element, from its first bytes; None when it is no XML."""

    def found(name: str, _: object) -> None:
        raise _Root(name)

    parser = expat.ParserCreate()
    parser.StartElementHandler = found
    try:
        parser.Parse(head.lstrip())
    except _Root as root:
        return str(root)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    return None


KEYS = (  # keys of a JSON object, and whose file it is
    ({"shapes", "imagePath"}, "labelme"),
    ({"type", "features"}, "GeoJSON, as QuPath writes it"),
    ({"_via_img_metadata"}, "VIA (VGG Image Annotator)"),
    ({"images", "annotations", "categories"}, "COCO"),
    ({"images", "annotations"}, "COCO without categories"),
    ({"data", "annotations"}, "one task of Label Studio, not a list of tasks"),
    ({"items", "categories"}, "datumaro"),
    ({"asset", "regions"}, "VoTT"),
    ({"classes", "images"}, "a list of classes, without marks"),
)
ROOTS = {
    "annotations": "CVAT XML",
    "annotation": "Pascal VOC",
    "View": "Label Studio's labelling config",
    "svg": "an SVG drawing",
}
MAGIC = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8", "a picture"),
    (b"%PDF", "a PDF"),
    (b"PK", "a spreadsheet or a zip; save a spreadsheet as CSV"),
    (b"SQLite format 3", "a database"),
)


def looks_like(index: FileIndex, file: str) -> str:
    """What the file seems to be, as the object of "looks like"; BadSetting when it is broken JSON or XML."""
    head = index.head(file)
    if is_image(file) or any(head.startswith(m) for m, _ in MAGIC):
        return next((what for m, what in MAGIC if head.startswith(m)), "a picture")
    if not head.strip():
        return "an empty file"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"["):
        return _looks_like_json(index, file)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t\xff\xfe\0")[:1] == b"<":
        root = root_tag(head)
        return ROOTS.get(root or "", f"XML that starts with <{root}>" if root else "XML that is broken")
    return _looks_like_text(head)


def _looks_like_json(index: FileIndex, file: str) -> str:
    value: Any = index.json(file)
    first: Any = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return ("a JSON list" if value else "an empty JSON list") if isinstance(value, list) else "JSON"
    if isinstance(value, list) and first.get("type") == "Feature":
        return "GeoJSON, as QuPath writes it"
    if isinstance(value, list) and "image_id" in first and "score" in first:
        return "COCO results (predictions), which no reader saw"
    if isinstance(value, list) and "image" in first and "data" not in first:
        return "Label Studio's JSON-MIN; export as JSON"
    known = next((what for keys, what in KEYS if keys <= set(first)), None)
    return known or f"JSON with {', '.join(list(map(str, first))[:5]) or 'nothing in it'}"


def _looks_like_text(head: bytes) -> str:
    text = head.decode("utf-8", "replace")
    line = text.splitlines()[0] if text.splitlines() else ""
    words = line.split()
    if len(words) >= 5 and all(map(_is_number, words)):
        return "the YOLO labels of one picture; add classes.txt with the name of each class, and name the folder"
    for mark in (",", ";", "\t"):
        if mark in line:
            return f"a table with the columns {', '.join(w.strip()[:30] for w in line.split(mark)[:8])}"
    return "text" if text.isprintable() or "\n" in text else "a binary file"


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def unread(index: FileIndex, readable: str, format: str | None = None) -> BadSetting:
    """The sentence about a folder, zip or file of which nothing is known, or nothing is in that format."""
    if index.chosen:
        return BadSetting(
            "{file} looks like {what}. PDC reads {readable}.",
            file=index.place,
            what=looks_like(index, index.chosen[0]),
            readable=readable,
        )
    told = [_told(index, f) for f in index.files[:3]]
    zips = [f for f in index.files if Path(f).suffix.lower() == ".zip"]
    found = f"{_counted(len(index.images), 'picture')} and {_counted(len(index.files), 'other file')}"
    return BadSetting(
        "{place} has no annotation file {which}: it holds {found}{told}. {advice}PDC reads {readable}.",
        place=index.place,
        which="that PDC reads" if format is None else f"in the format {format}",
        found=found,
        told="".join(f"; {t}" for t in told),
        advice=f"Name the zip in it ({zips[0]}). " if zips else "",
        readable=readable,
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _told(index: FileIndex, file: str) -> str:
    try:
        return f"{file} looks like {looks_like(index, file)}"
    except BadSetting as error:
        return str(error).rstrip(".")
