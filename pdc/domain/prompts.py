"""Question -> words, Findings <-> answer text.

Two answer styles are known, and every prediction and adapter records which one it used:

`compact-1`  PDC's own. One object per asked label, in the order asked, so that "none" is said and not left out:
             [{"label":"platelet","bbox_2d":[[x1,y1,x2,y2],...],"counts":2}]
`paper-1`    the shapes of Point, Detect, Count (arXiv 2505.16647): fenced, spaced JSON.

Coordinates in an answer are integers in the frame in which the model saw the image (after its resize); the caller
converts. `parse` is the inverse of `answer` in either style.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pdc.domain.errors import BadQuestion, Unreadable
from pdc.domain.message import Message
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape, Task

COMPACT = "compact-1"
PAPER = "paper-1"
STYLES = (COMPACT, PAPER)

MAX_MARKS = 400
MAX_COUNT = 999
FARTHEST = 1e6  # pixels: no image has a place there

HUMAN_NAMES: Mapping[Task, str] = {
    Task.COUNT_AND_BOX: "Count and box",
    Task.CNT_AND_POINT: "Count and point",
    Task.BOUNDING: "Boxes",
    Task.POINTING: "Points",
    Task.COUNTING: "Count only",
}

_WORDS: Mapping[Task, str] = {
    Task.POINTING: "Point to every",
    Task.BOUNDING: "Draw a box around every",
    Task.COUNTING: "Count every",
    Task.CNT_AND_POINT: "Count and point to every",
    Task.COUNT_AND_BOX: "Count and box every",
}


def task_from(name: str) -> Task:
    """The task of that name, or BadQuestion listing the five."""
    try:
        return Task(name)
    except ValueError:
        raise BadQuestion(f"There is no task {name!r}; use one of {', '.join(Task)}.") from None


def words(question: Question, style: str = COMPACT) -> str:
    """The question as the model reads it, after the image."""
    labels = ", ".join(question.labels)
    if style == COMPACT:
        return f"{_WORDS[question.task]} {labels}. Answer in JSON."
    shape = json.dumps(_paper_object(question.task, "label", [], 0))
    return f"{_WORDS[question.task]} {labels}. Answer in JSON: {shape}."


def shape_key(task: Task) -> str | None:
    """The key under which an answer lists its shapes, or None when it lists none."""
    return "bbox_2d" if task.has_boxes else "point_2d" if task.has_points else None


def answer(question: Question, findings: Findings, style: str = COMPACT) -> str:
    """The text a perfect model gives for these findings. Shapes are rounded to integers, in reading order as given."""
    per_label = [_entry(question.task, label, findings) for label in question.labels]
    if style == COMPACT:
        return json.dumps(per_label, separators=(",", ":"), ensure_ascii=False)
    return f"```json\n{json.dumps(_paper_answer(question, findings), ensure_ascii=False)}\n```"


def parse(question: Question, text: str, style: str = COMPACT) -> Findings:
    """The findings an answer states, or Unreadable. Nothing is repaired and nothing unreadable becomes "none"."""
    value = _load(text, fenced=style == PAPER)
    entries = value if style == COMPACT else _paper_entries(question.task, value)
    if not isinstance(entries, list):
        raise Unreadable("The answer is not a list of objects.")
    if style == COMPACT and [e.get("label") if isinstance(e, dict) else None for e in entries] != list(question.labels):
        raise Unreadable("The answer does not name each asked label once, in order.")
    if style == PAPER and question.task.states_count and sorted(map(_named, entries)) != sorted(question.labels):
        raise Unreadable("The answer does not name each asked label once.")
    marks: list[Mark] = []
    stated: dict[str, int] = {}
    for entry in entries:
        label = _label_of(entry, question)
        marks += [Mark(f"m{len(marks) + i}", shape, label) for i, shape in enumerate(_shapes(question.task, entry), start=1)]
        if question.task.states_count:
            stated[label] = _count_of(entry)
    if len(marks) > MAX_MARKS * len(question.labels):
        raise Unreadable("The answer has more marks than an image can hold.")
    return Findings(tuple(marks), stated)


def as_task(findings: Findings, asked: Question, task: Task) -> Findings:
    """What was found when `asked` was asked, as `task` states it: boxes, their centres, or their number per label."""
    if asked.task is task:
        return findings
    if task is Task.COUNTING:
        counts = findings.counts(asked.task)
        return replace(findings, marks=(), stated={label: counts.get(label, 0) for label in asked.labels})
    marks = tuple(map(_as_point, findings.marks)) if task.has_points else findings.marks
    return replace(findings, marks=marks, stated=findings.stated if task.states_count else {})


def _as_point(mark: Mark) -> Mark:
    """The mark as its centre, with its box behind it."""
    box = mark.shape if isinstance(mark.shape, Box) else mark.extent
    return replace(mark, shape=mark.shape.center, extent=box)


def json_schema(question: Question, width: int, height: int, style: str = COMPACT) -> dict[str, Any]:
    """JSON schema of an answer about an image the model sees at width x height pixels."""
    if style == PAPER:
        return _paper_schema(question, width, height)
    return _tuple_schema([_entry_schema(question.task, label, width, height) for label in question.labels])


def _paper_schema(question: Question, width: int, height: int) -> dict[str, Any]:
    """One object per label (a bare one for a single label), or a flat list of single shapes."""
    task, key = question.task, shape_key(question.task)
    if key is not None and not task.states_count:
        label = {"enum": list(question.labels)}
        item = _object_schema({key: _shape_schema(task, width, height), "label": label})
        return {"type": "array", "items": item, "minItems": 0, "maxItems": MAX_MARKS}
    entries = []
    for name in question.labels:
        properties: dict[str, Any] = {"counts": _COUNT_SCHEMA}
        if key:
            properties[key] = _list_schema(task, width, height)
        entries.append(_object_schema({**properties, "label": {"const": name}}))
    return entries[0] if len(entries) == 1 else _tuple_schema(entries)


_COUNT_SCHEMA: Mapping[str, Any] = {"type": "integer", "minimum": 0, "maximum": MAX_COUNT}


def _entry_schema(task: Task, label: str, width: int, height: int) -> dict[str, Any]:
    properties: dict[str, Any] = {"label": {"const": label}}
    if key := shape_key(task):
        properties[key] = _list_schema(task, width, height)
    if task.states_count:
        properties["counts"] = _COUNT_SCHEMA
    return _object_schema(properties)


def _object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _tuple_schema(items: list[Any]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items), "maxItems": len(items)}


def _list_schema(task: Task, width: int, height: int) -> dict[str, Any]:
    return {"type": "array", "items": _shape_schema(task, width, height), "minItems": 0, "maxItems": MAX_MARKS}


def _shape_schema(task: Task, width: int, height: int) -> dict[str, Any]:
    x, y = ({"type": "integer", "minimum": 0, "maximum": side} for side in (width, height))
    return _tuple_schema([x, y, x, y] if task.has_boxes else [x, y])


def _numbers(shape: Shape) -> list[int]:
    values = shape.xyxy if isinstance(shape, Box) else (shape.x, shape.y)
    return [round(v) for v in values]


def _entry(task: Task, label: str, findings: Findings) -> dict[str, Any]:
    entry: dict[str, Any] = {"label": label}
    if key := shape_key(task):
        entry[key] = [_numbers(_fit(m.shape, task)) for m in findings.marks if m.label == label and m.counts]
    if task.states_count:
        marked = sum(m.label == label and m.counts for m in findings.marks)
        entry["counts"] = marked if task.has_marks else findings.stated.get(label, marked)
    return entry


def _fit(shape: Shape, task: Task) -> Shape:
    """A box answers a pointing task by its centre; a point cannot answer a box task."""
    if task.has_points:
        return shape.center
    if not isinstance(shape, Box):
        raise ValueError(f"{task} needs boxes, not {shape}")
    return shape


def _paper_object(task: Task, label: str, shapes: list[list[int]], count: int) -> Any:
    if task is Task.COUNTING:
        return {"counts": count, "label": label}
    key = shape_key(task)
    if task.states_count:
        return {"counts": count, key: shapes, "label": label}
    return [{key: s, "label": label} for s in shapes or [[0, 0, 0, 0] if task.has_boxes else [0, 0]]]


def _paper_answer(question: Question, findings: Findings) -> Any:
    entries = [_entry(question.task, label, findings) for label in question.labels]
    key = shape_key(question.task)
    if key and not question.task.states_count:
        return [{key: s, "label": e["label"]} for e in entries for s in e[key]]
    objects = [_paper_object(question.task, e["label"], e[key] if key else [], e["counts"]) for e in entries]
    return objects[0] if len(objects) == 1 else objects


def _paper_entries(task: Task, value: Any) -> Any:
    """A paper answer as compact entries: one object or a list; single shapes become lists of one."""
    entries = value if isinstance(value, list) else [value]
    key = shape_key(task)
    if task.states_count or key is None:
        return entries
    return [{**e, key: [e[key]]} if isinstance(e, dict) and key in e else e for e in entries]


def _load(text: str, fenced: bool) -> Any:
    if fenced:
        match = re.fullmatch(r"\s*```json\s*(.*?)\s*```\s*", text, re.DOTALL)
        text = match.group(1) if match else text
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise Unreadable("The answer is not JSON.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a later key replace an earlier one in silence; here that would lose marks."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise Unreadable("The answer says one thing twice.")
    return dict(pairs)


def _named(entry: Any) -> str:
    label = entry.get("label") if isinstance(entry, dict) else None
    return label if isinstance(label, str) else ""


def _label_of(entry: Any, question: Question) -> str:
    label = entry.get("label") if isinstance(entry, dict) else None
    if not isinstance(label, str) or label not in question.labels:
        raise Unreadable("The answer names a label that was not asked for.")
    return label


def _count_of(entry: Mapping[str, Any]) -> int:
    count = entry.get("counts")
    if type(count) is not int or not 0 <= count <= MAX_COUNT:
        raise Unreadable("The answer's count is not a number that can be a count.")
    return count


def _shapes(task: Task, entry: Mapping[str, Any]) -> list[Shape]:
    key = shape_key(task)
    if key is None:
        return []
    values = entry.get(key)
    if not isinstance(values, list) or len(values) > MAX_MARKS:
        raise Unreadable(f"The answer has no usable list {key!r}.")
    return [_shape(v, 4 if task.has_boxes else 2) for v in values]


def _shape(value: Any, size: int) -> Shape:
    if not isinstance(value, list) or len(value) != size or not all(type(v) in (int, float) for v in value):
        raise Unreadable("The answer has a shape without the right numbers.")
    if not all(-FARTHEST < v < FARTHEST for v in value):  # not a number and endless are not either
        raise Unreadable("The answer has a shape with impossible numbers.")
    numbers = [float(v) for v in value]
    if size == 2:
        return Point(*numbers)
    x1, y1, x2, y2 = numbers
    return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def count_in_words(n: int, labels: Sequence[str], complete: bool) -> str:
    """A count for a list: "3", of what it is none, "0 (polyp)", or "at least 3" where the image may show more."""
    if not complete:
        return Message("at least {n}", n=n)
    return str(n) if n else f"0 ({', '.join(labels)})"


def none_found(labels: Sequence[str]) -> Message:
    """That nothing was found, and of what: "No red blood cell or platelet found."."""
    *others, last = labels
    if not others:
        return Message("No {label} found.", label=last)
    return Message("No {labels} or {last} found.", labels=", ".join(others), last=last)


def shown_smaller(pixels: int | None) -> Message:
    """That memory was short, so that the model saw less than it may."""
    return Message("Memory was short: the model was shown at most {n} pixels of the image at once.", n=pixels)
