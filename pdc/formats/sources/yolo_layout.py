"""How YOLO data sets lie: where the class names are, and which .txt belongs to which image.

Known are ultralytics (data.yaml, images/ and labels/, above or below train/ and val/), labelImg (classes.txt, all side by side),
Darknet, CVAT (obj.names, obj_train_data/) and Roboflow (_darknet.labels). A .txt elsewhere goes by its name, if one image has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.values import check_label
from pdc.formats.contents import LeftOut, What
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.names import MARKS, Parts, is_image

LISTS = ("classes.txt", "_darknet.labels")
YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Classes:
    """Class names by number, for the label files below `folder`. `pose_numbers`: how many a line has after its box."""

    folder: Parts
    names: Mapping[int, str]
    pose_numbers: int = 0

    def path(self, name: str) -> str:
        """Of a file in the folder, from the top of the index."""
        return "/".join((*self.folder, name))


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its label file."""

    image: str
    labels: str | None


def knows(index: FileIndex, file: str) -> bool:
    """Whether the file names classes."""
    name = PurePosixPath(file).name.lower()
    if name in LISTS or name.endswith(".names"):
        return True
    return name.endswith(YAML) and isinstance(_parsed_yaml(index, file).get("names"), list | dict)


def classes_of(index: FileIndex, files: Sequence[str]) -> list[Classes]:
    """The class names of each folder that has some. BadSetting when two files of one folder disagree, or there are none."""
    found: dict[Parts, tuple[str, Classes]] = {}
    for file in sorted(files, key=lambda f: not f.endswith(YAML)):
        classes = _classes(index, file)
        for other, before in found.values():
            if _above(before, classes) and any(before.names.get(i, n) != n for i, n in classes.names.items()):
                raise BadSetting(
                    "{other} and {file} name the classes differently; correct one, or delete it.", other=other, file=file
                )
        found.setdefault(classes.folder, (file, classes))
    if not found:
        raise BadSetting("{place} has no data.yaml or classes.txt with the names of the classes; add one.", place=index.place)
    return [classes for _, classes in found.values()]


def _above(a: Classes, b: Classes) -> bool:
    """Whether the folder of one is that of the other, or above it."""
    shared = min(len(a.folder), len(b.folder))
    return a.folder[:shared] == b.folder[:shared]


def _classes(index: FileIndex, file: str) -> Classes:
    folder = PurePosixPath(file).parts[:-1]
    while folder and folder[-1].lower() in MARKS:  # labelImg writes classes.txt among the label files
        folder = folder[:-1]
    if not file.endswith(YAML):
        lines = index.text(file).splitlines()
        return Classes(folder, {i: check_label(n.strip()) for i, n in enumerate(lines) if n.strip()})
    value = _parsed_yaml(index, file)
    names = value.get("names")
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    if not numbered or not isinstance(numbered, dict) or not all(str(i).isdecimal() for i in numbered):
        raise BadSetting("{file} has no names of classes by their numbers; correct the file.", file=file)
    named = {int(i): check_label(str(n).strip()) for i, n in numbered.items() if n is not None and str(n).strip()}
    return Classes(folder, named, _pose_numbers(value.get("kpt_shape")))


def _pose_numbers(shape: Any) -> int:
    return shape[0] * shape[1] if isinstance(shape, list) and len(shape) == 2 and all(type(n) is int for n in shape) else 0


def _parsed_yaml(index: FileIndex, file: str) -> Mapping[str, Any]:
    import yaml

    try:
        value = yaml.safe_load(index.text(file))
    except (yaml.YAMLError, RecursionError) as error:
        raise BadSetting("{file} is not YAML ({error}); correct the file.", file=file, error=error) from None
    return value if isinstance(value, dict) else {}


def pairs_of(index: FileIndex, sets: Sequence[Classes]) -> tuple[list[tuple[Classes, list[Pair]]], list[LeftOut]]:
    """The images of each set of classes with their label files, and what nobody can tell: it is left out."""
    texts = [f for f in index.source.sizes if f.lower().endswith(".txt") and not knows(index, f)]
    usual = _usual(index.images, frozenset(texts))
    by_name, doubtful = _by_name(index, [t for t in texts if t not in usual.values()], usual)
    chosen = {**usual, **by_name}
    strays = [*_ambiguous(chosen), *doubtful, *_unlisted(index, texts)]
    lost = {e.file for e in strays}
    sorted_out: dict[int, list[Pair]] = defaultdict(list)
    for image in index.images:
        if image in lost:
            continue
        owner = _owner(chosen.get(image) or image, sets)
        if owner is not None:
            sorted_out[owner].append(Pair(image, chosen.get(image)))
        elif image in chosen:
            strays.append(LeftOut(What.IMAGE, "no file with class names is in a folder above its .txt", image))
    return _joined(sets, sorted_out), strays


