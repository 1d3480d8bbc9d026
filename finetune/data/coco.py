"""COCO files as rows of truth, to measure on or to rehearse with. `pdc.formats.coco` reads the file.

A truth file is its user's word: an image without annotations shows none of the labels. Two things say otherwise. An object
that is left out makes its label unknown in that image; and an image that PDC exported names what was looked for there.
What is unknown is not asked, and said to be left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from finetune.data.dataset import Row
from pdc.domain.errors import BadSetting, PdcError
from pdc.domain.values import Box, Findings, Mark, Question, Shape, Task
from pdc.formats.coco import Described, Labelled, parse, record
from pdc.formats.contents import LeftOut, Record, Silence, What, told_left_out
from pdc.formats.registry import load_json

Say = Callable[[str], None]


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def read_coco(path: Path, task: Task, labels: Sequence[str] = (), limit: int | None = None, say: Say = to_stderr) -> list[Row]:
    """A COCO file as rows that ask `task` for `labels` (all categories if none); image names are relative to the file.

    `say` gets a sentence about what was left out. BadSetting when it is no COCO file, an image is not there, or nothing is
    left.
    """
    value = load_json(path)
    try:
        declared, images = parse(value)
    except PdcError as error:
        raise BadSetting(f"{path} is not a COCO detection file: {error}") from error
    wanted = tuple(labels or dict.fromkeys(declared))
    found = [_row(path.parent, image, task, wanted) for image in images[:limit]]
    rows, left_out = [row for row, _ in found if row], [e for _, out in found for e in out]
    if left_out and not rows:
        raise BadSetting(f"{path} has no image that can be asked about. {told_left_out(left_out)}")
    if left_out:
        say(f"{path.name}: {told_left_out(left_out)}")
    return rows


def _row(folder: Path, image: Described, task: Task, labels: Sequence[str]) -> tuple[Row | None, list[LeftOut]]:
    """The row that asks for the labels that are known, None when none is; and why the others are not."""
    told = record(image)
    file = folder / told.picture.file
    if not file.is_file():
        raise BadSetting(f"The image {file} is not there; image names are relative to the COCO file.")
    unknown = {label: _why_unknown(told, task, label) for label in labels}
    left_out = list(dict.fromkeys(e for reasons in unknown.values() for e in reasons))
    asked = tuple(label for label, reasons in unknown.items() if not reasons)
    if labels and not asked:
        return None, left_out
    question = Question(task, asked)
    return Row(file, *image.size, told.picture.group, question, _findings(image, told, question)), left_out


def _why_unknown(told: Record, task: Task, label: str) -> list[LeftOut]:
    """Why the file does not say what of the label is in the image. Empty when it does."""
    file, asked = told.picture.file, next((a for a in told.picture.asked if a.label == label), None)
    reasons = [e for e in told.left_out if e.label in (None, label) and e.what is not What.OUTLINE]
    if asked is None and told.silence is Silence.TOLD:
        reasons.append(LeftOut(What.ANSWER, "the file does not say that it was looked for there", file, label))
    if asked and task.has_marks and asked.count != len(asked.shapes):
        reasons.append(LeftOut(What.ANSWER, "it was counted without marks, and marks are asked for", file, label))
    if asked and task.has_boxes and not all(isinstance(s, Box) for s in asked.shapes):
        reasons.append(LeftOut(What.ANSWER, "it is marked by points, and boxes are asked for", file, label))
    return reasons


def _findings(image: Described, told: Record, question: Question) -> Findings:
    if not question.task.has_marks:
        counts = {a.label: a.count for a in told.picture.asked if a.label in question.labels and a.count}
        return Findings((), counts)
    found: list[Labelled] = [e for e in image.objects if not isinstance(e, LeftOut) and e[0] in question.labels]
    marks = (Mark(f"m{i}", _placed(shape, question.task), label) for i, (label, shape) in enumerate(found, start=1))
    return Findings(tuple(marks))


def _placed(shape: Shape, task: Task) -> Shape:
    """Rows of truth have no outlines."""
    if task.has_points:
        return shape.center
    return Box(*shape.xyxy) if isinstance(shape, Box) else shape
