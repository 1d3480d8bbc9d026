"""Tables as programs and spreadsheets write them: comma, semicolon or tab; UTF-8, UTF-16 or Windows' own letters."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from pdc.domain.errors import BadSetting
from pdc.formats.sources.index import FileIndex

SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
MARKS = (",", ";", "\t")
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
MOST_BYTES = 500_000_000


def text_of(data: bytes) -> str:
    """By its mark; else UTF-8, and Windows-1252 where it is none. What was cut off at the end is not looked at."""
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4 or encoding != "utf-8":
            return data.decode(encoding, "ignore")
    return data.decode("cp1252", "replace")


def header(index: FileIndex, file: str) -> tuple[str, ...]:
    """The names of the columns in small letters, as they stand; empty where the file is no table."""
    if not file.lower().endswith(SUFFIXES):
        return ()
    text = _table(text_of(index.head(file)))
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=mark_of(text)), [])
    return tuple(_key(name) for name in first)


def lines(index: FileIndex, file: str) -> Iterator[Mapping[str, str]]:
    """Each line by its columns' names in small letters; what is missing at the end of a line is empty."""
    text = _table(_whole(index, file))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark_of(text), strict=False)
    names = [_key(name) for name in next(reader, [])]
    yield from (dict(zip(names, [*line, *[""] * (len(names) - len(line))], strict=False)) for line in reader if any(line))


def _whole(index: FileIndex, file: str) -> str:
    if index.source.sizes[file] > MOST_BYTES:
        raise BadSetting("{file} is too large; split it.", file=file)
    return text_of(index.read(file))


def _key(name: str) -> str:
    return name.strip().lower()


def _table(text: str) -> str:
    """Without the line in which Excel says what divides the columns."""
    return text.split("\n", 1)[-1] if text[:4].lower() == "sep=" else text


def mark_of(text: str) -> str:
    """What divides the columns: the mark that is most often in the first line."""
    first = text.split("\n", 1)[0]
    return max(MARKS, key=first.count)
