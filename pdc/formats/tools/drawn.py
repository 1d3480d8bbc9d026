"""What every reader of a tool's file ends in: the record of one image, of labelled shapes and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Shape, check_label
from pdc.formats.contents import LeftOut, Record, Silence, What
from pdc.formats.records import Asked, Picture
from pdc.formats.sources.index import FileIndex

Labelled = tuple[str, Shape]
Found = Labelled | LeftOut
MAX_XML_BYTES = 200_000_000


def record(file: str, size: Size | None, found: Iterable[Found], silence: Silence = Silence.UNKNOWN) -> Record:
    """What a file says about one image. `silence` is what it means when nothing at all is found."""
    found = list(found)
    shapes: dict[str, list[Shape]] = {}
    for label, shape in (f for f in found if not isinstance(f, LeftOut)):
        shapes.setdefault(label, []).append(shape)
    asked = tuple(Asked.of_shapes(label, own) for label, own in shapes.items())
    left_out = tuple(f for f in found if isinstance(f, LeftOut))
    picture = Picture(file, PurePosixPath(file.replace("\\", "/")).name, file, size, asked)
    return Record(picture, Silence.UNKNOWN if found else silence, left_out)


def tried(file: str, label: object, read: Callable[[str], Iterable[Shape] | str]) -> list[Found]:
    """The shapes that `read` makes of an object with a label, or the object left out: without a label, or with the reason."""
    name = str(label or "").strip()
    if not name:
        return [LeftOut(What.OBJECT, "it has no label", file)]
    check_label(name)
    shapes = read(name)
    return [LeftOut(What.OBJECT, shapes, file, name)] if isinstance(shapes, str) else [(name, shape) for shape in shapes]


def image_of(index: FileIndex, file: str, *stems: str, kind: str) -> str:
    """The image that an annotation file of this kind is named after. BadSetting when none is."""
    found = next((place for stem in stems if (place := index.names.find(stem, file)) is not None), None)
    if found is None:
        named = PurePosixPath(file).name
        raise BadSetting(
            "{named} ({kind}) names no image, and no image is called like it; give it the name of its image.",
            named=named,
            kind=kind,
        )
    return found


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: an annotation file needs no entities, and they can fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise BadSetting("it declares entities, which an annotation file does not need; remove them.")


def xml_root(index: FileIndex, file: str) -> Element:
    """From bytes, so that the encoding the file declares counts. BadSetting when it is no XML."""
    name = PurePosixPath(file).name
    if index.source.sizes[file] > MAX_XML_BYTES:
        raise BadSetting("{name} is too large; export it in parts.", name=name)
    try:
        return ElementTree.fromstring(index.read(file).lstrip(b" \r\n\t"), ElementTree.XMLParser(target=_NoDoctype()))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise BadSetting("{name} is not XML ({error}); export it again.", name=name, error=error) from None
