"""Files for tests of the upload: one good file of each kind, small changes of it, and files made by hand to do harm."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib

import numpy as np
import tifffile
from pictures import encoded
from PIL import Image

MAGIC = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\xff\xff", b"\x01")


def seeds() -> dict[str, bytes]:
    """A good file of every kind."""
    noise = Image.effect_noise((48, 36), 70).convert("RGB")
    deep = np.random.default_rng(0).integers(0, 60_000, (36, 48)).astype("uint16")
    frames = [noise, noise.rotate(90)]
    kinds = {
        "png": encoded(noise),
        "jpeg": encoded(noise, "JPEG"),
        "progressive jpeg": encoded(noise, "JPEG", progressive=True),
        "cmyk jpeg": encoded(noise.convert("CMYK"), "JPEG"),
        "palette png": encoded(noise.quantize(16)),
        "alpha png": encoded(noise.convert("RGBA")),
        "gif": encoded(noise, "GIF", save_all=True, append_images=frames),
        "bmp": encoded(noise, "BMP"),
        "webp": encoded(noise, "WEBP"),
        "tiff": encoded(noise, "TIFF"),
        "tiff of pages": encoded(noise, "TIFF", save_all=True, append_images=frames),
        "tiff of 16 bits": _tiff(deep, compression="zlib", tile=(32, 32)),
        "tiff of floats": _tiff(deep.astype("float32") / 7),
        "tiff packed": _tiff(deep, compression="lzw", predictor=True),
    }
    return {**kinds, "dicom": dicom()}


def _tiff(values: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def dicom(rows: int = 36, columns: int = 48) -> bytes:
    """A small DICOM file with 16 bits, written by hand."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        length = struct.pack("<HL", 0, len(value)) if kind == b"OW" else struct.pack("<H", len(value))
        return struct.pack("<HH", group, number) + kind + length + value

    short = lambda n: struct.pack("<H", n)  # noqa: E731
    head = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    body = element(0x10, 0x10, b"PN", b"Roe^Jane") + element(0x28, 2, b"US", short(1)) + element(0x28, 4, b"CS", b"MONOCHROME2")
    body += element(0x28, 0x10, b"US", short(rows)) + element(0x28, 0x11, b"US", short(columns))
    body += element(0x28, 0x100, b"US", short(16)) + element(0x7FE0, 0x10, b"OW", bytes(2 * 36 * 48))
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<L", len(head))) + head + body


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to six changes: a bit, a number, a stretch that is gone, doubled, moved or zeroed, an end that is cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at, size = chance.randrange(len(changed) + 1), chance.choice((1, 2, 4, 16, 200))
        match chance.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + 4] = chance.choice(MAGIC)
            case 2:
                del changed[at : at + size]
            case 3:
                changed[at:at] = changed[at : at + size]
            case 4:
                changed[at : at + size] = bytes(size)
            case 5:
                changed = changed[: max(at, 1)]
            case _:
                near = chance.randrange(min(64, len(changed)) or 1)  # headers are where a reader trusts most
                changed[near : near + 2] = chance.randbytes(2)
    return bytes(changed)


