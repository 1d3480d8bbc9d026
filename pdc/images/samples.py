"""Pixels that Pillow does not keep whole: more than 8 bits, channels that are no colours, and planes it cannot join.

TIFF is read by tifffile, PNG of 16 bits by imagecodecs; every other file is Pillow's.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from typing import Any

import imagecodecs
import numpy as np
from tifffile import EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage

from pdc.images.notes import Refused

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is said to who brought it
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_CHANNELS = 4  # of an image at the limit of size; a smaller one may have more
_PROFILE, _ORIENTATION = 34675, 274
_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)


@dataclass(frozen=True, slots=True)
class Samples:
    """The numbers of an image: `values` of shape (height, width) for grey, else (height, width, channels).

    `colours` is "RGB" or "CMYK" where the channels are colours. `alpha` (height, width) is 0 where nothing is shown. `white`
    is the greatest number that whole numbers of this size can be, None for others. `orientation` is that of EXIF.
    """

    values: np.ndarray
    colours: str | None = None
    alpha: np.ndarray | None = None
    white: int | None = None
    profile: bytes | None = None
    orientation: int = 1

    @property
    def channels(self) -> int:
        return 1 if self.values.ndim == 2 else self.values.shape[2]

    def upright(self) -> Samples:
        """Turned as its orientation says."""
        alpha = None if self.alpha is None else _turned(self.alpha, self.orientation)
        return replace(self, values=_turned(self.values, self.orientation), alpha=alpha, orientation=1)


def _turned(values: np.ndarray, orientation: int) -> np.ndarray:
    flipped = values[:, ::-1] if orientation in (2, 4, 5, 7) else values
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)  # by 90 degrees against the clock
    return np.ascontiguousarray(np.rot90(flipped, turns))


def tiff_of(data: bytes) -> TiffFile | None:
    """The file, opened; None for one that is no TIFF, or whose first page holds no picture."""
    if not data.startswith(TIFF):
        return None
    try:
        tiff = TiffFile(io.BytesIO(data))
        page = tiff.pages[0]
    except Exception:
        return None
    return tiff if isinstance(page, TiffPage) and page.dtype is not None and page.imagewidth and page.imagelength else None


def first_page(tiff: TiffFile) -> TiffPage:
    page = tiff.pages[0]
    assert isinstance(page, TiffPage)
    return page


def has_more_pages(tiff: TiffFile) -> bool:
    """A second page, or, in a large stack of ImageJ's, planes that have no page of their own."""
    try:
        return len(tiff.pages) > 1 or (tiff.imagej_metadata or {}).get("images", 1) > 1
    except Exception:
        return False


def is_deep(page: TiffPage) -> bool:
    """Whether Pillow would lose something of it."""
    if page.photometric not in (*_GREY, PHOTOMETRIC.RGB, PHOTOMETRIC.SEPARATED):
        return page.bitspersample > 8 and page.photometric == PHOTOMETRIC.PALETTE
    several = (page.photometric in _GREY and page.samplesperpixel > 1) or page.samplesperpixel > 4
    return page.bitspersample > 8 or page.dtype == np.int8 or several


def read_tiff(page: TiffPage, max_megapixels: float) -> Samples:
    """The first page's numbers. Whatever is wrong with them raises an error of the library's."""
    pixels = page.imagewidth * page.imagelength
    if page.samplesperpixel > 1 and pixels * page.samplesperpixel > MOST_CHANNELS * max_megapixels * 1e6:
        raise Refused(
            "The image has {n} channels of {w} x {h} pixels, more than can be kept; save fewer channels.",
            n=page.samplesperpixel,
            w=page.imagewidth,
            h=page.imagelength,
        )
    if page.imagedepth > 1 or page.dtype is None or page.dtype.kind not in "uif":
        raise Refused(
            "The image's numbers ({kind}) are no brightness; save it as 8-bit or 16-bit grayscale.", kind=str(page.dtype)
        )
    values = page.asarray(maxworkers=1)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    values = values.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    return _sorted_out(values, page)


def _sorted_out(values: np.ndarray, page: TiffPage) -> Samples:
    """Colours, channels and alpha apart; WhiteIsZero turned round, so that more is brighter."""
    alpha = _alpha(page)
    cut = None if alpha is None else values[..., alpha]
    kept = values if alpha is None else np.delete(values, alpha, axis=-1)
    colours = {int(PHOTOMETRIC.RGB): "RGB", int(PHOTOMETRIC.SEPARATED): "CMYK"}.get(page.photometric)
    if colours and kept.shape[2] >= len(colours):
        kept = kept[..., : len(colours)]
    else:
        colours = None
    white = 2**page.bitspersample - 1 if values.dtype.kind == "u" else None
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        kept = _inverted(kept, white)
    return Samples(_grey_flat(kept), colours, cut, white, _tag(page, _PROFILE), int(_tag(page, _ORIENTATION) or 1))


def _alpha(page: TiffPage) -> int | None:
    """The place of the alpha channel among the samples."""
    first = page.samplesperpixel - len(page.extrasamples)
    return next((first + i for i, kind in enumerate(page.extrasamples) if kind in _ALPHA), None)


def _inverted(values: np.ndarray, white: int | None) -> np.ndarray:
    return values.dtype.type(white) - values if white is not None else values.min() + (values.max() - values)


def _grey_flat(values: np.ndarray) -> np.ndarray:
    return values[..., 0] if values.shape[2] == 1 else values


def _tag(page: TiffPage, code: int) -> Any:
    return page.tags[code].value if code in page.tags else None


def is_deep_png(data: bytes) -> bool:
    return data[24:25] == b"\x10"  # bits of the header


def read_png(data: bytes, profile: bytes | None, orientation: int) -> Samples:
    """The numbers of a 16-bit PNG. Whatever is wrong with them raises an error of the library's."""
    values = imagecodecs.png_decode(data)
    values = values[..., None] if values.ndim == 2 else values
    has_alpha = values.shape[2] in (2, 4)
    alpha = values[..., -1] if has_alpha else None
    kept = values[..., :-1] if has_alpha else values
    colours = "RGB" if kept.shape[2] == 3 else None
    return Samples(_grey_flat(kept), colours, alpha, 2**16 - 1, profile, orientation)
