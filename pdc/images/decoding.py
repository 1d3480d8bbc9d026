"""An untrusted image file -> upright RGB pixels. How a file is shown is settled here:

- transparent parts are shown black, as an endoscope's surround is;
- more than 8 bits become 8 by the window from the 0.1st to the 99.9th percentile, one for all colours;
- of channels that are no colours the first is shown;
- a colour profile (ICC) is applied: the pixels are sRGB;
- of a file with several pages or frames the first is used;
- the EXIF orientation is applied, then every piece of metadata is dropped.

What 8 bits of one picture cannot hold is given back beside it: the numbers as they were, upright (`Decoded.raw`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose
from tifffile import TiffFile

from pdc.domain.view import SEEN
from pdc.images import other_files, pixel_size, samples, whole_files, window
from pdc.images.colour_profiles import to_srgb
from pdc.images.notes import Note, Refused, cut_off, note
from pdc.images.samples import Samples

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
MAX_ASPECT = 100
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


@dataclass(frozen=True, slots=True)
class Decoded:
    """RGB pixels, notes on what was changed, and where there is something to say what they show of the file.

    `view` is JSON for `pdc.domain.view.View`; `raw` are the file's numbers, (height, width) or (height, width, channels).
    """

    rgb: Image.Image
    notes: list[Note]
    view: dict[str, Any] | None = None
    raw: np.ndarray | None = None


def decode(data: bytes, max_megapixels: float) -> Decoded:
    """The file's first page, or Refused. The size is checked before any pixel is decoded."""
    Image.MAX_IMAGE_PIXELS = None
    if not data:
        raise Refused("The file is empty; choose another.")
    other_files.refuse_known(data)
    tiff = samples.tiff_of(data)
    found = _read(data, tiff, max_megapixels)
    size = pixel_size.mm_per_pixel(tiff)
    return replace(found, view={**(found.view or {}), "mm_per_pixel": size}) if size else found


def _read(data: bytes, tiff: TiffFile | None, max_megapixels: float) -> Decoded:
    if tiff is not None:
        page = samples.first_page(tiff)
        _check_size((page.imagewidth, page.imagelength), max_megapixels)
        whole_files.check_tiff(page, len(data))
        if samples.is_deep(page):
            return _deep_tiff(tiff, max_megapixels)
    return _opened_by_pillow(data, max_megapixels)


def _deep_tiff(tiff: TiffFile, max_megapixels: float) -> Decoded:
    try:
        read = samples.read_tiff(samples.first_page(tiff), max_megapixels)
    except (Refused, MemoryError):
        raise
    except Exception as error:
        raise _damaged(error) from None
    return _shown(read, _pages_note(samples.has_more_pages(tiff)))


def _opened_by_pillow(data: bytes, max_megapixels: float) -> Decoded:
    image = _opened(data)
    _check_size(image.size, max_megapixels)
    orientation, profile = _orientation(image), image.info.get("icc_profile")
    notes = _pages_note(_has_more_pages(data))
    if image.format == "PNG" and samples.is_deep_png(data):
        return _shown(_deep_png(data, profile, orientation), notes)
    _load(image)
    _check_whole(image.format, data)
    labels = _labels_in(image)
    rgb = _to_rgb(image, profile, notes)
    if orientation in _UPRIGHT:
        notes.append(_TURNED)
        if image.format != "TIFF":  # Pillow has turned a TIFF while loading it
            rgb = rgb.transpose(_UPRIGHT[orientation])
    looks = "labels" if labels else window.looks(rgb)
    return Decoded(rgb, notes + _said(looks), {"looks": looks} if looks else None)


def _deep_png(data: bytes, profile: bytes | None, orientation: int) -> Samples:
    try:
        return samples.read_png(data, profile, orientation)
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged(error) from None


def _opened(data: bytes) -> Image.Image:
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


def _pages_note(more: bool) -> list[Note]:
    return [note("The file has several pages or frames; only the first is used.")] if more else []


_TURNED = note("The image was turned upright, as its EXIF data says.")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged(error) from None


def _check_whole(format: str | None, data: bytes) -> None:
    if format in ("JPEG", "MPO"):
        whole_files.check_jpeg(data)
    elif format == "PNG":
        whole_files.check_png(data)


