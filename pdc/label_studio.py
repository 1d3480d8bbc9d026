"""Label Studio's JSON <-> pictures: tasks with rectanglelabels, keypointlabels and numbers, positions in percent.

Set the project up with the labelling config that is written beside (`label_config.xml`), then import `label_studio.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from pdc.domain import Box, Shape, check_label
from pdc.errors import BadSetting
from pdc.geometry import Size
from pdc.pictures import Asked, Picture, exact, is_number, numbers, shape_of, told, with_told

FILE = "label_studio.json"
POINT_WIDTH = 0.5  # percent; how large Label Studio draws a point


def write(pictures: Sequence[Picture]) -> Mapping[str, str]:
    labels = list(dict.fromkeys(a.label for p in pictures for a in p.asked))
    tasks = [_task(i, p) for i, p in enumerate(pictures, start=1)]
    return {FILE: json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", "label_config.xml": _config(labels)}


def _config(labels: Sequence[str]) -> str:
    listed = "".join(f"    <Label value={quoteattr(label)}/>\n" for label in labels)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="boxes" toName="image">\n{listed}  </RectangleLabels>\n'
        f'  <KeyPointLabels name="points" toName="image">\n{listed}  </KeyPointLabels>\n</View>\n'
    )


def _task(number: int, picture: Picture) -> dict[str, Any]:
    shapes = [(a.label, s) for a in picture.asked for s in a.shapes]
    result = [_region(f"r{number}-{i}", label, s, picture.size) for i, (label, s) in enumerate(shapes, start=1)]
    return {"id": number, "data": {"image": picture.file, "pdc": told(picture)}, "annotations": [{"result": result}]}


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
        "id": name, "type": kind, "from_name": "boxes" if box else "points", "to_name": "image",
        "original_width": size[0], "original_height": size[1], "image_rotation": 0,
        "value": {**value, kind: [label]}, "meta": {"exact": numbers(shape)},
    }


def read(path: Path) -> list[Picture]:
    """Of a file or of the folder that holds label_studio.json. A task without `pdc` is asked for every label of the file."""
    path = path / FILE if path.is_dir() else path
    try:
        tasks = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadSetting(f"{path} cannot be read ({error.strerror}); check the path.") from None
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{path} is not JSON ({error}); export it again.") from None
    if not isinstance(tasks, list) or not all(isinstance(t, dict) for t in tasks):
        raise BadSetting(f"{path} is not a list of Label Studio's tasks; export it as JSON.")
    regions = [_regions(task, f"Task {task.get('id', i)}") for i, task in enumerate(tasks, start=1)]
    labels = list(dict.fromkeys(label for found, _ in regions for label, _ in found))
    return [_picture(task, *found, labels, i) for i, (task, found) in enumerate(zip(tasks, regions, strict=True), start=1)]


def _regions(task: Mapping[str, Any], where: str) -> tuple[list[tuple[str, Shape]], Size | None]:
    """Labelled shapes of the task's last annotation that was not cancelled, and the picture's size."""
    annotations = [a for a in task.get("annotations") or () if isinstance(a, dict) and not a.get("was_cancelled")]
    found, size = [], None
    for region in (annotations[-1].get("result") or ()) if annotations else ():
        kind = region.get("type") if isinstance(region, dict) else None
        if kind in ("rectanglelabels", "keypointlabels"):
            label, shape, size = _read_region(region, kind, where)
            found.append((label, shape))
    return found, size


def _read_region(region: Mapping[str, Any], kind: str, where: str) -> tuple[str, Shape, Size]:
    value = region.get("value") or {}
    size = region.get("original_width"), region.get("original_height")
    labels = value.get(kind)
    if not all(type(v) is int and v > 0 for v in size) or not isinstance(labels, list) or len(labels) != 1:
        raise BadSetting(f"{where} has a region without one label or without the image's size; export it again.")
    names = ("x", "y", "width", "height") if kind == "rectanglelabels" else ("x", "y")
    shares = [value.get(n) for n in names]
    if value.get("rotation") or not all(map(is_number, shares)):
        raise BadSetting(f"{where} has a turned box or one without numbers; PDC knows upright boxes only.")
    x, y, *sides = (v * s / 100 for v, s in zip(shares, (*size, *size), strict=False))
    corners = (x, y, x + sides[0], y + sides[1]) if sides else (x, y)
    kept = (region.get("meta") or {}).get("exact") if isinstance(region.get("meta"), dict) else None
    return check_label(labels[0]), shape_of(exact(corners, kept), size, where), size


def _picture(
    task: Mapping[str, Any], found: list[tuple[str, Shape]], size: Size | None, labels: Sequence[str], number: int
) -> Picture:
    data = task.get("data") if isinstance(task.get("data"), dict) else {}
    file = data.get("image")
    if not isinstance(file, str) or not file:
        raise BadSetting(f"Task {task.get('id', number)} of the Label Studio file names no image; export it again.")
    file = file.split("?d=")[-1] if "/local-files/" in file else file
    kept = data.get("pdc")
    named = labels if kept is None else dict.fromkeys(label for label, _ in found)
    asked = tuple(Asked.of_shapes(n, [s for label, s in found if label == n]) for n in named)
    return with_told(Picture(file, Path(file).name, file, size, asked), kept)
