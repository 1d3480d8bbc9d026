"""YOLO folders <-> pictures: data.yaml, images/, and labels/<name>.txt with class, centre x, y, width, height as shares of 1.

A point is a box of no size. `pdc.json` beside them keeps what a line has no place for: names, groups, what was asked and not
found, and corners that shares of 1 cannot give back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Shape, check_label
from pdc.files import read_text
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gather, settle
from pdc.formats.records import Asked, Picture, exact, numbers, shape_of, told, with_told

Labelled = tuple[str, Shape]
KEPT = "pdc.json"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def write(pictures: Sequence[Picture]) -> Mapping[str, str]:
    classes = {label: i for i, label in enumerate(dict.fromkeys(a.label for p in pictures for a in p.asked))}
    names = "".join(f'  {i}: "{label}"\n' for label, i in classes.items())
    texts = {f"labels/{Path(p.file).stem}.txt": "".join(_lines(p, classes)) for p in pictures if not _only_counted(p)}
    kept = {p.file: {**told(p), "exact": [numbers(s) for a in p.asked for s in a.shapes]} for p in pictures}
    return {
        "data.yaml": f"train: images.txt\nval: images.txt\nnames:\n{names}",
        "images.txt": "".join(f"./{p.file}\n" for p in pictures),
        **texts,
        KEPT: json.dumps(kept, ensure_ascii=False, indent=1) + "\n",
    }


def _only_counted(picture: Picture) -> bool:
    """Whether objects are there, and none of them has a place: an empty file would say that there are none."""
    return any(a.count for a in picture.asked) and not any(a.shapes for a in picture.asked)


def _lines(picture: Picture, classes: Mapping[str, int]) -> list[str]:
    return [
        f"{classes[a.label]} " + " ".join(f"{v:.17g}" for v in _shares(s, picture.known_size)) + "\n"
        for a in picture.asked
        for s in a.shapes
    ]


def _shares(shape: Shape, size: Size) -> tuple[float, ...]:
    c, (w, h) = shape.center, (shape.width, shape.height) if isinstance(shape, Box) else (0.0, 0.0)
    return c.x / size[0], c.y / size[1], w / size[0], h / size[1]


def read(folder: Path, complete: bool = False) -> Contents:
    """An empty labels/<name>.txt says "none"; an image without one says nothing, except if `complete`.

    Left out are lines that are no box (outlines, turned boxes, poses, predictions) and class numbers without a name.
    """
    names, kept, files = _names(folder), _kept(folder), _files(folder)
    entries = gather(files, lambda file: _record(folder, file, names, kept.get(file, {}), complete), str)
    return settle([*entries, *_without_image(folder, files)], tuple(names.values()), complete)


def _names(folder: Path) -> Mapping[int, str]:
    """Class names by number: data.yaml's `names` (a list or numbered lines), or classes.txt, a line each from 0."""
    if (folder / "classes.txt").is_file():
        lines = read_text(folder / "classes.txt").splitlines()
        return {i: check_label(n.strip()) for i, n in enumerate(lines) if n.strip()}
    place = next((p for p in (folder / "data.yaml", folder / "dataset.yaml") if p.is_file()), None)
    if place is None:
        raise BadSetting(f"{folder} has no data.yaml or classes.txt, so it is no YOLO folder; name the folder that has it.")
    names = _parsed_yaml(place).get("names")
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    if not numbered or not isinstance(numbered, dict) or not all(str(i).isdecimal() for i in numbered):
        raise BadSetting(f"{place} has no names of classes by their numbers; correct the file.")
    return {int(i): check_label(str(n)) for i, n in numbered.items() if n is not None and str(n).strip()}


def _parsed_yaml(place: Path) -> Mapping[str, Any]:
    import yaml

    try:
        value = yaml.safe_load(read_text(place))
    except yaml.YAMLError as error:
        raise BadSetting(f"{place} is not YAML ({error}); correct the file.") from None
    return value if isinstance(value, dict) else {}


