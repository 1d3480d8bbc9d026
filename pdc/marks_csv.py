"""CSV <-> pictures: a line per mark, which any spreadsheet and `pandas.read_csv` open.

What must be there to be read: `file`, `label`, and x1, y1, x2, y2 of a box or x, y of a point; `kind`, `task` and `count` say
what a line without a mark means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pdc.domain import Box, Image, Mark, Review, Task, check_label
from pdc.errors import BadSetting
from pdc.pictures import Asked, Case, Picture, marks_of, shape_of

FILE = "marks.csv"
FORMULA = tuple("=+-@\t\r")
BOX, POINT = ("x1", "y1", "x2", "y2"), ("x", "y")
CSV_COLUMNS = (
    "file", "image_sha256", "name", "width", "height", "group", "task", "label", "count", "kind", "x1", "y1", "x2", "y2",
    "x", "y", "origin", "score", "author", "verdict", "revision", "reviewed_at",
)  # fmt: skip


def write(cases: Sequence[Case]) -> Mapping[str, str]:
    """marks.csv: a line per mark; a label without marks has one line, whose kind is `none`, or `count` in a counting
    task. `x`, `y` is the centre; `count` is the label's, repeated on each of its lines."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for case in cases:
        for review in case.reviews:
            writer.writerows(_csv_rows(case.image, review))
    return {FILE: buffer.getvalue()}


def _csv_rows(image: Image, review: Review) -> Iterator[dict[str, Any]]:
    counts = review.findings.counts(review.question.task)
    about = _csv_image(image) | _csv_review(review)
    for label in review.question.labels:
        asked = {**about, "label": _plain(label), "count": counts.get(label, 0)}
        marks = marks_of(review, label) if review.question.task.has_marks else []
        yield from ({**asked, **_csv_mark(m)} for m in marks)
        if not marks:
            yield {**asked, "kind": "none" if review.question.task.has_marks else "count"}


def _csv_image(image: Image) -> dict[str, Any]:
    return {
        "file": f"images/{image.sha256}.png",
        "image_sha256": image.sha256,
        "name": _plain(image.name),
        "width": image.width,
        "height": image.height,
        "group": _plain(image.group),
    }


def _csv_review(review: Review) -> dict[str, Any]:
    return {
        "task": str(review.question.task),
        "author": _plain(review.author),
        "verdict": str(review.verdict),
        "revision": review.revision,
        "reviewed_at": review.created_at.isoformat(),
    }


def _csv_mark(mark: Mark) -> dict[str, Any]:
    box = mark.shape if isinstance(mark.shape, Box) else None
    corners = dict(zip(("x1", "y1", "x2", "y2"), box.xyxy, strict=True)) if box else {}
    score = {} if mark.score is None else {"score": mark.score}
    centre = {"x": mark.shape.center.x, "y": mark.shape.center.y}
    return {"kind": "box" if box else "point", **corners, **centre, "origin": str(mark.origin), **score}


def _plain(text: str) -> str:
    """Text that a spreadsheet will not run as a formula."""
    return f"'{text}" if text[:1] in FORMULA or text[:1] == "'" else text


def _unguarded(text: str) -> str:
    """The inverse of `_plain`."""
    return text[1:] if text[:1] == "'" and text[1:2] in (*FORMULA, "'") else text


def read(path: Path) -> list[Picture]:
    """Of a file or of the folder that holds marks.csv. BadSetting naming the line that is wrong."""
    path = path / FILE if path.is_dir() else path
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise BadSetting(f"{path} cannot be read ({error.strerror}); check the path.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadSetting(f"{path} is not a CSV file in UTF-8 ({error}); save it again.") from None
    if not lines or not {"file", "label"} <= set(lines[0]):
        raise BadSetting(f"{path} needs the columns file and label, and a line per mark below them.")
    return _pictures(lines, path.name)


def _pictures(lines: Sequence[Mapping[str, str]], name: str) -> list[Picture]:
    found: dict[str, dict[tuple[str, str], list[tuple[int, Mapping[str, str]]]]] = {}
    about: dict[str, Mapping[str, str]] = {}
    for i, line in enumerate(lines, start=2):
        key = line.get("task") or "", _unguarded(line["label"] or "")
        found.setdefault(line["file"], {}).setdefault(key, []).append((i, line))
        about.setdefault(line["file"], line)
    return [_picture(file, about[file], asked, name) for file, asked in found.items()]


def _picture(file: str, about: Mapping[str, str], asked: Mapping[tuple[str, str], list], name: str) -> Picture:
    size = None
    if about.get("width") and about.get("height"):
        size = int(_number(about["width"], f"{name}: {file}")), int(_number(about["height"], f"{name}: {file}"))
    called, group = (_unguarded(about.get(key) or "") or file for key in ("name", "group"))
    return Picture(file, called, group, size, tuple(_read_asked(*key, lines, size, name) for key, lines in asked.items()))


def _read_asked(task: str, label: str, lines: Sequence[tuple[int, Mapping[str, str]]], size: Any, name: str) -> Asked:
    shapes = [s for i, line in lines if (s := _shape(line, size, f"{name} line {i}")) is not None]
    count = lines[0][1].get("count") or ""
    if task in set(Task):
        said = int(_number(count, f"{name} line {lines[0][0]}")) if count and not shapes else len(shapes)
        return Asked(Task(task), check_label(label), tuple(shapes), said)
    if not shapes and count and float(_number(count, name)):
        return Asked(Task.COUNTING, check_label(label), (), int(_number(count, name)))
    return Asked.of_shapes(check_label(label), shapes)


def _shape(line: Mapping[str, str], size: Any, where: str) -> Any:
    for names in (BOX, POINT):
        if any(line.get(n) for n in names):
            return shape_of([_number(line.get(n) or "", where) for n in names], size, where)
    return None


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadSetting(f"{where} has {text!r} where a number should be; correct the file.") from None
