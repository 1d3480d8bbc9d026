"""YOLO folders <-> pictures: data.yaml, images/, and labels/<name>.txt with class, centre x, y, width, height as shares of 1.

A point is a box of no size. `pdc.json` beside them keeps what a line has no place for: names, groups, what was asked and not
found, and corners that shares of 1 cannot give back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pdc.domain import Box, Shape, check_label
from pdc.errors import BadSetting
from pdc.geometry import Size
from pdc.pictures import Asked, Picture, exact, numbers, shape_of, told, with_told

KEPT = "pdc.json"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def write(pictures: Sequence[Picture]) -> Mapping[str, str]:
    classes = {label: i for i, label in enumerate(dict.fromkeys(a.label for p in pictures for a in p.asked))}
    names = "".join(f'  {i}: "{label}"\n' for label, i in classes.items())
    texts = {f"labels/{Path(p.file).stem}.txt": "".join(_lines(p, classes)) for p in pictures}
    kept = {p.file: {**told(p), "exact": [numbers(s) for a in p.asked for s in a.shapes]} for p in pictures}
    return {
        "data.yaml": f"train: images.txt\nval: images.txt\nnames:\n{names}",
        "images.txt": "".join(f"./{p.file}\n" for p in pictures), **texts,
        KEPT: json.dumps(kept, ensure_ascii=False, indent=1) + "\n",
    }


def _lines(picture: Picture, classes: Mapping[str, int]) -> list[str]:
    return [
        f"{classes[a.label]} " + " ".join(f"{v:.17g}" for v in _shares(s, picture.size)) + "\n"
        for a in picture.asked for s in a.shapes
    ]


def _shares(shape: Shape, size: Size) -> tuple[float, ...]:
    c, (w, h) = shape.center, (shape.width, shape.height) if isinstance(shape, Box) else (0.0, 0.0)
    return c.x / size[0], c.y / size[1], w / size[0], h / size[1]


def read(folder: Path) -> list[Picture]:
    """BadSetting naming the file and line that is wrong."""
    names = _names(folder)
    kept = _kept(folder)
    return [_picture(folder, file, names, kept.get(file, {})) for file in _files(folder)]


def _names(folder: Path) -> list[str]:
    """Class names in order: data.yaml's `names` (a list or numbered lines), or classes.txt, a line each."""
    if (folder / "classes.txt").is_file():
        return [check_label(n.strip()) for n in (folder / "classes.txt").read_text("utf-8").splitlines() if n.strip()]
    place = next((p for p in (folder / "data.yaml", folder / "dataset.yaml") if p.is_file()), None)
    if place is None:
        raise BadSetting(f"{folder} has no data.yaml or classes.txt, so it is no YOLO folder; name the folder that has it.")
    names = _parsed_yaml(place).get("names")
    listed = names if isinstance(names, list) else [names[i] for i in sorted(names)] if isinstance(names, dict) else None
    if not listed:
        raise BadSetting(f"{place} has no names of classes; correct the file.")
    return [check_label(str(n)) for n in listed]


def _parsed_yaml(place: Path) -> Mapping[str, Any]:
    import yaml

    try:
        value = yaml.safe_load(place.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
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
        lines = (folder / "images.txt").read_text("utf-8").splitlines()
        return [line.strip().removeprefix("./") for line in lines if line.strip()]
    found = sorted(p for p in (folder / "images").rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise BadSetting(f"{folder} has no images.txt and no images in images/; put them there.")
    return [p.relative_to(folder).as_posix() for p in found]


def _picture(folder: Path, file: str, names: Sequence[str], kept: Mapping[str, Any]) -> Picture:
    size = _size(folder / file)
    place = folder / re.sub(r"(^|/)images/", r"\1labels/", file, count=1)
    place = place.with_suffix(".txt")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    corners = kept.get("exact")
    found: dict[str, list[Shape]] = {label: [] for label in names}
    written = [(i, line.split()) for i, line in enumerate(lines, start=1) if line.strip()]
    for k, (i, words) in enumerate(written):
        label, shape = _labelled(words, names, size, corners[k] if _has(corners, k) else None, f"{place.name} line {i}")
        found[label].append(shape)
    asked = tuple(Asked.of_shapes(label, shapes) for label, shapes in found.items())
    picture = Picture(file, Path(file).name, file, size, () if kept.get("asked") else asked)
    if not kept.get("asked"):
        return picture
    some = tuple(Asked.of_shapes(label, shapes) for label, shapes in found.items() if shapes)
    return with_told(Picture(file, picture.name, file, size, some), kept)


def _has(corners: Any, k: int) -> bool:
    return isinstance(corners, list) and k < len(corners)


def _size(path: Path) -> Size:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        raise BadSetting(f"The image {path} is not there or cannot be read; put the images beside the labels.") from None


def _labelled(words: Sequence[str], names: Sequence[str], size: Size, kept: Any, where: str) -> tuple[str, Shape]:
    try:
        number, (x, y, w, h) = int(words[0]), map(float, words[1:5])
        label = names[number] if number >= 0 else names[len(names)]
    except (ValueError, IndexError):
        raise BadSetting(f"{where} is not a known class and four shares of 1; correct the file.") from None
    cx, cy = x * size[0], y * size[1]
    if w == 0 and h == 0:
        return label, shape_of(exact((cx, cy), kept), size, where)
    w, h = w * size[0], h * size[1]
    return label, shape_of(exact((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), kept), size, where)


