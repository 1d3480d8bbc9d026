"""Decode an untrusted image file to upright RGB pixels. Runs as a child process; imports Pillow and nothing of PDC.

    python decode_worker.py        reads requests from standard input and answers on standard output until it is closed

A request or an answer is a JSON line, then as many bytes as its "size" says. How a file is shown is settled here:

- transparent parts are shown black, as an endoscope's surround is;
- grayscale of more than 8 bit keeps black at 0 and its contrast: the brightest pixel tells the bit depth (8, 10, 12,
  14, 16, 24, 31), whose white becomes 255. With negative values or fractions it is stretched from darkest to brightest;
- of a file with several pages or frames the first is used;
- the EXIF orientation is applied, then every piece of metadata and the colour profile are dropped.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import IO, Any, cast

from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
MAX_ASPECT = 100
BASE_MEMORY = 768 * 2**20
BYTES_PER_PIXEL = 32
_WHITES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16, 24, 31))
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}

Note = tuple[str, dict[str, Any]]
"""A sentence for a reader, as `pdc.domain.message.Message` wants it: the text and the fields that fill it in."""


class Refused(Exception):
    """One sentence, as a `Note`: what is wrong with the file and what to do."""

    def __init__(self, text: str, **fields: object) -> None:
        super().__init__(text.format(**fields) if fields else text)
        self.note = (text, fields)


def note(text: str, **fields: object) -> Note:
    return text, fields


def decode(data: bytes, max_megapixels: float) -> tuple[Image.Image, list[Note]]:
    """RGB image and notes on what was changed, or Refused. The size is checked before any pixel is decoded."""
    Image.MAX_IMAGE_PIXELS = None
    image = _opened(data)
    _check_size(image.size, max_megapixels)
    orientation = _orientation(image)
    notes = [note("The file has several pages or frames; only the first is used.")] if _has_more_pages(data) else []
    _load(image)
    rgb = _to_rgb(image, notes)
    if orientation in _UPRIGHT:
        notes.append(note("The image was turned upright, as its EXIF data says."))
        if image.format != "TIFF":  # Pillow has turned a TIFF while loading it
            rgb = rgb.transpose(_UPRIGHT[orientation])
    return rgb, notes


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise Refused("The file is empty; choose another.")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise Refused(
            "The file is not an image that can be read; use {formats} or GIF.", formats=", ".join(FORMATS[:-1])
        ) from None
    except Exception:
        raise Refused("The image is damaged; export it again from where it came.") from None


def _check_size(size: tuple[int, int], max_megapixels: float) -> None:
    width, height = size
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise Refused(
            "The image has {w} x {h} pixels, {n} megapixels; the limit is {m}. Make it smaller or cut out a part.",
            w=width,
            h=height,
            n=f"{megapixels:.1f}",
            m=f"{max_megapixels:g}",
        )
    if max(size) > MAX_ASPECT * min(size):
        raise Refused("The image has {w} x {h} pixels, which is too narrow a strip; cut out a part.", w=width, h=height)


def _has_more_pages(data: bytes) -> bool:
    """Looked up on a handle of its own. A second JPEG behind a photograph is its preview and no page."""
    image = _opened(data)
    if image.format == "MPO":
        return False
    try:
        image.seek(1)
    except Exception:
        return False
    return True


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise Refused("The image needs too much memory; make it smaller.") from None
    except Exception as error:
        if "truncated" in str(error):
            raise Refused("The image is cut off before its end; copy or export it again.") from None
        raise Refused("The image is damaged; export it again from where it came.") from None


def _to_rgb(image: Image.Image, notes: list[Note]) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image, notes).convert("RGB")
    if image.mode == "CMYK":
        notes.append(note("The image's print colours (CMYK) were converted to RGB."))
    try:
        return _on_black(image.convert("RGBA"), notes) if image.has_transparency_data else image.convert("RGB")
    except ValueError:
        raise Refused("The image's colours ({mode}) cannot be converted; save it as RGB.", mode=image.mode) from None


def _on_black(rgba: Image.Image, notes: list[Note]) -> Image.Image:
    alpha = rgba.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return rgba.convert("RGB")
    notes.append(note("Transparent parts of the image are shown black."))
    shown = Image.new("RGB", rgba.size)
    shown.paste(rgba, mask=alpha)
    return shown


def _eight_bit(image: Image.Image, notes: list[Note]) -> Image.Image:
    values = image if image.mode == "F" else image.convert("I")
    low, high = cast(tuple[float, float], values.getextrema())  # one channel
    if not (isfinite(low) and isfinite(high)):
        raise Refused("The image holds values that are not numbers; save it as 8-bit or 16-bit grayscale.")
    if low < 0 or image.mode == "F":
        scale, offset = 255 / (high - low) if high > low else 0.0, low
        notes.append(note("Brightness {low} to {high} was stretched to 0 to 255.", low=f"{low:g}", high=f"{high:g}"))
    else:
        white = next(w for w in _WHITES if high <= w)
        scale, offset = 255 / white, 0
        notes.append(note("Grayscale of {n} bit was scaled to 8 bit.", n=white.bit_length()))
    return values.convert("F").point(lambda v: v * scale + (0.5 - offset * scale)).convert("L")


def to_png(rgb: Image.Image) -> bytes:
    """The pixels and nothing else; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", rgb.size, rgb.tobytes()).save(buffer, "PNG", compress_level=2)
    return buffer.getvalue()


def answer(data: bytes, max_megapixels: float) -> tuple[dict[str, Any], bytes]:
    """What the worker says about one file: a head, and the PNG unless the head has an error."""
    try:
        rgb, notes = decode(data, max_megapixels)
        png = to_png(rgb)
    except Refused as refusal:
        return {"error": refusal.note}, b""
    except MemoryError:
        return {"error": note("The image needs too much memory; make it smaller.")}, b""
    except Exception as error:
        why = type(error).__name__
        return {"error": note("The image cannot be decoded ({why}); save it as PNG and try again.", why=why)}, b""
    return {"width": rgb.width, "height": rgb.height, "notes": notes}, png


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


def main() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the answers
    while (request := receive(requests)) is not None:
        head, data = request
        _limit_memory(head["max_megapixels"])
        send(answers, *answer(data, head["max_megapixels"]))


if __name__ == "__main__":
    main()
