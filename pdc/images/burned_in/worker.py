"""Find text in images. Runs as a child process of low priority, so that what it reads stays in it and can be stopped.

    python -m pdc.images.burned_in.worker      reads PNGs from standard input and answers with boxes until it is closed

Requests and answers are as in `decode_worker.py`: {"any": false}, then a PNG of ours -> {"boxes": [[x1, y1, x2, y2], ...]}, or
{"error": a few words}. With "any" harmless text counts too. The text itself is never told.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from pdc.images.burned_in.ocr import Text, texts_in
from pdc.images.burned_in.rules import Kind
from pdc.images.decode_worker import receive, send

NICE = 5


def boxes_of(texts: Sequence[Text], any_text: bool) -> list[list[float]]:
    """Where there is text that may say who somebody is: its boxes, and those of what is too short, which may belong to it."""
    kinds = {t.kind for t in texts}
    names = (Kind.IDENTIFYING, Kind.SHORT) if Kind.IDENTIFYING in kinds else ()
    counted = tuple(Kind) if any_text else names
    return [list(map(float, t.xyxy)) for t in texts if t.kind in counted]


def answer(png: bytes, any_text: bool) -> dict[str, Any]:
    try:
        Image.MAX_IMAGE_PIXELS = None
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            pixels = np.asarray(image.convert("RGB"))
        return {"boxes": boxes_of(texts_in(pixels), any_text)}
    except ImportError as error:
        return {"error": f"{error.name} is not installed"}
    except Exception as error:
        return {"error": type(error).__name__}


def main() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the answers
    with suppress(AttributeError, OSError):  # Windows has no nice
        os.nice(NICE)
    while (request := receive(requests)) is not None:
        head, png = request
        send(answers, answer(png, head["any"]), b"")


if __name__ == "__main__":
    main()
