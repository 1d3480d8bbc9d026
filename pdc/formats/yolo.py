"""YOLO folders <-> pictures: class names, and a .txt per image with class, centre x, y, width, height as shares of 1.

A line of more numbers is an outline or a turned box, which comes in as its envelope, or a pose, of which the box comes in.
`pdc.json` beside them keeps what a line has no place for: names, groups, what was asked and not found, points, boxes of no size,
and corners that shares of 1 cannot give back. A line of no size is read as a point.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Shape
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gather, settle, together
from pdc.formats.records import (
    Asked,
    Picture,
    exact,
    inside,
    is_drawn_box,
    numbers,
    only_kept,
    says_all,
    shape_of,
    told,
    visible,
    with_told,
)
from pdc.formats.shapes.outlines import Traced, polygon_of, traced
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.yolo_layout import Classes, Pair, classes_of, pairs_of

Labelled = tuple[str, Shape]
KEPT = "pdc.json"


def write(pictures: Iterable[Picture]) -> Iterator[tuple[str, Iterable[str]]]:
    """A picture that YOLO would take for empty, and is not, has no label file and is not in images.txt."""
    classes: dict[str, int] = {}
    for picture in pictures:
        for asked in picture.asked:
            classes.setdefault(asked.label, len(classes))
        if says_all(picture, is_drawn_box):
            yield f"labels/{Path(picture.file).stem}.txt", _lines(picture, classes)
    yield "images.txt", (f"./{p.file}\n" for p in pictures if says_all(p, is_drawn_box))
    yield "data.yaml", ["train: images.txt\nval: images.txt\nnames:\n", *(f'  {i}: "{n}"\n' for n, i in classes.items())]
    yield KEPT, _kept_lines(pictures)


def _kept_lines(pictures: Iterable[Picture]) -> Iterator[str]:
    for i, picture in enumerate(pictures):
        kept = {**told(picture, is_drawn_box), "exact": [numbers(s) for _, s in visible(picture, is_drawn_box)]}
        yield f"{',' if i else '{'}\n{json.dumps(picture.file, ensure_ascii=False)}: {json.dumps(kept, ensure_ascii=False)}"
    yield "\n}\n"


def _lines(picture: Picture, classes: Mapping[str, int]) -> list[str]:
    return [
        f"{classes[label]} " + " ".join(f"{v:.17g}" for v in _shares(s, picture.known_size)) + "\n"
        for label, s in visible(picture, is_drawn_box)
    ]


def _shares(shape: Shape, size: Size) -> tuple[float, ...]:
    c, (w, h) = shape.center, (shape.width, shape.height) if isinstance(shape, Box) else (0.0, 0.0)
    return c.x / size[0], c.y / size[1], w / size[0], h / size[1]


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """An empty .txt says "none"; an image without one says nothing, except if `complete`. `files` are those with class names.

    Left out are lines that are no box, outline or pose, predictions, and class numbers without a name.
    """
    sets, strays = pairs_of(index, classes_of(index, files))
    return together([Contents((), tuple(strays)), *(_set(index, classes, pairs, complete) for classes, pairs in sets)])


def _set(index: FileIndex, classes: Classes, pairs: Sequence[Pair], complete: bool) -> Contents:
    kept = _kept(index, classes)
    entries = gather(pairs, lambda p: _record(index, p, classes, kept, complete), lambda p: p.image)
    return settle([*entries, *_lost(index, classes, kept)], tuple(classes.names.values()), complete)


def _kept(index: FileIndex, classes: Classes) -> Mapping[str, Any]:
    place = classes.path(KEPT)
    value = index.json(place) if index.has(place) else None
    return {classes.path(name): kept for name, kept in value.items()} if isinstance(value, dict) else {}


def _lost(index: FileIndex, classes: Classes, kept: Mapping[str, Any]) -> Iterator[LeftOut]:
    yield from (LeftOut(What.IMAGE, f"{KEPT} names it, and it is not there", f) for f in kept if not index.has(f))


def _record(index: FileIndex, pair: Pair, classes: Classes, about: Mapping[str, Any], complete: bool) -> Record | LeftOut:
    kept = about.get(pair.image)
    kept = kept if isinstance(kept, dict) else {}
    picture = Picture(pair.image, Path(pair.image).name, pair.image, _size(index, pair.image), ())
    if pair.labels is None:
        return _without_file(picture, kept, complete)
    lines, where = index.text(pair.labels).splitlines(), Path(pair.labels).name
    found = list(_lines_read(lines, classes, picture, kept.get("exact"), where))
    shapes: dict[str, list[Shape]] = {}
    for label, shape in (f for f in found if not isinstance(f, LeftOut)):
        shapes.setdefault(label, []).append(shape)
    left_out = (*(f for f in found if isinstance(f, LeftOut)), *_sizeless(pair.image, shapes))
    picture = replace(picture, asked=tuple(Asked.of_shapes(label, own) for label, own in shapes.items()))
    if kept.get("asked"):
        return Record(with_told(picture, kept), Silence.TOLD, left_out)
    return Record(picture, Silence.UNKNOWN if found else Silence.NONE, left_out)


def _without_file(picture: Picture, kept: Mapping[str, Any], complete: bool) -> Record | LeftOut:
    """Nothing but what PDC kept beside: marks that YOLO has a place for would be in the file."""
    if own := only_kept(kept):
        return Record(with_told(picture, own), Silence.TOLD)
    reason = 'no .txt of labels belongs to it (--complete takes it as "none")'
    return Record(picture, Silence.UNKNOWN) if complete else LeftOut(What.IMAGE, reason, picture.file)


def _lines_read(
    lines: Sequence[str], classes: Classes, picture: Picture, corners: Any, where: str
) -> Iterator[Labelled | LeftOut]:
    numbered = [(i, line.split()) for i, line in enumerate(lines, start=1) if line.strip()]
    for k, (i, words) in enumerate(numbered):
        yield from _labelled(words, classes, picture, corners[k] if _has(corners, k) else None, f"{where} line {i}")


def _sizeless(file: str, shapes: Mapping[str, Sequence[Shape]]) -> Iterator[LeftOut]:
    """Lines of no size beside boxes of their label: neither points nor boxes."""
    for label, own in shapes.items():
        points = [s for s in own if not isinstance(s, Box)]
        if len(points) < len(own):
            yield from (LeftOut(What.OBJECT, "it is a box of no size among boxes", file, label) for _ in points)


def _has(corners: Any, k: int) -> bool:
    return isinstance(corners, list) and k < len(corners)


def _size(index: FileIndex, file: str) -> Size:
    """As it is seen: shares of 1 are shares of the picture on the screen."""
    found = index.seen(file)
    if found is None:
        raise BadSetting("it cannot be read as a picture; put a good one in its place.")
    return found.size


def _labelled(words: Sequence[str], classes: Classes, picture: Picture, kept: Any, where: str) -> Iterator[Labelled | LeftOut]:
    try:
        number, values = int(words[0].removesuffix(".0")), [float(w) for w in words[1:]]
    except ValueError:
        raise BadSetting("{where} is not a class number and shares of 1; correct the file.", where=where) from None
    label = classes.names.get(number, f"class number {number}")
    if number not in classes.names:
        yield LeftOut(What.OBJECT, "its class number has no name", picture.file, label)
    elif (reason := _unread(len(values), classes)) is not None:
        yield LeftOut(What.OBJECT, reason, picture.file, label)
    elif len(values) == 4 or len(values) == 4 + classes.pose_numbers:
        yield label, _shape(values[:4], picture.known_size, kept, where)
        if len(values) > 4:
            yield LeftOut(What.POSE, "the box of each is taken over", picture.file, label)
    else:
        yield label, inside(_traced(values, picture.known_size, where), picture.known_size, where)


def _unread(count: int, classes: Classes) -> str | None:
    """Why a line of so many numbers after its class is no object of a person; None when it is one."""
    if count == 4 or count == 4 + classes.pose_numbers:
        return None
    if classes.pose_numbers or count < 4:
        return f"it has {count} numbers, which is no box" + (" and no pose of the kpt_shape" if classes.pose_numbers else "")
    if count == 5:
        return "its sixth number is a confidence, so it is a prediction"
    return "its last number is a confidence, so it is a prediction" if count % 2 else None


def _traced(shares: Sequence[float], size: Size, where: str) -> Traced:
    """An outline or a turned box of x, y pairs."""
    corners = [(x * size[0], y * size[1]) for x, y in zip(shares[::2], shares[1::2], strict=True)]
    return traced((polygon_of(corners, where),))


def _shape(shares: Sequence[float], size: Size, kept: Any, where: str) -> Shape:
    """A box of no size is a point, except where the four corners of a box are kept."""
    cx, cy, w, h = (v * side for v, side in zip(shares, (*size, *size), strict=True))
    if w == 0 and h == 0 and not (isinstance(kept, list) and len(kept) == 4):
        return shape_of(exact((cx, cy), kept), size, where)
    return shape_of(exact((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), kept), size, where)
