"""COCO files as rows of truth, to measure on or to rehearse with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from finetune.data.dataset import Row
from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task


def read_coco(path: Path, task: Task, labels: Sequence[str] = (), limit: int | None = None) -> list[Row]:
    """A COCO file as rows that ask `task` for `labels` (all categories if none); image names are relative to the file.

    BadSetting when it is no COCO file or an image is not there.
    """
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        names = {c["id"]: c["name"] for c in coco["categories"]}
        question = Question(task, tuple(labels or names.values()))
        boxes: dict[int, list[tuple[str, list[float]]]] = {i["id"]: [] for i in coco["images"]}
        for a in coco["annotations"]:
            boxes[a["image_id"]].append((names[a["category_id"]], a["bbox"]))
        images = coco["images"][:limit]
        return [_row(path.parent, image, question, boxes[image["id"]]) for image in images]
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{path} is not a COCO detection file ({error!r}).") from error


def _row(folder: Path, image: Mapping, question: Question, boxes: Sequence[tuple[str, list[float]]]) -> Row:
    file = folder / image["file_name"]
    if not file.is_file():
        raise BadSetting(f"The image {file} is not there; image names are relative to the COCO file.")
    asked = [(label, box) for label, box in boxes if label in question.labels]
    findings = _findings(question.task, asked)
    return Row(file, image["width"], image["height"], str(image.get("group", image["file_name"])), question, findings)


def _findings(task: Task, boxes: Sequence[tuple[str, list[float]]]) -> Findings:
    marks = []
    for i, (label, (x, y, w, h)) in enumerate(boxes, start=1):
        box = Box(x, y, x + w, y + h)
        marks.append(Mark(f"m{i}", Point(box.center.x, box.center.y) if task.has_points else box, label))
    if task.has_marks:
        return Findings(tuple(marks))
    counts: dict[str, int] = {}
    for mark in marks:
        counts[mark.label] = counts.get(mark.label, 0) + 1
    return Findings((), counts)
