"""Files whose header promises more than their data holds are refused: decoders fill what is missing with grey, in silence."""

from __future__ import annotations

from math import ceil, prod

import imagecodecs
import simplejpeg
from imagecodecs import PngError
from tifffile import COMPRESSION, PHOTOMETRIC, TiffPage

from pdc.images.notes import cut_off


def check_jpeg(data: bytes) -> None:
    """Refused where the data ends before the last scan line. Damage of other kinds is left to the decoder."""
    try:
        inks = simplejpeg.decode_jpeg_header(data, strict=False)[2] in ("CMYK", "YCCK")
        # as small as can be, an eighth of each side: all data is read, little is computed
        simplejpeg.decode_jpeg(data, "CMYK" if inks else "GRAY", min_height=1, min_width=1)
    except ValueError as error:
        if "premature end" in str(error).lower():
            raise cut_off() from None


def check_png(data: bytes) -> None:
    """Refused where the data ends before the last row. Damage of other kinds is left to the decoder."""
    try:
        imagecodecs.png_decode(data)
    except PngError as error:
        if "not enough image data" in str(error).lower():
            raise cut_off() from None


def check_tiff(page: TiffPage, size: int) -> None:
    """Refused where strips or tiles are missing from a file of `size` bytes."""
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if page.compression == COMPRESSION.NONE and not page.is_tiled and page.photometric != PHOTOMETRIC.YCBCR:
        there = sum(max(0, min(count, size - offset)) for offset, count in parts)
        if there < _stored_bytes(page):
            raise cut_off()
    elif page.compression not in (COMPRESSION.NONE, COMPRESSION.OJPEG):
        ended = any(count == 0 or offset + count > size for offset, count in parts)
        if ended or len(parts) < prod(page.chunked):
            raise cut_off()


def _stored_bytes(page: TiffPage) -> int:
    """What the pixels of a page without compression take in the file."""
    together = page.samplesperpixel if page.planarconfig == 1 else 1
    row = ceil(page.imagewidth * page.bitspersample * together / 8)
    return row * page.imagelength * (page.samplesperpixel // together)
