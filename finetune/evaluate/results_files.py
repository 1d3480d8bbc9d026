"""ms-swift result files: JSON lines with `response`, `labels` (the true answer's text), `messages` and `images`.

Each line is read twice: as the paper's evaluation reads it (only fenced JSON; what it cannot use is not there) and as an
honest case (bare JSON too; an answer that is no JSON, or has no usable shape or count, is unreadable).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from finetune.evaluate.metrics import ScoredAnswer
from finetune.evaluate.paper_metrics import Sample
from pdc.domain.errors import BadQuestion, BadSetting
from pdc.domain.prompts import shape_key
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape, Task

FENCED = re.compile(r"```json\s*(.*?)\s*```", re.DOTALL | re.IGNORECASE)
KEYS = {"point_2d": 2, "bbox_2d": 4}
SOME_LABEL = "object"  # where the truth names none that could be one
Shapes = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Results:
    """What a file holds. `skipped` are its lines that are no results: no JSON object, or a truth that cannot be read."""

    samples: tuple[Sample, ...]
    cases: tuple[ScoredAnswer, ...]
    skipped: int


def read_results(path: Path) -> Results:
    """BadSetting when the file cannot be read or no line of it is a result."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}.") from error
    written = [(i, line) for i, line in enumerate(lines, start=1) if line.strip()]
    read = [found for i, line in written if (found := _read(line, f"line {i}")) is not None]
    if not read:
        raise BadSetting(f"{path} holds no results; it needs JSON lines with `response` and `labels`, as ms-swift writes.")
    return Results(tuple(s for s, _ in read), tuple(c for _, c in read), len(written) - len(read))


def _read(line: str, where: str) -> tuple[Sample, ScoredAnswer] | None:
    row = _parsed(line)
    if not isinstance(row, dict) or not isinstance(row.get("labels"), str):
        return None
    truth = _answer(row["labels"], bare=True)
    task = _task_of(truth, _words(row))
    if task is None:
        return None
    response = said if isinstance(said := row.get("response"), str) else ""
    image = _image(row) or where
    return _sample(image, task, truth, _answer(response)), _case(image, task, truth, _answer(response, bare=True))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _answer(text: str, *, bare: bool = False) -> Any:
    """The value in the fence, or with `bare` also without one; None when there is none."""
    fenced = FENCED.search(text)
    return _parsed(fenced.group(1)) if fenced else _parsed(text.strip()) if bare else None


def _words(row: Mapping[str, Any]) -> str:
    messages = row.get("messages")
    return json.dumps(messages[0]) if isinstance(messages, list) and messages else ""


def _image(row: Mapping[str, Any]) -> str | None:
    images = row.get("images")
    first = images[0] if isinstance(images, list) and images else images
    name = first.get("path") if isinstance(first, dict) else first
    return name if isinstance(name, str) else None


def _task_of(truth: Any, words: str) -> Task | None:
    """The task whose answer the truth is; an empty list says nothing, so then the question's words do."""
    keys = set(truth) if isinstance(truth, dict) else set(truth[0]) if _objects(truth) else set()
    if isinstance(truth, dict) and any("count" in k for k in keys):
        return Task.CNT_AND_POINT if "point_2d" in keys else Task.COUNT_AND_BOX if "bbox_2d" in keys else Task.COUNTING
    if truth == []:
        keys = {key for key in KEYS if key in words}
    return Task.POINTING if "point_2d" in keys else Task.BOUNDING if "bbox_2d" in keys else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []


def _sample(image: str, task: Task, truth: Any, said: Any) -> Sample:
    return Sample(image, task, _shapes(task, truth), _shapes(task, said), _paper_count(task, truth), _paper_count(task, said))


def _shapes(task: Task, value: Any) -> Shapes:
    """Every usable shape of an answer, in order, whether it lists objects or shapes."""
    key = shape_key(task)
    if key is None:
        return ()
    if isinstance(value, dict):
        listed: list[Any] = found if isinstance(found := value.get(key), list) else []
        listed = [listed] if _is_shape(listed, KEYS[key]) else listed  # one shape where a list of them should be
    else:
        listed = [e.get(key) for e in _objects(value)]
    return tuple(tuple(map(float, s)) for s in listed if _is_shape(s, KEYS[key]))


def _is_shape(value: Any, size: int) -> bool:
    return isinstance(value, list) and len(value) == size and all(_is_number(v) for v in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) < 1e9


def _paper_count(task: Task, value: Any) -> float:
    """The count as the paper's evaluation takes it; whatever is not a number is 0."""
    if isinstance(value, list):
        return _listed_count(task, value)
    if not isinstance(value, dict):
        return 0
    if task is not Task.COUNTING:
        return value["counts"] if _is_number(value.get("counts")) else 0
    counts = [v for k, v in value.items() if "count" in k and type(v) is int]
    return counts[-1] if counts else 0


def _listed_count(task: Task, value: Sequence[Any]) -> float:
    if task is not Task.COUNTING:
        return 0 if value == [[]] else len(value)
    first = value[0] if value and isinstance(value[0], dict) else {}
    if any(first.get(key) for key in KEYS):
        return len(value)
    return _paper_count(task, first)


def _case(image: str, task: Task, truth: Any, said: Any) -> ScoredAnswer:
    labels = list(dict.fromkeys(_label(e.get("label")) for e in _entries(truth))) or [SOME_LABEL]
    question = Question(task, tuple(labels[:1]))  # the paper asks for one label at a time
    return ScoredAnswer(image, question, _findings(question, truth), _findings(question, said) if _readable(task, said) else None)


def _label(value: Any) -> str:
    try:
        return Question(Task.COUNTING, (value,)).labels[0] if isinstance(value, str) else SOME_LABEL
    except BadQuestion:
        return SOME_LABEL


def _entries(value: Any) -> list[dict[str, Any]]:
    return [value] if isinstance(value, dict) else _objects(value)


def _readable(task: Task, value: Any) -> bool:
    """Whether an answer says something: shapes or an empty list of them, or a count where only that was asked."""
    if not task.has_marks:
        return _count(value) is not None
    if value == [] or _shapes(task, value):
        return True
    return isinstance(value, dict) and value.get(shape_key(task)) in ([], [[]])


def _findings(question: Question, value: Any) -> Findings:
    task, label = question.task, question.labels[0]
    if not task.has_marks:
        return Findings(stated={label: _count(value) or 0})
    return Findings(tuple(Mark(f"m{i}", _shape(s), label) for i, s in enumerate(_shapes(task, value), start=1)))


def _count(value: Any) -> int | None:
    """A number that may be written as text, as in {"counts": "3"}; a list of objects counts as its length."""
    if isinstance(value, list) and any(e.get(key) for e in _objects(value) for key in KEYS):
        return len(value)
    said = [v for e in _entries(value) for k, v in e.items() if "count" in k]
    text = str(said[-1]).strip() if said and not isinstance(said[-1], bool) else ""
    return int(text) if re.fullmatch(r"\d{1,6}", text) else None


def _shape(numbers: Sequence[float]) -> Shape:
    if len(numbers) == 2:
        return Point(*numbers)
    (x1, x2), (y1, y2) = sorted(numbers[0::2]), sorted(numbers[1::2])
    return Box(x1, y1, x2, y2)
