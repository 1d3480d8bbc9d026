"""Label Studio's JSON and JSON-MIN <-> pictures: tasks with annotations, which are lists of regions.

Set the project up with the labelling config that is written beside (`label_config.xml`), then import `label_studio.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from pdc.domain.errors import BadSetting
from pdc.domain.values import Shape
from pdc.formats.contents import Contents, LeftOut, Record, Silence, What, gather, placed, settle, together
from pdc.formats.records import Asked, Picture, has_area, inside, only_kept, reaching, says_all, told, visible, with_told
from pdc.formats.shapes.regions import is_mask, is_turned, labels_of, region, why_unread
from pdc.formats.shapes.regions import read as read_region
from pdc.formats.sources.index import FileIndex

FILE = "label_studio.json"
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
DATES = ("created_at", "updated_at")
SEVERAL = "an image has several: the ground truth is taken, else the one submitted last"
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
        f'  <KeyPointLabels name="points" toName="image">\n{listed}  </KeyPointLabels>\n'
        f'  <PolygonLabels name="outlines" toName="image">\n{listed}  </PolygonLabels>\n</View>\n'
    )


def _task(number: int, picture: Picture) -> dict[str, Any]:
    shapes = visible(picture, has_area)
    result = [region(f"r{number}-{i}", label, s, picture.known_size) for i, (label, s) in enumerate(shapes, start=1)]
    annotations = [{"result": result}] if says_all(picture, has_area) else []
    return {"id": number, "data": {"image": picture.file, "pdc": told(picture, has_area)}, "annotations": annotations}


def knows(index: FileIndex, file: str) -> bool:
    """Whether the file is a list of tasks, or of JSON-MIN's entries."""
    value = index.json(file) if file.lower().endswith(".json") else None
    tasks = [t for t in value if isinstance(t, dict)] if isinstance(value, list) else []
    return any(isinstance(t.get("data"), dict) for t in tasks) or any(map(_is_min, tasks))


def _is_min(entry: Mapping[str, Any]) -> bool:
    """What JSON-MIN says of every annotation; an entry may be without regions."""
    return "image" in entry and any(key in entry for key in ("annotator", "annotation_id", "label"))


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """An annotation submitted empty says "none" of every label that its file uses.

    Of several annotations of an image the ground truth counts, else the one submitted last. Left out are tasks that nobody
    annotated, and regions that are no shape with one label.
    """
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    tasks = index.json(file)
    if not isinstance(tasks, list) or not all(isinstance(t, dict) for t in tasks):
        raise BadSetting("{file} is not a list of Label Studio's tasks; export it as JSON.", file=file)
    numbered = [(t, f"Task {t.get('id', i)}") for i, t in enumerate(_whole(tasks), start=1)]
    return gather(numbered, lambda entry: _record(*entry, partial(_as_seen, index, file, _file(*entry))), lambda e: _file(*e))


def _as_seen(index: FileIndex, beside: str, image: str, region: Any) -> Any:
    """The region with the size of the photo as it is seen, where EXIF turns what Label Studio measured. A mask is as stored."""
    told: Any = (region.get("original_width"), region.get("original_height")) if isinstance(region, dict) else (None, None)
    if not all(type(v) is int for v in told) or is_mask(region):
        return region
    size = index.size(image, beside, told)
    return region if size is None or size == told else {**region, "original_width": size[0], "original_height": size[1]}