def _kept(folder: Path) -> Mapping[str, Any]:
    try:
        value = json.loads((folder / KEPT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _files(folder: Path) -> list[str]:
    if (folder / "images.txt").is_file():
        lines = read_text(folder / "images.txt").splitlines()
        return [line.strip().removeprefix("./") for line in lines if line.strip()]
    found = sorted(p for p in (folder / "images").rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise BadSetting(f"{folder} has no images.txt and no images in images/; put them there, and their .txt in labels/.")
    return [p.relative_to(folder).as_posix() for p in found]


def _without_image(folder: Path, files: Sequence[str]) -> list[LeftOut]:
    """Label files in labels/ that no image belongs to; a list of images says itself what belongs to the set."""
    found = [] if (folder / "images.txt").is_file() else sorted((folder / "labels").rglob("*.txt"))
    known = {_label_file(folder, file) for file in files}
    reason = "no image of this name is in images/"
    strays = [p for p in found if p not in known and p.name not in ("classes.txt", "labels.txt")]
    return [LeftOut(What.IMAGE, reason, p.relative_to(folder).as_posix()) for p in strays]


def _label_file(folder: Path, file: str) -> Path:
    return (folder / re.sub(r"(^|/)images/", r"\1labels/", file, count=1)).with_suffix(".txt")


def _record(folder: Path, file: str, names: Mapping[int, str], kept: Any, complete: bool) -> Record | LeftOut:
    place, picture = _label_file(folder, file), Picture(file, Path(file).name, file, _size(folder / file), ())
    kept = kept if isinstance(kept, dict) else {}
    if not place.is_file():
        return _without_file(picture, kept, complete)
    found = list(_lines_read(place, names, picture, kept.get("exact")))
    shapes: dict[str, list[Shape]] = {}
    for label, shape in (f for f in found if not isinstance(f, LeftOut)):
        shapes.setdefault(label, []).append(shape)
    left_out = (*(f for f in found if isinstance(f, LeftOut)), *_sizeless(file, shapes))
    picture = replace(picture, asked=tuple(Asked.of_shapes(label, own) for label, own in shapes.items()))
    if kept.get("asked"):
        return Record(with_told(picture, kept), Silence.TOLD, left_out)
    return Record(picture, Silence.UNKNOWN if found else Silence.NONE, left_out)


def _without_file(picture: Picture, kept: Mapping[str, Any], complete: bool) -> Record | LeftOut:
    """Nothing but the counts that PDC kept beside: marks would be in the file."""
    asked = [e for e in kept.get("asked") or () if isinstance(e, dict) and (e.get("task") == "counting" or not e.get("count"))]
    if any(e.get("count") for e in asked):
        return Record(with_told(picture, {**kept, "asked": asked}), Silence.TOLD)
    reason = 'it has no .txt in labels/ (--complete takes it as "none")'
    return Record(picture, Silence.UNKNOWN) if complete else LeftOut(What.IMAGE, reason, picture.file)


def _lines_read(place: Path, names: Mapping[int, str], picture: Picture, corners: Any) -> Iterator[Labelled | LeftOut]:
    lines = [(i, line.split()) for i, line in enumerate(read_text(place).splitlines(), start=1) if line.strip()]
    for k, (i, words) in enumerate(lines):
        yield _labelled(words, names, picture, corners[k] if _has(corners, k) else None, f"{place.name} line {i}")


def _sizeless(file: str, shapes: Mapping[str, Sequence[Shape]]) -> Iterator[LeftOut]:
    """Lines of no size beside boxes of their label: neither points nor boxes."""
    for label, own in shapes.items():
        points = [s for s in own if not isinstance(s, Box)]
        if len(points) < len(own):
            yield from (LeftOut(What.OBJECT, "it is a box of no size among boxes", file, label) for _ in points)


def _has(corners: Any, k: int) -> bool:
    return isinstance(corners, list) and k < len(corners)


def _size(path: Path) -> Size:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        raise BadSetting(f"The image {path} is not there or cannot be read; put the images beside the labels.") from None


def _labelled(words: Sequence[str], names: Mapping[int, str], picture: Picture, kept: Any, where: str) -> Labelled | LeftOut:
    try:
        number, (x, y, w, h) = int(words[0]), map(float, words[1:5])
    except ValueError:
        raise BadSetting(f"{where} is not a class number and four shares of 1; correct the file.") from None
    label = names.get(number, f"class number {number}")
    if len(words) > 5 or number not in names:
        return LeftOut(What.OBJECT, _unread(words), picture.file, label)
    return label, _shape((x, y, w, h), picture.known_size, kept, where)


def _unread(words: Sequence[str]) -> str:
    if len(words) == 5:
        return "its class number has no name"
    if len(words) == 6:
        return "its sixth number is a confidence, so it is a prediction"
    return "it has more than five numbers, so it is an outline, a turned box or a pose, which is not read"


def _shape(shares: Sequence[float], size: Size, kept: Any, where: str) -> Shape:
    """A box of no size is a point, except where the four corners of a box are kept."""
    cx, cy, w, h = (v * side for v, side in zip(shares, (*size, *size), strict=True))
    if w == 0 and h == 0 and not (isinstance(kept, list) and len(kept) == 4):
        return shape_of(exact((cx, cy), kept), size, where)
    return shape_of(exact((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), kept), size, where)
