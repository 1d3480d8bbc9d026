"""The size of a pixel that a microscope wrote into its file: OME-TIFF, or ImageJ's TIFF with a unit of length.

The resolution of other files is that of a printer or a screen, and says nothing of the sample.
"""

from __future__ import annotations

from math import isfinite
from xml.etree import ElementTree

from tifffile import TiffFile

from pdc.images.samples import first_page

MM = {"nm": 1e-6, "µm": 1e-3, "μm": 1e-3, "um": 1e-3, "micron": 1e-3, "microns": 1e-3, "mm": 1.0, "cm": 10.0}
ALIKE = 0.01  # share by which the sides of a pixel may differ
MOST_TEXT = 2**20  # of a description that is read


def mm_per_pixel(tiff: TiffFile | None) -> float | None:
    """Millimetres; None where the file names none, or its pixels are not square. What cannot be read is no size."""
    if tiff is None:
        return None
    try:
        x, y = _ome(tiff) if tiff.is_ome else _imagej(tiff)
    except Exception:
        return None
    return x if isfinite(x) and 0 < x < 1 and abs(x / y - 1) <= ALIKE else None


def _ome(tiff: TiffFile) -> tuple[float, float]:
    text = tiff.ome_metadata or ""
    if len(text) > MOST_TEXT or "<!DOCTYPE" in text:
        return 0, 0
    pixels = next(node for node in ElementTree.fromstring(text).iter() if node.tag.rpartition("}")[2] == "Pixels")
    x, y = (float(pixels.get(f"PhysicalSize{axis}", 0)) * MM[pixels.get(f"PhysicalSize{axis}Unit", "µm")] for axis in "XY")
    return x, y


def _imagej(tiff: TiffFile) -> tuple[float, float]:
    unit = MM[str((tiff.imagej_metadata or {})["unit"]).replace("\\u00B5", "µ")]
    tags = first_page(tiff).tags
    (xn, xd), (yn, yd) = tags["XResolution"].value, tags["YResolution"].value
    return unit * xd / xn, unit * yd / yn
