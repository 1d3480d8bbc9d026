"""Decode untrusted image files. Runs as a child process, and imports nothing of PDC but what decodes.

    python -m pdc.images.decode_worker      reads requests from standard input and answers on standard output until it is closed

A request or an answer is a JSON line, then as many bytes as its "size" says. Behind an answer whose "raw" is true comes a second
one with the numbers of the file. How a file is shown is settled in `decoding.py`.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from PIL import Image

from pdc.images.decoding import decode
from pdc.images.notes import Refused, note
from pdc.images.raw_files import to_tiff

BASE_MEMORY = 1024 * 2**20
BYTES_PER_PIXEL = 48
BEHIND = 10  # of the 19 steps of niceness: on busy cores the server that the reader waits for comes first


def to_png(rgb: Image.Image) -> bytes:
    """The pixels and nothing else; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", rgb.size, rgb.tobytes()).save(buffer, "PNG", compress_level=2)
    return buffer.getvalue()


def answer(data: bytes, max_megapixels: float) -> tuple[dict[str, Any], bytes, bytes]:
    """What the worker says about one file: a head, the PNG unless the head has an error, and the raw numbers if they are kept."""
    try:
        decoded = decode(data, max_megapixels)
        raw = b"" if decoded.raw is None else to_tiff(decoded.raw)
        png = to_png(decoded.rgb)
    except Refused as refusal:
        return {"error": refusal.note}, b"", b""
    except MemoryError:
        return {"error": note("The image needs too much memory; make it smaller.")}, b"", b""
    except Exception as error:
        why = type(error).__name__
        return {"error": note("The image cannot be decoded ({why}); save it as PNG and try again.", why=why)}, b"", b""
    width, height = decoded.rgb.size
    head = {"width": width, "height": height, "notes": decoded.notes, "view": decoded.view, "raw": bool(raw)}
    return head, png, raw


def send(stream: IO[bytes], head: Mapping[str, Any], body: bytes) -> None:
    stream.write(json.dumps({**head, "size": len(body)}).encode() + b"\n")
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Head and body, or None when the other side is gone."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    body = stream.read(head["size"])
    return (head, body) if len(body) == head["size"] else None


def _limit_memory(max_megapixels: float) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = BASE_MEMORY + int(max_megapixels * 1e6 * BYTES_PER_PIXEL)
    with suppress(ValueError, OSError):  # macOS refuses any limit; the parent's time limit still holds
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _step_back() -> None:
    if sys.platform != "win32":
        os.nice(BEHIND)


def main() -> None:
    _step_back()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the answers
    while (request := receive(requests)) is not None:
        head, data = request
        _limit_memory(head["max_megapixels"])
        said, png, raw = answer(data, head["max_megapixels"])
        send(answers, said, png)
        if raw:
            send(answers, {}, raw)


if __name__ == "__main__":
    main()