def _damaged(error: Exception) -> Refused:
    said = str(error).lower()
    if any(words in said for words in ("truncated", "not enough", "too small", "failed to read")):
        return cut_off()
    return Refused("The image is damaged; export it again from where it came.")


def _labels_in(image: Image.Image) -> int | None:
    return window.labels_in(np.asarray(image)) if image.mode == "L" else None


def _to_rgb(image: Image.Image, profile: bytes | None, notes: list[Note]) -> Image.Image:
    if image.mode == "CMYK":
        notes.append(note("The image's print colours (CMYK) were converted to RGB."))
    try:
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            return _on_black(to_srgb(rgba.convert("RGB"), profile, notes), rgba.getchannel("A"), notes)
        plain = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
        return to_srgb(plain, profile, notes).convert("RGB")
    except ValueError:
        raise Refused("The image's colours ({mode}) cannot be converted; save it as RGB.", mode=image.mode) from None


def _on_black(rgb: Image.Image, alpha: Image.Image, notes: list[Note]) -> Image.Image:
    if alpha.getextrema() == (255, 255):
        return rgb
    notes.append(note("Transparent parts of the image are shown black."))
    shown = Image.new("RGB", rgb.size)
    shown.paste(rgb, mask=alpha)
    return shown


def _shown(read: Samples, notes: list[Note]) -> Decoded:
    """Numbers of more than 8 bits, or in channels, as the picture that the model sees, and the numbers themselves."""
    turned, read = read.orientation in _UPRIGHT, read.upright()
    if read.colours == "CMYK":
        return _printed(read, notes)
    values = read.values if read.colours or read.channels == 1 else np.ascontiguousarray(read.values[..., 0])
    shown = _window(values, read, notes)
    eight = Image.fromarray(shown.shown(values))
    rgb = to_srgb(eight, read.profile, notes).convert("RGB")
    if read.alpha is not None:
        rgb = _on_black(rgb, _eight_bit_alpha(read.alpha), notes)
    if turned:
        notes.append(_TURNED)
    looks = "labels" if window.labels_in(values) else "one grey" if shown.low == shown.high else window.looks(rgb)
    return Decoded(rgb, notes + _said(looks), _view(read, shown, looks), read.values)


def _window(values: np.ndarray, read: Samples, notes: list[Note]) -> window.Window:
    """What is shown of these values; 8 bits are shown as they are."""
    if read.channels > 1 and not read.colours:
        notes.append(note("The file has {n} channels; the model is shown the first.", n=read.channels))
    if values.dtype == np.uint8:
        return window.Window(0, 255)
    _check_numbers(values, notes)
    seen = values if read.alpha is None else values[read.alpha > 0]
    shown = window.percentile_window(seen if seen.size else values)
    low, high = f"{shown.low:g}", f"{shown.high:g}"
    if read.white is None:
        notes.append(note("Brightness {low} to {high} is shown as 0 to 255.", low=low, high=high))
    else:
        notes.append(note("Brightness {low} to {high} of {white} is shown as 0 to 255.", low=low, high=high, white=read.white))
    return shown


def _check_numbers(values: np.ndarray, notes: list[Note]) -> None:
    bad = values.size - int(np.count_nonzero(np.isfinite(values))) if values.dtype.kind == "f" else 0
    if bad == values.size:
        raise Refused("The image holds values that are not numbers; save it as 8-bit or 16-bit grayscale.")
    if bad:
        notes.append(note("{n} values of the image are not numbers and are shown black.", n=bad))


def _eight_bit_alpha(alpha: np.ndarray) -> Image.Image:
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    return Image.fromarray(window.Window(0, most).shown(alpha))


def _printed(read: Samples, notes: list[Note]) -> Decoded:
    """Print colours of more than 8 bits, as those of 8 are shown."""
    eight = Image.fromarray(window.Window(0, read.white or 1).shown(read.values), "CMYK")
    rgb = _to_rgb(eight, read.profile, notes)
    looks = window.looks(rgb)
    return Decoded(rgb, notes + _said(looks), {"looks": looks} if looks else None)


def _said(looks: str | None) -> list[Note]:
    return [note(SEEN[looks])] if looks else []


def _view(read: Samples, shown: window.Window, looks: str | None) -> dict[str, Any]:
    said = {"low": shown.low, "high": shown.high, "white": read.white, "channels": read.channels, "looks": looks}
    return said if read.colours else {**said, "channel": 0}
