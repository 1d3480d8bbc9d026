"""MedMultiPoints (SimulaMet/MedMultiPoints) <-> pictures: rows of image, label, points, boxes and count, in pixels.

As JSON lines beside an images/ folder, or as one parquet file that carries the images. PDC adds `name`, `group`, `task`,
`question`, `complete`, `shapes` where points stand among boxes, and `outlines`: polygons for each box.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from pdc.domain.errors import BadSetting
from pdc.domain.values import Box, Shape, Task, check_label
from pdc.formats.contents import Contents, LeftOut, Record, Silence, gather, placed, settle
from pdc.formats.records import Asked, Picture, is_number, joined, numbers, shape_of
from pdc.formats.shapes.outlines import Traced, outline_of, polygon_of
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.parquet_images import ParquetImages, image_bytes

LINES = "reviews.jsonl"
PARQUET = "medmultipoints.parquet"
GROUP_BYTES, GROUP_ROWS = 8 << 20, 256  # of a group of rows in a parquet file
FOLDERS = ("", "images/", "MedMultiPoints-images/")


def rows(picture: Picture) -> list[dict[str, Any]]:
    """A row per answer. `points` are the boxes' centres where there are boxes."""
    return [_row(picture, a) for a in picture.asked]


def _row(picture: Picture, asked: Asked) -> dict[str, Any]:
    outlines = [outline_of(s) for s in asked.shapes if _is_mixed(asked) or isinstance(s, Box)]
    return {
        "image_sha256": picture.sha256,
        "img_size": list(picture.known_size),
        "points": [[s.center.x, s.center.y] for s in asked.shapes],
        "bbox": [numbers(s) for s in asked.shapes if isinstance(s, Box)],
        "count": asked.count,
        "label": asked.label,
        "file_name": picture.file,
        "name": picture.name,
        "group": picture.group,
        "task": str(asked.task),
        "question": list(asked.question),
        **({"outlines": outlines} if any(outlines) else {}),
        "complete": asked.complete,
        "shapes": [numbers(s) for s in asked.shapes] if _is_mixed(asked) else None,
    }


def _is_mixed(asked: Asked) -> bool:
    """Whether there is a point among boxes, or a box among points: `bbox` and `points` do not tell which is which."""
    return any(isinstance(s, Box) != asked.task.has_boxes for s in asked.shapes)


def write(pictures: Iterable[Picture]) -> Iterator[tuple[str, Iterable[str]]]:
    yield LINES, (json.dumps(row, ensure_ascii=False) + "\n" for p in pictures for row in rows(p))


def write_parquet(pictures: Iterable[Picture], data: Callable[[Picture], bytes], file: IO[bytes]) -> None:
    """One parquet file with the images inside, some pictures to a group of rows; `data` are the bytes of a picture's file."""
    from pyarrow import Table, parquet

    with parquet.ParquetWriter(file, schema := _schema()) as writer:
        for group in _groups(pictures, data):
            writer.write_table(Table.from_pylist(group, schema))


