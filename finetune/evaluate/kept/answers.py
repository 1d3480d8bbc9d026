"""Answers kept while something is measured: a line of JSON each, on disk before the next question is asked.

A measuring that was stopped goes on with them. An answer is found again by the weights that gave it, the bytes of its image, and
the question. Once all is measured the file goes: the next measuring asks anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from finetune.data.dataset import Row
from pdc import files
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Shape, Status
from pdc.inference.adapter_ref import Route
from pdc.inference.fingerprints import stamp

Answered = Findings | None
"""None: the answer could not be read"""


def weights_of(model: str | Path, route: Route, *more: object) -> str:
    """Other than before once the weights that answer have changed, or what else the answers depend on (`more`)."""
    adapters = [(a.name, sorted(a.served or ()), stamp(a.folder) if a.folder else None) for a in route.adapters]
    return hashlib.sha256(repr((str(model), stamp(model), adapters, more)).encode()).hexdigest()


class KeptAnswers:
    """The file with the answers; a torn last line is cut off. `known`: how many were there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._answers = dict(_read(path))
        self.known = len(self._answers)

    def __enter__(self) -> KeptAnswers:
        with files.sentences(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self.path.unlink(missing_ok=True)

    def answer(self, weights: str, row: Row, ask: Callable[[], Answered]) -> Answered:
        """The answer that is kept, or the one that is given now."""
        key = "|".join((weights, files.sha256(row.path), row.question.task, json.dumps(row.question.labels)))
        if key not in self._answers:
            self._answers[key] = found = ask()
            self._add({"key": key, "answer": found and _written(found)})
        return self._answers[key]

    def _add(self, line: Mapping[str, Any]) -> None:
        with files.sentences(self.path):
            self._file.write(f"{json.dumps(line)}\n".encode())
            self._file.flush()
            os.fsync(self._file.fileno())


def _read(path: Path) -> dict[str, Answered]:
    if not path.is_file():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        with files.sentences(path):
            os.truncate(path, len(whole))
    lines = map(json.loads, whole.splitlines())
    return {line["key"]: line["answer"] and _findings(line["answer"]) for line in lines}


def _written(found: Findings) -> dict[str, Any]:
    return {"marks": [_mark(m) for m in found.marks], "stated": dict(found.stated), "complete": found.complete}


def _mark(mark: Mark) -> dict[str, Any]:
    shape = mark.shape.xyxy if isinstance(mark.shape, Box) else (mark.shape.x, mark.shape.y)
    said = {"id": mark.id, "shape": shape, "label": mark.label, "origin": mark.origin, "status": mark.status, "score": mark.score}
    extent = mark.extent and mark.extent.xyxy
    return {**said, "extent": extent, "outline": mark.outline, "expert": mark.expert, "votes": mark.votes}


def _findings(value: Mapping[str, Any]) -> Findings:
    return Findings(tuple(map(_read_mark, value["marks"])), value["stated"], complete=value["complete"])


def _read_mark(value: Mapping[str, Any]) -> Mark:
    shape: Shape = Box(*value["shape"]) if len(value["shape"]) == 4 else Point(*value["shape"])
    return Mark(
        value["id"],
        shape,
        value["label"],
        Origin(value["origin"]),
        Status(value["status"]),
        value["score"],
        extent=value["extent"] and Box(*value["extent"]),
        outline=tuple(tuple((x, y) for x, y in polygon) for polygon in value["outline"]),
        expert=value["expert"],
        votes=value["votes"] and tuple(value["votes"]),
    )
