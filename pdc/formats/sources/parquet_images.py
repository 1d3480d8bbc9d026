"""Images inside a parquet file, one after the other: never more than a few rows of them are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.formats.sources.index import FileIndex

COLUMN = "image_data"
AT_ONCE = 16  # rows


def image_bytes(value: Any) -> bytes | None:
    """Of the column's value: bytes, or a record that holds them as Hugging Face's does."""
    found = value.get("bytes") if isinstance(value, dict) else value
    return bytes(found) if isinstance(found, bytes | bytearray) else None


class ParquetImages:
    """The image of any row. Rows asked for in their order are read once; another order starts again from the top."""

    def __init__(self, index: FileIndex, file: str) -> None:
        self._index, self._file = index, file
        self._rows: Iterator[bytes | None] = iter(())
        self._next = 0
        self._last: tuple[int, bytes | None] = -1, None

    def at(self, row: int) -> bytes:
        """The bytes of the row's image, counted from 0."""
        if row != self._last[0]:
            self._last = row, self._read(row)
        if self._last[1] is None:
            raise BadSetting("row {n} of {file} holds no image.", n=row + 1, file=self._file)
        return self._last[1]

    def _read(self, row: int) -> bytes | None:
        if row < self._next or not self._next:
            self._rows, self._next = self._column(), 0
        for _ in range(row - self._next):
            next(self._rows, None)
        self._next = row + 1
        return next(self._rows, None)

    def _column(self) -> Iterator[bytes | None]:
        from pyarrow import parquet

        with self._index.open(self._file) as opened:
            for batch in parquet.ParquetFile(opened).iter_batches(AT_ONCE, columns=[COLUMN]):
                yield from (image_bytes(value) for value in batch.column(0).to_pylist())