def _whole(tasks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The tasks. JSON-MIN has an entry for each annotation: those of one task are put together again."""
    found: dict[Any, dict[str, Any]] = {}
    for i, entry in enumerate(tasks):
        if "data" in entry or "annotations" in entry:
            found[i, "task"] = dict(entry)
        else:
            task = _task_of(entry)
            known = found.setdefault((str(entry.get("id", i)), _file(task, "")), {**task, "annotations": []})
            known["annotations"].append(task["annotations"][0])
    return list(found.values())


def _task_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The task, with one annotation, that an entry of JSON-MIN is about."""
    listed = [v for value in entry.values() if isinstance(value, list) for v in value if isinstance(v, dict)]
    regions = [{**value, "value": value} for value in listed if not REMARKS & value.keys()]
    remarks = [{"type": "choices"}] if len(regions) < len(listed) else []
    annotation = {"result": regions + remarks, **{k: entry[k] for k in DATES if k in entry}}
    data = {k: v for k, v in entry.items() if isinstance(v, str) and k not in DATES}
    return {**({"id": entry["id"]} if "id" in entry else {}), "data": data, "annotations": [annotation]}


def _file(task: Mapping[str, Any], where: str) -> str:
    """The image's path as the task names it; the task's number where it names none."""
    data = _data(task)
    named = [data.get("image"), *(v for v in data.values() if isinstance(v, str) and v.lower().endswith(SUFFIXES))]
    file = next((v for v in named if isinstance(v, str) and v), where)
    return file.split("?d=")[-1] if "/local-files/" in file else file


def _data(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return task["data"] if isinstance(task.get("data"), dict) else {}


def _record(task: Mapping[str, Any], where: str, as_seen: Callable[[Any], Any]) -> Record | LeftOut:
    file = _file(task, where)
    if file == where:
        raise BadSetting("{where} of the Label Studio file names no image; export it again.", where=where)
    done = [a for a in _listed(task, "annotations") if not a.get("was_cancelled") and isinstance(a.get("result"), list)]
    own = only_kept(_data(task).get("pdc"))
    if not done and own and not _listed(task, "annotations"):
        return Record(with_told(Picture(file, Path(file).name, file, None, ()), own), Silence.TOLD)
    if not done:
        return LeftOut(What.IMAGE, _why_not_done(task), file)
    chosen = max(reversed(done), key=_standing)  # the last of equals
    left_out = [LeftOut(What.ANNOTATION, SEVERAL, file) for _ in done[1:]]
    shapes: dict[str, list[Shape]] = {}
    size, regions = None, map(as_seen, _regions(chosen["result"]))
    for found in regions:
        reason = why_unread(found)
        if reason is None:
            shape, size = read_region(found, where)
            placed = reaching if is_turned(found) else inside
            shapes.setdefault(labels_of(found)[0], []).append(placed(shape, size, f"{where} of the Label Studio file"))
        left_out += [LeftOut(What.OBJECT, reason, file, n) for n in labels_of(found) or (None,)] if reason else []
    picture = Picture(file, Path(file).name, file, size, tuple(Asked.of_shapes(n, own) for n, own in shapes.items()))
    if _data(task).get("pdc") is not None:
        return Record(with_told(picture, _data(task)["pdc"]), Silence.TOLD, tuple(left_out))
    return Record(picture, Silence.UNKNOWN if chosen["result"] else Silence.NONE, tuple(left_out))


def _standing(annotation: Mapping[str, Any]) -> tuple[bool, str]:
    """The ground truth before others, then what was changed last."""
    dates = [d for key in ("updated_at", "created_at") if isinstance(d := annotation.get(key), str)]
    return annotation.get("ground_truth") is True, dates[0] if dates else ""


def _regions(result: Sequence[Any]) -> list[Any]:
    """The shapes of a result. A shape and its label may be two entries of one id: the one with the label says both."""
    found = [r for r in result if not isinstance(r, dict) or str(r.get("type")) not in REMARKS]
    labelled = {str(r["id"]) for r in found if labels_of(r) and r.get("id") is not None}
    return [r for r in found if labels_of(r) or not isinstance(r, dict) or str(r.get("id")) not in labelled]


def _listed(task: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    listed = task.get(key)
    return [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []


def _why_not_done(task: Mapping[str, Any]) -> str:
    if _listed(task, "annotations"):
        return "its task was skipped in Label Studio"
    return "its task has only a prediction" if task.get("predictions") else "nobody submitted an annotation of its task"
