"""Label Studio's JSON <-> pictures: tasks with rectanglelabels, keypointlabels and numbers, positions in percent.

Set the project up with the labelling config that is written beside (`label_config.xml`), then import `label_studio.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Shape, check_label
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gather, placed, settle, together
from pdc.formats.records import (
    Asked,
    Picture,
    exact,
    has_area,
    is_number,
    numbers,
    only_kept,
    says_all,
    shape_of,
    told,
    visible,
    with_told,
)
from pdc.formats.sources.index import FileIndex

FILE = "label_studio.json"
POINT_WIDTH = 0.5  # percent; how large Label Studio draws a point
KINDS = {"rectanglelabels": ("x", "y", "width", "height"), "keypointlabels": ("x", "y")}
UNREAD = {
    "polygonlabels": "an outline",
    "brushlabels": "a mask",
    "ellipselabels": "an ellipse",
    "labels": "a shape of another kind",
}
REMARKS = {"choices", "textarea", "number", "rating", "taxonomy", "relation", "datetime", "pairwise", "ranker"}  # no shapes


def write(pictures: Iterable[Picture]) -> Iterator[tuple[str, Iterable[str]]]:
    labels: dict[str, None] = {}

    def tasks() -> Iterator[str]:
        for i, picture in enumerate(pictures, start=1):
            labels.update(dict.fromkeys(a.label for a in picture.asked))
            yield f"{'[' if i == 1 else ','}\n{json.dumps(_task(i, picture), ensure_ascii=False)}"
        yield "\n]\n"

    yield FILE, tasks()
    yield "label_config.xml", [_config(list(labels))]


def _config(labels: Sequence[str]) -> str:
    listed = "".join(f"    <Label value={quoteattr(label)}/>\n" for label in labels)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="boxes" toName="image">\n{listed}  </RectangleLabels>\n'
        f'  <KeyPointLabels name="points" toName="image">\n{listed}  </KeyPointLabels>\n</View>\n'
    )


def _task(number: int, picture: Picture) -> dict[str, Any]:
    shapes = visible(picture, has_area)
    result = [_region(f"r{number}-{i}", label, s, picture.known_size) for i, (label, s) in enumerate(shapes, start=1)]
    annotations = [{"result": result}] if says_all(picture, has_area) else []
    return {"id": number, "data": {"image": picture.file, "pdc": told(picture, has_area)}, "annotations": annotations}


def _region(name: str, label: str, shape: Shape, size: Size) -> dict[str, Any]:
    box = isinstance(shape, Box)
    kind = "rectanglelabels" if box else "keypointlabels"
    x, y = (shape.x1, shape.y1) if box else (shape.x, shape.y)
    value: dict[str, Any] = {"x": 100 * x / size[0], "y": 100 * y / size[1]}
    if box:
        value |= {"width": 100 * shape.width / size[0], "height": 100 * shape.height / size[1], "rotation": 0}
    else:
        value["width"] = POINT_WIDTH
    return {
        "id": name,
        "type": kind,
        "from_name": "boxes" if box else "points",
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {**value, kind: [label]},
        "meta": {"exact": numbers(shape)},
    }


def knows(index: FileIndex, file: str) -> bool:
    """Whether the file is a list of tasks."""
    tasks = index.json(file) if file.lower().endswith(".json") else None
    return isinstance(tasks, list) and any(isinstance(t, dict) and isinstance(t.get("data"), dict) for t in tasks)


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """An annotation submitted empty says "none" of every label that its file uses.

    Left out are tasks that nobody annotated, and regions that are no upright box or point.
    """
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    tasks = index.json(file)
    if not isinstance(tasks, list) or not all(isinstance(t, dict) for t in tasks):
        raise BadSetting(f"{file} is not a list of Label Studio's tasks; export it as JSON.")
    numbered = [(t, f"Task {t.get('id', i)}") for i, t in enumerate(tasks, start=1)]
    return gather(numbered, lambda entry: _record(*entry), lambda entry: _file(*entry))


def _file(task: Mapping[str, Any], where: str) -> str:
    """The image's path as the task names it; the task's number where it names none."""
    file = _data(task).get("image")
    if not isinstance(file, str) or not file:
        return where
    return file.split("?d=")[-1] if "/local-files/" in file else file


def _data(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return task["data"] if isinstance(task.get("data"), dict) else {}


def _record(task: Mapping[str, Any], where: str) -> Record | LeftOut:
    file = _file(task, where)
    if "data" not in task:
        raise BadSetting("it is no task: this is Label Studio's JSON-MIN, GeoJSON or another list; export it as JSON.")
    if file == where:
        raise BadSetting(f"{where} of the Label Studio file names no image; export it again.")
    done = [a for a in _listed(task, "annotations") if not a.get("was_cancelled") and isinstance(a.get("result"), list)]
    own = only_kept(_data(task).get("pdc"))
    if not done and own and not _listed(task, "annotations"):
        return Record(with_told(Picture(file, Path(file).name, file, None, ()), own), Silence.TOLD)
    if not done:
        return LeftOut(What.IMAGE, _why_not_done(task), file)
    left_out = [LeftOut(What.ANNOTATION, "an image has several, and its last one is taken", file) for _ in done[1:]]
    shapes: dict[str, list[Shape]] = {}
    size, regions = None, [r for r in done[-1]["result"] if not isinstance(r, dict) or r.get("type") not in REMARKS]
    for region in regions:
        reason = _unread(region)
        if reason is None:
            label, shape, size = _read_region(region, where)
            shapes.setdefault(label, []).append(shape)
        left_out += [LeftOut(What.OBJECT, reason, file, n) for n in _labels(region) or (None,)] if reason else []
    picture = Picture(file, Path(file).name, file, size, tuple(Asked.of_shapes(n, own) for n, own in shapes.items()))
    if _data(task).get("pdc") is not None:
        return Record(with_told(picture, _data(task)["pdc"]), Silence.TOLD, tuple(left_out))
    return Record(picture, Silence.UNKNOWN if done[-1]["result"] else Silence.NONE, tuple(left_out))


def _listed(task: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [a for a in task.get(key) or () if isinstance(a, dict)]


def _why_not_done(task: Mapping[str, Any]) -> str:
    if _listed(task, "annotations"):
        return "its task was skipped in Label Studio"
    return "its task has only a prediction" if task.get("predictions") else "nobody submitted an annotation of its task"


def _unread(region: Any) -> str | None:
    """Why the region is no upright box or point with one label on this very image; None when it is."""
    value = region.get("value") if isinstance(region, dict) else None
    if not isinstance(value, dict):
        return "an unknown shape is not read"
    kind = region.get("type", "")
    if kind not in KINDS:
        return f"{UNREAD.get(kind, kind or 'an unknown shape')} is not read"
    if value.get("rotation") or region.get("image_rotation"):
        return "a turned box or image is not read"
    if region.get("item_index"):
        return "it is on another page of its file"
    return None if len(_labels(region)) == 1 else "it has no label, or several"


def _labels(region: Any) -> list[str]:
    value = region.get("value") if isinstance(region, dict) else None
    listed = value.get(region.get("type")) if isinstance(value, dict) else None
    return [check_label(n) for n in listed if isinstance(n, str)] if isinstance(listed, list) else []


def _read_region(region: Mapping[str, Any], where: str) -> tuple[str, Shape, Size]:
    value, size = region["value"], (region.get("original_width", 0), region.get("original_height", 0))
    shares = [value.get(n) for n in KINDS[region["type"]]]
    if not all(type(v) is int and v > 0 for v in size) or not all(map(is_number, shares)):
        raise BadSetting(f"{where} has a region without numbers or without the image's size; export it again.")
    x, y, *sides = (v * s / 100 for v, s in zip(shares, (*size, *size), strict=False))
    corners = (x, y, x + sides[0], y + sides[1]) if sides else (x, y)
    kept = (region.get("meta") or {}).get("exact") if isinstance(region.get("meta"), dict) else None
    return _labels(region)[0], shape_of(exact(corners, kept), size, where), size
