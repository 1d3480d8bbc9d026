"""The size of a pixel is taken from files of microscopes, and from no other."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pdc.images.intake import accept

GREY = np.random.default_rng(0).integers(0, 255, (40, 60), np.uint8)


def tiff(values: np.ndarray = GREY, **kw: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, values, photometric="minisblack", **kw)
    return out.getvalue()


def size_of(data: bytes) -> float | None:
    view = accept(data, "x.tif").view
    return view.mm_per_pixel if view else None


def ome(x: float, y: float, unit: str = "µm") -> bytes:
    axes = {"PhysicalSizeX": x, "PhysicalSizeXUnit": unit, "PhysicalSizeY": y, "PhysicalSizeYUnit": unit}
    return tiff(ome=True, metadata={"axes": "YX", **axes})


def test_a_microscopes_file_says_how_large_its_pixels_are():
    assert size_of(ome(0.325, 0.325)) == pytest.approx(0.000325)
    assert size_of(ome(650, 650, "nm")) == pytest.approx(0.00065)
    assert size_of(tiff(imagej=True, resolution=(4, 4), metadata={"unit": "um"})) == pytest.approx(0.00025)
    deep = tiff(GREY.astype(np.uint16) * 200, imagej=True, resolution=(2, 2), metadata={"unit": "micron"})
    assert size_of(deep) == pytest.approx(0.0005)


def test_dots_per_inch_odd_pixels_and_unknown_units_are_no_size():
    assert size_of(tiff(resolution=(300, 300), resolutionunit="INCH")) is None
    assert size_of(ome(0.3, 0.5)) is None
    assert size_of(ome(0, 0)) is None
    assert size_of(tiff(imagej=True, resolution=(4, 4), metadata={"unit": "pixel"})) is None
    out = io.BytesIO()
    Image.fromarray(GREY).save(out, "PNG", dpi=(25400, 25400))
    assert size_of(out.getvalue()) is None
