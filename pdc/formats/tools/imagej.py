"""ImageJ's and Fiji's regions (.roi, and RoiSet.zip) and tables of results -> pictures.

A region file is called like its image, and each region like what it shows: nucleus, nucleus-2. A table names the image in its
column Label; what its lines are, a column Class or Type says. Both are in pixels, which ImageJ writes where no scale is set.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from pdc.domain.errors import BadSetting
from pdc.domain.geometry import Size
from pdc.domain.values import Box, Point, Shape
from pdc.formats.contents import Contents, LeftOut, Record, What, gather, placed, settle, together
from pdc.formats.records import inside, reaching
from pdc.formats.shapes.outlines import around, ellipse, polygon_of, traced
from pdc.formats.sources.index import FileIndex
from pdc.formats.sources.tables import header, lines
from pdc.formats.tools.drawn import Found, image_of, record, tried

KINDS = ("class", "type", "category", "cell type", "celltype")  # columns that say what a line is
NO_CLASSES = (
    "{name} is a table of ImageJ's results, which does not say what its lines show; "
    "add a column Class, with the label in each line."
)
MAX_REGIONS = 100_000
MAX_BYTES = 50_000_000  # of one region
ZIPPED = (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


# regions


def knows_regions(index: FileIndex, file: str) -> bool:
    if file.lower().endswith(".roi"):
        return index.head(file, 4) == b"Iout"
    return file.lower().endswith(".zip") and _is_set(index, file)


def _is_set(index: FileIndex, file: str) -> bool:
    try:
        with ZipFile(io.BytesIO(index.read(file))) as archive:
            names = archive.namelist()
    except (BadSetting, *ZIPPED):
        return False
    return bool(names) and all(name.lower().endswith(".roi") for name in names)


def read_regions(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """Regions of one image may lie in several files. Left out are lines, and regions of other slices."""
    found: dict[str, list[Found]] = {}
    wrong: list[Record | LeftOut] = []
    for file in files:
        try:
            image = image_of(index, file, *_stems(PurePosixPath(file).name), kind="ImageJ regions")
            size = index.size(image, file, None)
            found.setdefault(image, []).extend(f for roi in _regions(index, file) for f in _found(roi, image, size))
        except BadSetting as error:
            wrong.append(LeftOut(What.FILE, error.message, file))
    records = [record(image, index.size(image, "", None), regions) for image, regions in found.items()]
    return settle([*records, *wrong], complete=complete)


def _stems(name: str) -> list[str]:
    """The image's name in that of a region file: a.roi, a.tif.zip, a_RoiSet.zip, RoiSet_a.zip."""
    stem = name[: name.rindex(".")]
    return [stem, re.sub(r"([ _-]rois?([ _-]?set)?$)|(^roi[ _-]?set[ _-])", "", stem, flags=re.IGNORECASE)]


def _regions(index: FileIndex, file: str) -> Iterator[Any]:
    from roifile import ImagejRoi

    for name, data in _members(index, file):
        try:
            region = ImagejRoi.frombytes(data)
        except Exception:  # whatever the bytes make it raise
            raise BadSetting("{name} is a damaged region; save it again.", name=name) from None
        region.name = region.name or PurePosixPath(name).stem
        yield region


def _members(index: FileIndex, file: str) -> Iterator[tuple[str, bytes]]:
    if file.lower().endswith(".roi"):
        yield PurePosixPath(file).name, index.read(file)
        return
    try:
        with ZipFile(io.BytesIO(index.read(file))) as archive:
            members = archive.infolist()
            if len(members) > MAX_REGIONS or any(m.file_size > MAX_BYTES for m in members):
                raise BadSetting("{name} holds too many regions, or too large ones; split it.", name=PurePosixPath(file).name)
            yield from ((m.filename, archive.read(m)) for m in members)
    except ZIPPED as error:
        raise BadSetting(
            "{name} is a damaged zip ({error}); save it again.", name=PurePosixPath(file).name, error=error
        ) from None


def _found(region: Any, image: str, size: Size | None) -> list[Found]:
    def shapes(label: str) -> Iterable[Shape] | str:
        if max(region.position, region.z_position, region.t_position) > 1:
            return "it is on another slice of its image, of which only the first is shown"
        where = f"a {label} of {PurePosixPath(image).name}"
        read = _shapes(region, where)
        place = reaching if region.roitype.name == "OVAL" else inside
        return read if isinstance(read, str) or size is None else [place(s, size, where) for s in read]

    found = tried(image, _label(region.name), shapes)
    unnamed = "its region has no name of its own; rename it in the ROI Manager to what it shows, such as nucleus-1"
    return [LeftOut(f.what, unnamed, f.file) if isinstance(f, LeftOut) and f.label is None else f for f in found]


