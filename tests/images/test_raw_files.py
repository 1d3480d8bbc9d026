"""What 8 bits of one picture cannot hold is kept beside it, equal to the last bit."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import corners, encoded
from PIL import Image

from pdc.domain.errors import NotFound, StoreUnavailable
from pdc.domain.view import View
from pdc.images.intake import ImageFiles, accept
from pdc.images.raw_files import plane, to_tiff


def tiff(values: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def some(dtype: str, shape: tuple[int, ...] = (40, 60)) -> np.ndarray:
    return (np.random.default_rng(1).random(shape) * 30000).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int32", "float32", "float64"])
def test_the_numbers_are_kept_as_they_were(dtype: str, tmp_path: Path):
    values = some(dtype)
    files, accepted = ImageFiles(tmp_path), accept(tiff(values), "x")
    files.put(accepted)
    kept = tifffile.imread(files.raw_path(accepted.view))
    assert kept.dtype == values.dtype and (kept == values).all()
    assert [p.name for p in (tmp_path / "raw").rglob("*.*")] == [f"{accepted.view.raw}.tif"]


def test_the_numbers_are_turned_upright_and_white_is_the_greatest():
    values = some("uint16")
    turned = accept(tiff(np.rot90(values), extratags=[(274, "H", 1, 6, True)]), "x")
    assert (tifffile.imread(io.BytesIO(turned.raw)) == values).all()
    inverted = accept(tiff(65535 - values, photometric="miniswhite"), "x")
    assert (tifffile.imread(io.BytesIO(inverted.raw)) == values).all()
    assert inverted.sha256 == accept(tiff(values), "x").sha256


def test_every_channel_is_kept():
    both = some("uint8", (40, 60, 2))
    accepted = accept(tiff(both, photometric="minisblack", planarconfig="contig"), "x")
    assert (tifffile.imread(io.BytesIO(accepted.raw)) == both).all()
    assert replace(accepted.view, raw=None) == View(0, 255, 255, 0, 2)


def test_what_the_picture_holds_whole_is_kept_once():
    for data in (encoded(corners()), encoded(corners(), "JPEG"), encoded(corners().convert("CMYK"), "TIFF")):
        accepted = accept(data, "x")
        assert accepted.raw is None and accepted.view is None


def test_the_view_says_what_is_shown():
    values = np.full((40, 60), 200, np.uint16)
    values[10:20, 10:20] = 1200
    view = accept(tiff(values), "x").view
    assert (view.low, view.high, view.white, view.channel, view.channels) == (200, 1200, 65535, 0, 1)
    assert view.words == "The model saw brightness 200 to 1200 of 65535."
    colour = accept(tiff(some("uint16", (40, 60, 3)), photometric="rgb"), "x").view
    assert colour.channel is None and colour.channels == 3
    assert View.of(view.stored()) == view and View.of({**view.stored(), "of_a_later_version": 1}) == view
    assert View(0, 255, 255, 0, 2).words == "The model saw channel 1 of 2." and View(looks="black").words is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_a_plane_gives_the_numbers_back(dtype: str, tmp_path: Path):
    values = some(dtype, (40, 60, 2)) if dtype != "uint8" else some("uint16", (40, 60, 2)).astype("uint8")
    path = tmp_path / "raw.tif"
    path.write_bytes(to_tiff(values))
    for channel in (0, 1):
        found = plane(path, channel)
        got = np.frombuffer(found.data, "<u2").reshape(40, 60) * found.step + found.base
        assert np.abs(got - values[..., channel]).max() <= found.step / 2 * 1.01 * (dtype not in ("uint8", "uint16"))
    assert len(plane(path, None).data) == 2 * values.size


def test_a_plane_of_numbers_that_are_none_is_dark_there(tmp_path: Path):
    values = some("float32")
    values[0, 0], values[0, 1] = np.nan, -np.inf
    path = tmp_path / "raw.tif"
    path.write_bytes(to_tiff(values))
    assert np.frombuffer(plane(path, 0).data, "<u2")[:2].tolist() == [0, 0]


def test_what_is_not_there_or_damaged_is_a_sentence(tmp_path: Path):
    path = tmp_path / "raw.tif"
    with pytest.raises(NotFound, match="upload the image again"):
        plane(path, 0)
    path.write_bytes(to_tiff(some("uint16")))
    with pytest.raises(NotFound, match="no channel 3"):
        plane(path, 2)
    path.write_bytes(b"II*\0 torn")
    with pytest.raises(StoreUnavailable, match="damaged"):
        plane(path, 0)
    with pytest.raises(NotFound):
        ImageFiles(tmp_path).raw_path(View(1, 2))


def test_one_picture_of_two_files_keeps_the_numbers_of_both(tmp_path: Path):
    """Twice the brightness is the same picture, for the window is twice as wide."""
    files, first, second = ImageFiles(tmp_path), accept(tiff(some("uint16")), "x"), accept(tiff(some("uint16") * 2), "y")
    assert first.sha256 == second.sha256 and first.view != second.view
    files.put(first)
    files.put(second)
    assert len(list((tmp_path / "raw").rglob("*.*"))) == 2


def test_a_mode_of_pillows_and_tifffile_agree():
    values = some("uint16")
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    assert accept(buffer.getvalue(), "x").sha256 == accept(tiff(values), "x").sha256
