"""Uploads that wait for their turn: their bytes lie on disk meanwhile, in files without a name, and not in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pdc import files

AT_ONCE = 1_000_000  # bytes that are written together


@asynccontextmanager
async def laid_aside(request: Request, folder: Path) -> AsyncIterator[IO[bytes]]:
    """The whole body in a file at its start, which is gone afterwards. StoreUnavailable where the disk is full."""
    file = _nameless(folder)
    try:
        left = bytearray()
        async for part in request.stream():
            left += part
            if len(left) >= AT_ONCE:
                await run_in_threadpool(_write, file, bytes(left), folder)
                left.clear()
        await run_in_threadpool(_write, file, bytes(left), folder)
        file.seek(0)
        yield file
    finally:
        with suppress(OSError):  # on a full disk it tries to write the rest once more
            file.close()


def _nameless(folder: Path) -> IO[bytes]:
    with files.sentences(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return TemporaryFile(dir=folder)


def _write(file: IO[bytes], data: bytes, folder: Path) -> None:
    with files.sentences(folder):
        file.write(data)
        file.flush()