def _label(name: str) -> str:
    """Without the number apart behind it: CD8-3 is CD8. The names that ImageJ gives are numbers only, and no label."""
    return re.sub(r"[\s_#.-]+\d+$", "", name.strip()) if re.search(r"[^\W\d_]", name) else ""


def _shapes(region: Any, where: str) -> Iterable[Shape] | str:
    """In pixels; or why it is not read."""
    kind, corners = region.roitype.name, [tuple(map(float, c)) for c in region.coordinates()]
    if kind == "POINT":
        return [Point(x, y) for x, y in corners]
    if kind == "RECT" and region.multi_coordinates is None:
        return [Box(region.left, region.top, region.right, region.bottom)]
    if kind == "OVAL":
        box = Box(region.left, region.top, region.right, region.bottom)
        return [ellipse((box.center.x, box.center.y), (box.width / 2, box.height / 2))]
    rings = region.coordinates(multi=True) if region.multi_coordinates is not None else [corners]
    if kind in ("POLYGON", "FREEHAND", "TRACED", "RECT"):
        return [traced(tuple(polygon_of([tuple(map(float, c)) for c in ring], where) for ring in rings))]
    return f"a {kind.lower()} is not read"


# tables


def knows_table(index: FileIndex, file: str) -> bool:
    """Whether it has the columns of ImageJ's results, and none of PDC's."""
    columns = header(index, file)
    return (
        {"label", "x", "y"} <= set(columns)
        and "file" not in columns
        and ("" in columns or "slice" in columns or "area" in columns)
    )


def read_tables(index: FileIndex, files: Sequence[str], complete: bool = False) -> Contents:
    """A line is a box where the table has the bounding rectangle, else the point X, Y."""
    return together(settle(placed(_entries(index, file), index, file), complete=complete) for file in files)


def _entries(index: FileIndex, file: str) -> list[Record | LeftOut]:
    columns = header(index, file)
    kind = next((k for k in KINDS if k in columns), None)
    if kind is None:
        raise BadSetting(NO_CLASSES, name=PurePosixPath(file).name)
    try:
        images: dict[str, list[tuple[str, dict[str, str]]]] = {}
        for i, line in enumerate(lines(index, file), start=2):
            where = f"{PurePosixPath(file).name} line {i}"
            images.setdefault(line.get("label", "").split(":")[0], []).append((where, dict(line)))
    except csv.Error as error:
        raise BadSetting("{file} is not a CSV file ({error}); save it again.", file=file, error=error) from None
    return gather(images.items(), lambda entry: _record(index, file, kind, *entry), lambda entry: entry[0])


def _record(index: FileIndex, beside: str, kind: str, image: str, own: Sequence[tuple[str, dict[str, str]]]) -> Record:
    if not image:
        raise BadSetting("{what} names no image in its column Label; tick Display label in Set Measurements.", what=own[0][0])
    size = index.size(image, beside, None)
    return record(image, size, (f for where, line in own for f in _line(line, kind, image, size, where)))


def _line(line: dict[str, str], kind: str, image: str, size: Size | None, where: str) -> list[Found]:
    def shapes(_: str) -> Iterable[Shape] | str:
        if (line.get("slice") or "1").strip() not in ("0", "1"):
            return "it is on another slice of its image, of which only the first is shown"
        shape = _place(line, where)
        return [shape if size is None else inside(shape, size, where)]

    return tried(image, line.get(kind), shapes)


def _place(line: dict[str, str], where: str) -> Shape:
    names = ("bx", "by", "width", "height") if {"bx", "by", "width", "height"} <= line.keys() else ("x", "y")
    try:
        values = [float(line[name].replace(",", ".")) for name in names]
    except ValueError:
        raise BadSetting(
            "{where} has no number where its {what} should be; correct the file.", where=where, what=", ".join(names)
        ) from None
    if len(values) == 2 or not (values[2] and values[3]):
        return Point(*values[:2])
    return around([(values[0], values[1]), (values[0] + values[2], values[1] + values[3])])
