"""The lists of a COCO file: a small one whole in memory, a large one read once as a stream, with its annotations on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from pdc.domain.errors import BadSetting
from pdc.formats.sources.index import FileIndex
from pdc.spool import Groups, Spool

LISTS = ("images", "categories", "annotations")
STREAMED = 8 << 20  # bytes from which on a file is read as a stream
PIECE = 1 << 18
BOM, UTF_16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
Key = Callable[[Any], str | None]
"""the image that an annotation is about, as text; None when it does not say so"""


@dataclass(frozen=True, slots=True)
class CocoLists:
    """What a COCO file lists. `drawn` and `attributes`: whether an annotation is no crowd, and whether one has attributes."""

    categories: Sequence[Any]
    images: Collection[Any]
    annotations: Collection[Any]
    of_image: Callable[[str], Sequence[Any]]
    """the annotations about an image, in the file's order"""

    @classmethod
    def of(cls, value: Any, key: Key) -> CocoLists:
        """Of a JSON value. BadSetting when it is no COCO."""
        images, categories, annotations = (_list(value, name) for name in LISTS)
        found: dict[str, list[Any]] = defaultdict(list)
        for annotation in annotations:
            if (image := key(annotation)) is not None:
                found[image].append(annotation)
        return cls(categories, images, annotations, lambda image: found.get(image, ()))


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, dict) or not isinstance(value.get(key), list):
        raise BadSetting("The file is not COCO: it has no list of {key}.", key=key)
    return value[key]


def lists_of(index: FileIndex, file: str, key: Key) -> CocoLists | None:
    """Of a file of JSON; None when it is no COCO. BadSetting when it is no JSON."""
    if index.source.sizes[file] >= STREAMED and (streamed := index.kept(f"coco:{file}", lambda: _streamed(index, file, key))):
        return streamed
    value = index.json(file)
    listed = isinstance(value, dict) and all(isinstance(value.get(name), list) for name in LISTS)
    return CocoLists.of(value, key) if listed else None


def _streamed(index: FileIndex, file: str, key: Key) -> CocoLists | None:
    """Of a large file; None when it is not read so: no COCO, or no JSON as the standard has it."""
    categories, images, annotations, of_image = list[Any](), Spool[Any](), Spool[Any](), Groups[Any]()
    add: Mapping[str, Callable[[list[Any]], None]] = {
        "images": images.extend,
        "categories": categories.extend,
        "annotations": annotations.extend,
    }
    try:
        with index.open(file) as opened:
            for name, values in _items(opened):
                add[name](values)
    except (ImportError, ValueError):
        return None
    if not (categories and images and annotations):
        return None
    of_image.extend((image, a) for a in annotations if (image := key(a)) is not None)
    return CocoLists(categories, images, annotations, of_image.of)


def _items(opened: IO[bytes]) -> Iterator[tuple[str, list[Any]]]:
    """The entries of the lists, as they come. ValueError when it is no JSON as the standard has it."""
    import ijson  # pyright: ignore[reportMissingImports]

    found = {name: ijson.sendable_list() for name in LISTS}
    readers = [ijson.items_coro(into, f"{name}.item", use_float=True) for name, into in found.items()]
    try:
        for piece in _pieces(opened):
            for reader in readers:
                reader.send(piece)
            yield from _taken(found)
        for reader in readers:
            reader.close()
    except ijson.JSONError as error:
        raise ValueError(str(error)) from None
    yield from _taken(found)


def _taken(found: Mapping[str, list[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """What has come since it was last asked for."""
    for name, values in found.items():
        if values:
            yield name, list(values)
            values.clear()


def _pieces(opened: IO[bytes]) -> Iterable[bytes]:
    """Bytes of UTF-8. ValueError when they are UTF-16."""
    first = opened.read(PIECE)
    if first.startswith(UTF_16):
        raise ValueError("UTF-16")
    yield first.removeprefix(BOM)
    while piece := opened.read(PIECE):
        yield piece
