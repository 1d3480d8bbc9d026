"""ICC profiles: an image's colours become sRGB, the colours that a browser shows and the model was trained on."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from pdc.images.notes import Note, note

SAME = 2
"""A profile that changes no colour by more than this, of 255, is sRGB under another name: the pixels stay as they are."""


def to_srgb(image: Image.Image, profile: bytes | None, notes: list[Note]) -> Image.Image:
    """The image (L, RGB or CMYK) as RGB by its profile, or as it is where there is none, or none that can be used."""
    if not profile:
        return image
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        exact = ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else ImageCms.Flags.NONE  # else dark greys are 10 levels off
        transform = ImageCms.buildTransform(opened, _srgb(), image.mode, "RGB", ImageCms.Intent.PERCEPTUAL, exact)
        if _changes_nothing(transform, image.mode):
            return image
        converted = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append(note("The image's colour profile is damaged or does not fit; it was left out, so colours may be off."))
        return image
    assert converted is not None  # only a transform in place returns nothing
    notes.append(note("The image's colours were converted from its profile ({name}) to sRGB.", name=_name(opened)))
    return converted


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode not in ("L", "RGB"):
        return False
    samples = _samples(mode)
    converted = ImageCms.applyTransform(samples, transform)
    assert converted is not None
    return int(np.abs(np.asarray(samples.convert("RGB"), int) - np.asarray(converted, int)).max()) <= SAME


@cache
def _samples(mode: str) -> Image.Image:
    """Every grey, or every 15th level of each colour beside each other."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return Image.fromarray(cube.reshape(len(levels), -1, 3))


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    said = ImageCms.getProfileDescription(profile)
    return "".join(c for c in said if c.isprintable()).strip()[:60] or "ICC"