def made_by_hand() -> dict[str, bytes]:
    """Bombs, lies and files that are two things at once."""
    png, jpeg, gif, bmp, webp, tif = (
        encoded(Image.new("RGB", (40, 30)), k) for k in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
    )
    made: dict[str, bytes] = {}
    for side in (0, 1, 50_000, 2**31 - 1, 2**32 - 1):
        made[f"png of {side} by {side}"] = _png(side, side, b"\0")
        made[f"png of 1 by {side}"] = _png(1, side, b"\0")
        made[f"tiff of {side} by {side}"] = _tiff_lies({256: side, 257: side})
    for depth, colour in ((3, 2), (16, 3), (0, 0), (255, 255)):
        made[f"png of depth {depth}, colour {colour}"] = _png(40, 30, b"\0" * 4000, depth, colour)
    made["png bomb of IDAT"] = _png(7000, 7000, bytes(60_000_000))
    made["png with a bomb of text"] = _with_chunk(png, b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000)))
    made["png with a bomb of a profile"] = _with_chunk(png, b"iCCP", b"a\0\0" + zlib.compress(bytes(80_000_000)))
    made["png of a thousand chunks"] = _with_chunk(png, b"tEXt", b"a\0b", 1000)
    made["png with a chunk of 2 GB"] = png[:33] + struct.pack(">I", 2**31 - 1) + b"tEXt" + png[33:]
    made["png with wrong sums"] = png.replace(b"IDAT", b"IDAT\0")
    for side in (0, 65_535):
        made[f"jpeg of {side} by {side}"] = _jpeg_lies(jpeg, side)
        made[f"gif of {side} by {side}"] = gif[:6] + struct.pack("<HH", side, side) + gif[10:]
    made["jpeg of 300 scans"] = _scans(encoded(Image.new("RGB", (40, 30)), "JPEG", progressive=True), 300)
    made["jpeg of comments"] = jpeg[:2] + (b"\xff\xfe\xff\xff" + bytes(65_533)) * 200 + jpeg[2:]
    made["jpeg without an end"] = jpeg[:-2] + bytes(100_000)
    for width, height in ((-1, 30), (2**31 - 1, 1), (40, -(2**31)), (60_000, 60_000)):
        made[f"bmp of {width} by {height}"] = bmp[:18] + struct.pack("<ii", width, height) + bmp[26:]
    made["bmp with run lengths"] = bmp[:30] + struct.pack("<I", 1) + bmp[34:]
    made["webp that lies of its size"] = webp[:4] + b"\xff\xff\xff\xff" + webp[8:]
    made["webp of another codec"] = webp[:12] + b"VP8X" + b"\x0a\0\0\0" + b"\xff" * 10
    made["gif of empty frames"] = gif[:-1] + b"\x2c" + bytes(8) + b"\0\x02\0" * 400 + b";"
    made["gif without an end"] = gif[:-1] + b"\x21\xff\xff" * 2000
    for tag, value in ((258, 2**31), (277, 65_535), (259, 34_712), (273, 2**32 - 1), (279, 2**32 - 1), (278, 0), (262, 9)):
        made[f"tiff whose tag {tag} is {value}"] = _tiff_lies({tag: value})
    made["tiff that goes round in a circle"] = _tiff_lies({}, after=8)
    made["tiff of 65535 entries"] = b"II*\0\x08\0\0\0\xff\xff" + bytes(2000)
    made["big tiff with a far end"] = b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63 - 1)
    html = b"<html><script>alert(1)</script><!--"
    made["png and a page"] = _with_chunk(png, b"tEXt", html) + html
    made["page and png"] = html + png
    made["jpeg and a zip"] = jpeg + _zip({"a.py": b"print(1)"})
    made["gif and a script"] = gif[:6] + b"/*" + gif[8:] + b"*/=1;alert(1)"
    made["bmp and a program"] = bmp + b"#!/bin/sh\nrm -rf /\n"
    made["tiff and a pdf"] = tif + b"%PDF-1.7\n1 0 obj"
    made["svg with a script"] = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    made["svg that reads a file"] = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>'
    made["xml that grows"] = b"<!DOCTYPE x [" + b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 9)
    )
    made["postscript"] = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    made["zip of zips"] = _zip({f"{n}.zip": _zip({"a": bytes(100_000)}) for n in range(9)})
    made["png in gzip"] = gzip.compress(png)
    made["pickle"] = b"cos\nsystem\n(S'touch pdc-canary'\ntR."
    made["numpy with a pickle"] = b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}" + b"\n"
    made["dicom of 65535 by 65535"] = dicom(65_535, 65_535)
    made["a program"] = b"\x7fELF" + bytes(2000)
    made["zeros"], made["a letter"], made["ones"] = bytes(1_000_000), b"x", b"\xff" * 5000
    return made


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, raw: bytes, depth: int = 8, colour: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(raw)) + _chunk(b"IEND", b"")


def _with_chunk(png: bytes, name: bytes, data: bytes, times: int = 1) -> bytes:
    return png[:33] + _chunk(name, data) * times + png[33:]


def _jpeg_lies(jpeg: bytes, side: int) -> bytes:
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">HH", side, side) + jpeg[at + 9 :]


def _scans(jpeg: bytes, times: int) -> bytes:
    at = jpeg.index(b"\xff\xda")
    return jpeg[:at] + jpeg[at:-2] * times + jpeg[-2:]


def _tiff_lies(said: dict[int, int], after: int = 0) -> bytes:
    """A grey TIFF of 40 x 30 whose tags say what is told."""
    tags = {256: 40, 257: 30, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: 30, 279: 1200} | said
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", after)
    return head.ljust(200, b"\0") + bytes(1200)


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
