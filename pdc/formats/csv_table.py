"""CSV <-> pictures: a line per mark, which any spreadsheet and `pandas.read_csv` open.

What must be there to be read: `file`, `label`, and x1, y1, x2, y2 of a box or x, y of a point; `kind`, `task` and `count` say
what a line without a mark means. TensorFlow's columns, keras-retinanet's lines without a header, and what a spreadsheet saves
are read too; of keras-retinanet a line with only a file says "none".
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Image, Mark, Review, Shape, Task, Verdict, check_label
from pdc.formats.contents import Contents, LeftOut, Record, Silence, gather, placed, settle, together
from pdc.formats.records import Asked, Case, Picture, is_number, marks_of, shape_of
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.tables import header, text_of
from pdc.formats.sources.tables import lines as lines_of

Line = Mapping[str, str]
FILE = "marks.csv"
NEEDED = ("file", "label")
COLUMNS = {"filename": "file", "image": "file", "class": "label", "xmin": "x1", "ymin": "y1", "xmax": "x2", "ymax": "y2"}
HEADLESS = ("file", "x1", "y1", "x2", "y2", "label")
BETWEEN = "|"  # no label has it
FORMULA = tuple("=+-@\t\r")
BOX, POINT = ("x1", "y1", "x2", "y2"), ("x", "y")
CSV_COLUMNS = (
    "file",
    "image_sha256",
    "name",
    "width",
    "height",
    "group",
    "task",
    "question",
    "complete",
    "label",
    "count",
    "kind",
    "x1",
    "y1",
    "x2",
    "y2",
    "x",
    "y",
    "origin",
    "expert",
    "score",
    "looks_found",
    "looks",
    "author",
    "verdict",
    "revision",
    "reviewed_at",
    "signed_by",
    "signed_at",
)


def write(cases: Iterable[Case]) -> Iterator[tuple[str, Iterable[str]]]:
    """marks.csv: a line per mark; a label without marks has one line, whose kind is `none`, `unknown` where the image is not
    complete, or `count` in a counting task. `x`, `y` is the centre; `count` is the label's, repeated on each of its lines."""
    yield FILE, _texts(cases)