def _joined(sets: Sequence[Classes], pairs: Mapping[int, list[Pair]]) -> list[tuple[Classes, list[Pair]]]:
    """Folders with the same classes are one set: what is "none" in it is none of them all."""
    found: list[tuple[Classes, list[Pair]]] = []
    for number, classes in enumerate(sets):
        same = next((own for c, own in found if (c.names, c.pose_numbers) == (classes.names, classes.pose_numbers)), None)
        if same is None:
            found.append((classes, list(pairs.get(number, ()))))
        else:
            same.extend(pairs.get(number, ()))
    return found


def _owner(file: str, sets: Sequence[Classes]) -> int | None:
    """The number of the set whose class names lie nearest above the file."""
    parts = PurePosixPath(file).parts
    above = [i for i, c in enumerate(sets) if parts[: len(c.folder)] == c.folder]
    return max(above, key=lambda i: len(sets[i].folder), default=None)


def _usual(images: Sequence[str], texts: frozenset[str]) -> dict[str, str]:
    """The label files that lie where YOLO tools put them: in labels/ for images/, or beside the image."""
    places = {image: (_in_labels(image), PurePosixPath(image).with_suffix(".txt").as_posix()) for image in images}
    return {image: found for image, own in places.items() if (found := next((p for p in own if p in texts), None))}


def _in_labels(image: str) -> str:
    parts = list(PurePosixPath(image).with_suffix(".txt").parts)
    last = max((i for i, part in enumerate(parts[:-1]) if part == "images"), default=None)
    return "/".join("labels" if i == last else part for i, part in enumerate(parts))


def _by_name(index: FileIndex, texts: Sequence[str], usual: Mapping[str, str]) -> tuple[dict[str, str], list[LeftOut]]:
    """Label files elsewhere, by the image that alone has their name; and those that have none or several."""
    labels = [t for t in texts if _is_label_file(index, t)]
    found = index.names.matched((PurePosixPath(t).stem, t) for t in labels)
    claims: dict[str, list[str]] = defaultdict(list)
    left: list[LeftOut] = []
    for (_, text), image in found.items():
        if isinstance(image, BadSetting) or image in usual:
            left.append(LeftOut(What.IMAGE, "no image of this name is there, or it has another .txt", text))
        else:
            claims[image].append(text)
    several = [i for i, own in claims.items() if len(own) > 1]
    left += [LeftOut(What.IMAGE, f"several label files fit it ({', '.join(claims[i])})", i) for i in several]
    return {image: own[0] for image, own in claims.items() if len(own) == 1}, left


def _is_label_file(index: FileIndex, text: str) -> bool:
    """Whether it has lines of numbers, or is empty in a folder of labels."""
    head = index.head(text, 4096).decode("utf-8", "replace").split("\n")[0].split()
    if not head:
        return "labels" in PurePosixPath(text).parts or index.names.find(PurePosixPath(text).stem, text) is not None
    return len(head) >= 5 and all(w.replace(".", "").replace("-", "").replace("e", "").isdigit() for w in head)


def _ambiguous(chosen: Mapping[str, str]) -> list[LeftOut]:
    images: dict[str, list[str]] = defaultdict(list)
    for image, text in chosen.items():
        images[text].append(image)
    several = {text: own for text, own in images.items() if len(own) > 1}
    return [LeftOut(What.IMAGE, f"{text} fits several images", i) for text, own in several.items() for i in own]


def _unlisted(index: FileIndex, texts: Sequence[str]) -> list[LeftOut]:
    """What a list of images (train.txt) names and is not there."""
    names = [(line.strip(), text) for text in texts for line in _listed(index, text)]
    reason = "a list of images names it, and it is not there or cannot be told from others"
    return [LeftOut(What.IMAGE, reason, name) for name, text in names if index.names.find(name, text) is None]


def _listed(index: FileIndex, text: str) -> list[str]:
    head = index.head(text, 4096).decode("utf-8", "replace").split("\n")[0].strip()
    return [line for line in index.text(text).splitlines() if line.strip()] if is_image(head) else []