def _groups(pictures: Iterable[Picture], data: Callable[[Picture], bytes]) -> Iterator[list[dict[str, Any]]]:
    """Rows by the group: of a few pictures, for each group costs memory until the file is closed, as the rows in it do."""
    group, size = list[dict[str, Any]](), 0
    for picture in pictures:
        image = {"bytes": data(picture), "path": picture.file}
        of = [{"image_data": image, **row} for row in rows(picture)]
        group, size = [*group, *of], size + len(of) * len(image["bytes"])
        if size >= GROUP_BYTES or len(group) >= GROUP_ROWS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _schema() -> Any:
    import pyarrow

    numbers_2d = pyarrow.list_(pyarrow.list_(pyarrow.float64()))
    return pyarrow.schema(
        [
            ("image_data", pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
            ("image_sha256", pyarrow.string()),
            ("img_size", pyarrow.list_(pyarrow.int64())),
            ("points", numbers_2d),
            ("bbox", numbers_2d),
            ("count", pyarrow.int64()),
            ("label", pyarrow.string()),
            ("file_name", pyarrow.string()),
            ("name", pyarrow.string()),
            ("group", pyarrow.string()),
            ("task", pyarrow.string()),
            ("question", pyarrow.list_(pyarrow.string())),
            ("outlines", pyarrow.list_(pyarrow.list_(numbers_2d))),
            ("complete", pyarrow.bool_()),
            ("shapes", numbers_2d),
        ]
    )


def knows_parquet(index: FileIndex, file: str) -> bool:
    return file.lower().endswith(".parquet")


def knows_lines(index: FileIndex, file: str) -> bool:
    """Whether the file is JSON lines with labels."""
    return file.lower().endswith(".jsonl") and b'"label"' in index.head(file).split(b"\n")[0]


def read(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Of .jsonl and .parquet files. A row that is wrong is left out.

    A row says what was asked, so nothing is concluded from rows that are not there, `complete` or not.
    """
    entries = [e for file in files for e in placed(_entries(index, file), index, file)]
    pictures = joined([e.picture for e in entries if isinstance(e, Record)])
    return settle([*(Record(p, Silence.TOLD) for p in pictures), *(e for e in entries if isinstance(e, LeftOut))])


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    images = ParquetImages(index, file)
    rows = ((row, index, file, images, i, f"{Path(file).name} row {i + 1}") for i, row in enumerate(_rows(index, file)))
    return gather(rows, lambda row: Record(_picture(*row), Silence.TOLD), lambda row: row[-1])


def _rows(index: FileIndex, file: str) -> Iterable[Any]:
    return _parquet_rows(index, file) if file.lower().endswith(".parquet") else _json_rows(index, file)


def _json_rows(index: FileIndex, file: str) -> Iterable[Any]:
    for i, line in enumerate(index.read(file).decode("utf-8", errors="replace").splitlines(), start=1):
        try:
            if line.strip():
                yield json.loads(line)
        except (ValueError, RecursionError):
            raise BadSetting("{file} line {i} is not JSON; export it again.", file=file, i=i) from None


def _parquet_rows(index: FileIndex, file: str) -> Iterable[Any]:
    import pyarrow
    from pyarrow import parquet

    try:
        with index.open(file) as opened:
            for batch in parquet.ParquetFile(opened).iter_batches(64):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise BadSetting("{file} is not a parquet file ({error}); download it again.", file=file, error=error) from None


def _picture(row: Any, index: FileIndex, beside: str, images: ParquetImages, number: int, where: str) -> Picture:
    if not isinstance(row, dict) or not isinstance(row.get("label"), str):
        raise BadSetting("{where} has no label, so it is no row of MedMultiPoints; correct the file.", where=where)
    size = _size(row.get("img_size"), where)
    data = partial(images.at, number) if image_bytes(row.get("image_data")) is not None else None
    sha256 = given if isinstance(given := row.get("image_sha256"), str) else ""
    file = _file(row, index, beside, sha256)
    if file is None and data is None:
        raise BadSetting(
            "{where} has no image_data, and no image of its image_sha256 is beside it; put the images there.", where=where
        )
    name, group = (row[k] if isinstance(row.get(k), str) and row[k] else file or sha256 or where for k in ("name", "group"))
    asked = replace(_asked(row, size, where), question=_question(row.get("question")), complete=row.get("complete") is not False)
    return Picture(file or sha256 or where, name, group, size, (asked,), data)


def _question(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) and all(isinstance(n, str) for n in value) else ()


def _size(value: Any, where: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(type(v) is int and v > 0 for v in value):
        raise BadSetting("{where} has no usable img_size; it needs [width, height].", where=where)
    return value[0], value[1]


def _file(row: Mapping[str, Any], index: FileIndex, beside: str, sha256: str) -> str | None:
    if isinstance(row.get("file_name"), str) and row["file_name"]:
        return row["file_name"]
    names = [f"{place}{sha256}{suffix}" for place in FOLDERS for suffix in (".png", ".jpg")] if sha256.isalnum() else []
    return next((name for name in names if index.has(index.beside(beside, name))), None)


def _asked(row: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> Asked:
    """Boxes where there are any, else points, else a bare count; an own `task` says what an empty row was asked.

    Boxes and points tell the same objects. Where their numbers differ, the row's count says which of them are all.
    """
    if all(row.get(key) is None for key in ("bbox", "points", "count")):
        raise BadSetting("{where} has neither boxes nor points nor a count; correct the file.", where=where)
    label = check_label(row["label"].strip())
    boxes, points, count = row.get("bbox") or [], row.get("points") or [], row.get("count")
    task = Task(row["task"]) if row.get("task") in set(Task) else None
    if not isinstance(boxes, list) or not isinstance(points, list) or (count is not None and not is_number(count)):
        raise BadSetting("{where} has boxes, points or a count that are none; correct the file.", where=where)
    if task is None:
        task = _task(len(boxes), len(points), count, where)
    if not task.has_marks:
        return Asked(task, label, (), int(count or 0))
    drawn = row.get("shapes") or (boxes if task.has_boxes else points)
    shapes = tuple(shape_of(s, size, where) for s in drawn) if isinstance(drawn, list) else ()
    if task.has_boxes:
        shapes = _traced(shapes, row.get("outlines"), where)
    return Asked(task, label, shapes, len(shapes) or int(count or max(len(boxes), len(points))))


def _traced(shapes: tuple[Shape, ...], outlines: Any, where: str) -> tuple[Shape, ...]:
    """The boxes with their outlines, where the row has a list of polygons for each of them."""
    if not isinstance(outlines, list) or len(outlines) != len(shapes):
        return shapes
    polygons = (tuple(polygon_of(p, where) for p in rings) if isinstance(rings, list) else () for rings in outlines)
    return tuple(Traced(*s.xyxy, rings) if rings and isinstance(s, Box) else s for s, rings in zip(shapes, polygons, strict=True))


def _task(boxes: int, points: int, count: float | None, where: str) -> Task:
    if boxes and points and boxes != points:
        if count not in (boxes, points):
            raise BadSetting(
                "{where} has {boxes} boxes and {points} points, and its count is neither; correct the file.",
                where=where,
                boxes=boxes,
                points=points,
            )
        return Task.BOUNDING if count == boxes else Task.POINTING
    if boxes or points:
        return Task.BOUNDING if boxes else Task.POINTING
    return Task.COUNTING if count else Task.BOUNDING