def _texts(cases: Iterable[Case]) -> Iterator[str]:
    buffer = io.StringIO(newline="")
    writer: csv.DictWriter[str] = csv.DictWriter(buffer, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for case in cases:
        for review in case.reviews:
            writer.writerows(_csv_rows(case, review))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _csv_rows(case: Case, review: Review) -> Iterator[dict[str, Any]]:
    counts = review.findings.counts(review.question.task)
    by, at = case.signed.get(review.id, ("", ""))
    about = _csv_image(case.image, case.file) | _csv_review(review) | {"signed_by": as_text(by), "signed_at": at}
    for label in review.question.labels:
        asked = {**about, "label": as_text(label), "count": counts.get(label, 0)}
        marks = marks_of(review, label) if review.question.task.has_marks else []
        yield from ({**asked, **_csv_mark(m)} for m in marks)
        if not marks:
            yield {**asked, "kind": _unmarked(review)}


def _unmarked(review: Review) -> str:
    """What a label without marks means."""
    if not review.question.task.has_marks:
        return "count"
    return "none" if review.findings.complete else "unknown"


def _csv_image(image: Image, file: str) -> dict[str, Any]:
    return {
        "file": file,
        "image_sha256": image.sha256,
        "name": as_text(image.name),
        "width": image.width,
        "height": image.height,
        "group": as_text(image.group),
    }


def _csv_review(review: Review) -> dict[str, Any]:
    return {
        "task": str(review.question.task),
        "complete": "yes" if review.findings.complete else "no",
        "question": as_text(BETWEEN.join(review.question.labels)),
        "author": as_text(review.author),
        "verdict": str(review.verdict),
        "revision": review.revision,
        "reviewed_at": review.created_at.isoformat(),
    }


def _csv_mark(mark: Mark) -> dict[str, Any]:
    box = mark.shape if isinstance(mark.shape, Box) else None
    corners = dict(zip(("x1", "y1", "x2", "y2"), box.xyxy, strict=True)) if box else {}
    score = {} if mark.score is None else {"score": mark.score}
    votes = dict(zip(("looks_found", "looks"), mark.votes, strict=True)) if mark.votes else {}
    centre = {"x": mark.shape.center.x, "y": mark.shape.center.y}
    return {
        "kind": "box" if box else "point",
        **corners,
        **centre,
        "origin": str(mark.origin),
        "expert": as_text(mark.expert or ""),
        **score,
        **votes,
    }


def as_text(text: str) -> str:
    """Text that a spreadsheet will not run as a formula."""
    return f"'{text}" if text[:1] in FORMULA or text[:1] == "'" else text


def _unguarded(text: str) -> str:
    """The inverse of `as_text`."""
    return text[1:] if text[:1] == "'" and text[1:2] in (*FORMULA, "'") else text


def knows(index: FileIndex, file: str) -> bool:
    """Whether the file is a table with the columns file and label, or with those of TensorFlow or keras-retinanet."""
    columns = header(index, file)
    return set(NEEDED) <= {COLUMNS.get(c, c) for c in columns} or _is_headless(columns)


def _is_headless(columns: Sequence[str]) -> bool:
    """Whether the first line is one of keras-retinanet's: file, x1, y1, x2, y2, class, of which the last five may be empty."""
    numbers = [c.replace(".", "", 1) for c in columns[1:5]]
    return len(columns) == 6 and bool(columns[0]) and (all(map(str.isdecimal, numbers)) or not any(columns[1:]))


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Left out are images with a line that is wrong or says nothing."""
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    try:
        lines = [_renamed(line) for line in _lines(index, file)]
    except csv.Error as error:
        raise BadSetting("{file} is not a CSV file ({error}); save it again.", file=file, error=error) from None
    if not lines or not set(NEEDED) <= set(lines[0]):
        raise BadSetting("{file} needs the columns file and label, and a line per mark below them.", file=file)
    found: dict[str, list[tuple[int, Line]]] = {}
    for i, line in enumerate(lines, start=1 if _is_headless(header(index, file)) else 2):
        found.setdefault(line["file"] or "", []).append((i, line))
    return gather(found.items(), lambda entry: _record(*entry, Path(file).name), lambda entry: entry[0])


def _lines(index: FileIndex, file: str) -> Iterable[Line]:
    if not _is_headless(header(index, file)):
        return lines_of(index, file)
    rows = csv.reader(io.StringIO(text_of(index.read(file)), newline=""))
    return (dict(zip(HEADLESS, row, strict=False)) for row in rows if row)


def _renamed(line: Line) -> Line:
    """Under PDC's own names of columns."""
    return {COLUMNS.get(column, column): value.strip() for column, value in line.items()}


def _record(file: str, lines: Sequence[tuple[int, Line]], name: str) -> Record:
    about, size = lines[0][1], None
    if tuple(about) == HEADLESS and not any(line[column] for _, line in lines for column in HEADLESS[1:]):
        return Record(Picture(file, Path(file).name, file, None, ()), Silence.NONE)
    if about.get("width") and about.get("height"):
        size = int(_number(about["width"], f"{name}: {file}")), int(_number(about["height"], f"{name}: {file}"))
    called, group = (_unguarded(about.get(key) or "") or file for key in ("name", "group"))
    asked: dict[tuple[str, str, str], list[tuple[int, Line]]] = {}
    for i, line in lines:
        question, label = (_unguarded(line.get(key) or "") for key in ("question", "label"))
        asked.setdefault((line.get("task") or "", question, label), []).append((i, line))
    picture = Picture(file, called, group, size, tuple(_read_asked(*key, own, size, name) for key, own in asked.items()))
    return Record(picture, Silence.TOLD if any(task for task, *_ in asked) else Silence.UNKNOWN)


def _read_asked(task: str, question: str, label: str, lines: Sequence[tuple[int, Line]], size: Size | None, name: str) -> Asked:
    shapes = [s for i, line in lines if (s := _shape(line, size, f"{name} line {i}")) is not None]
    (first, line), label = lines[0], check_label(label)
    count = int(_number(line["count"], f"{name} line {first}")) if line.get("count") else None
    if task in set(Task):
        number = len(shapes) if shapes or count is None else count
        together = tuple(filter(None, question.split(BETWEEN)))
        unseen = line.get("verdict") == Verdict.AUTO_ACCEPTED
        return Asked(Task(task), label, tuple(shapes), number, together, line.get("complete") != "no", unseen=unseen)
    if shapes:
        return Asked.of_shapes(label, shapes)
    if count is None and line.get("kind") != "none":
        raise BadSetting(
            "{name} line {first} has neither a mark nor a count; write count 0 where nothing is there.", name=name, first=first
        )
    return Asked(Task.COUNTING, label, (), count) if count else Asked.of_shapes(label, ())


def _shape(line: Line, size: Size | None, where: str) -> Shape | None:
    for names in (BOX, POINT):
        if any(line.get(n) for n in names):
            return shape_of([_number(line.get(n) or "", where) for n in names], size, where)
    return None


def _number(text: str, where: str) -> float:
    try:
        number = float(text.replace(",", ".") if "." not in text else text)  # a decimal comma
    except ValueError:
        number = math.nan
    if not is_number(number):
        raise BadSetting("{where} has {text} where a number should be; correct the file.", where=where, text=repr(text))
    return number
