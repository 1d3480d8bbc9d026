"""Colour profiles made of their definition, and what they mean, computed here: for tests of what is done with them."""

from __future__ import annotations

import struct

import numpy as np

ADOBE_RGB = (((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)), 2.19921875)
PRO_PHOTO = (((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)), 1.8)
D50 = (0.9642, 1.0, 0.8249)
XYZ_TO_SRGB = np.array([[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]])


def rgb_profile(space: tuple[tuple[tuple[float, ...], ...], float]) -> bytes:
    """An ICC profile of red, green and blue (XYZ under D50) and one gamma."""
    primaries, gamma = space
    tags = {b"wtpt": _xyz(D50), **{c + b"XYZ": _xyz(p) for c, p in zip((b"r", b"g", b"b"), primaries, strict=True)}}
    return _profile(b"RGB ", {**tags, **{c + b"TRC": _curve(gamma) for c in (b"r", b"g", b"b")}})


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def in_srgb(levels: tuple[int, ...], space: tuple[tuple[tuple[float, ...], ...], float]) -> np.ndarray:
    """What a colour of that space is in sRGB, 0 to 255."""
    primaries, gamma = space
    return srgb_levels(XYZ_TO_SRGB @ np.array(primaries).T @ (np.array(levels) / 255) ** gamma)


def srgb_levels(linear: np.ndarray) -> np.ndarray:
    light = np.clip(linear, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _description(), b"cprt": b"text\0\0\0\0none\0", **tags}
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"test", 0x02400000, b"mntr", space, b"XYZ ", b"acsp") + bytes(28)
    head += struct.pack(">iii", *(round(v * 65536) for v in D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _description() -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
