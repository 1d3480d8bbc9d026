"""Odd files of microscopes, cameras and other tools: each shows what is in it, or is refused with what is wrong."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from icc import ADOBE_RGB, PRO_PHOTO, grey_profile, in_srgb, rgb_profile, srgb_levels
from pictures import corners, encoded
from PIL import Image

from pdc.domain.errors import BadImage
from pdc.images.intake import Accepted, accept

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
BLACK = "This image is almost black: hardly anything can be seen in it."
ONE_COLOUR = "This image is almost one colour: hardly anything can be seen in it."


def tiff(values: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def pixels(accepted: Accepted) -> np.ndarray:
    return np.asarray(accepted.pixels(), int)


def shown(data: bytes) -> np.ndarray:
    return pixels(accept(data, "x"))


def nuclei(ground: float = 200, signal: float = 1200, dtype: str = "uint16") -> np.ndarray:
    """A noisy ground with a bright square in the middle, 160 x 200."""
    noise = np.random.default_rng(0).normal(0, (signal - ground) / 100, (160, 200))
    noise[60:100, 80:120] += signal - ground
    return (noise + ground).astype(dtype)


def contrast(picture: np.ndarray) -> float:
    return picture[60:100, 80:120].mean() - picture[:50].mean()


def hot(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[3, 3] = 65535
    return values


# more than 8 bits


@pytest.mark.parametrize(
    "values",
    [nuclei(), hot(nuclei()), nuclei(33068, 34068), hot(nuclei(33068, 34068)), nuclei(300, 3900), nuclei(0.02, 0.4, "float32")],
    ids=["dim", "hot pixel", "offset", "offset and hot pixel", "12 bits in 16", "float"],
)
def test_what_is_bright_is_far_brighter_than_its_ground(values: np.ndarray):
    assert contrast(shown(tiff(values))) > 200


def test_without_a_window_what_is_bright_would_be_lost():
    """The negative control: the same numbers, shown as they are, fail the check above."""
    for values in (nuclei(), nuclei(33068, 34068)):
        plain = np.repeat((values // 257)[..., None], 3, axis=2).astype(int)
        assert contrast(plain) < 20


def test_the_window_is_said():
    assert accept(tiff(hot(nuclei())), "x").notes[0] == "Brightness 168 to 1220 of 65535 is shown as 0 to 255."
    assert "Brightness 0.0" in accept(tiff(nuclei(0.02, 0.4, "float32")), "x").notes[0]


@pytest.mark.parametrize("dtype", ["uint32", "int16", "int32", "float64", "uint16"])
def test_numbers_of_every_kind_are_shown_alike(dtype: str):
    picture = shown(tiff(nuclei(dtype=dtype)))
    assert contrast(picture) > 200 and (picture[..., 0] == picture[..., 1]).all()


def test_one_hot_pixel_does_not_darken_a_small_image():
    values = np.tile(np.arange(20, dtype=np.uint16), (10, 1))
    values[0, 0] = 60000
    assert shown(tiff(values))[5, :, 0].tolist() == [round(x / 19 * 255) for x in range(20)]


def test_a_few_bright_pixels_on_an_even_ground_are_not_clipped_away():
    values = np.full((200, 200), 100, np.uint16)
    values[10:13, 10:13] = 900
    picture = shown(tiff(values))
    assert picture[11, 11, 0] == 255 and picture[100, 100, 0] == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_white_is_zero_is_turned_round(dtype: str):
    white = {"uint8": 255, "uint16": 65535, "uint32": 2**32 - 1, "float32": 1.0}[dtype]
    values = np.full((60, 60), white * 0.9, dtype)
    values[20:40, 20:40] = white * 0.3
    for photometric, sign in (("miniswhite", 1), ("minisblack", -1)):
        picture = shown(tiff(values, photometric=photometric))
        assert sign * (picture[30, 30, 0] - picture[5, 5, 0]) > 100


def test_numbers_that_are_none_are_black_and_counted():
    values = nuclei(0.1, 0.9, "float32")
    values[:10] = np.nan
    accepted = accept(tiff(values), "x")
    assert contrast(pixels(accepted)[10:]) > 0 and not pixels(accepted)[:10].any()
    assert "2000 values of the image are not numbers and are shown black." in accepted.notes


def test_big_tiff_is_read():
    assert contrast(shown(tiff(nuclei(), bigtiff=True))) > 200


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("predictor", [False, True])
def test_compressed_numbers_are_those_that_were_written(compression: str, predictor: bool):
    if compression == "packbits" and predictor:
        return
    plain = shown(tiff(nuclei()))
    assert (shown(tiff(nuclei(), compression=compression, predictor=predictor, tile=(32, 48))) == plain).all()


def test_twelve_packed_bits_are_read():
    values = nuclei(300, 3900)
    data = tiff(values, bitspersample=12, compression="none") if hasattr(imagecodecs, "packints_encode") else None
    assert data is None or contrast(shown(data)) > 200


# samples that are no plain grey or RGB


def test_grey_with_alpha_is_black_where_it_is_transparent():
    for dtype, white in (("uint8", 255), ("uint16", 65535)):
        values = np.zeros((40, 60, 2), dtype)
        values[..., 0] = np.linspace(0.2, 1, 60) * white
        values[:, 30:, 1] = white
        picture = shown(tiff(values, photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig"))
        assert not picture[:, :30].any() and picture[5, 55, 0] > picture[5, 35, 0] > 0


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_two_channels_show_the_first_and_say_so(dtype: str, planar: str):
    white = np.iinfo(dtype).max
    first = np.tile(np.linspace(0, white, 60).astype(dtype), (40, 1))
    both = np.stack([first, first[:, ::-1]], axis=-1 if planar == "contig" else 0)
    accepted = accept(tiff(both, photometric="minisblack", planarconfig=planar), "x")
    row = pixels(accepted)[20, :, 0]
    assert row[0] < 5 and row[-1] > 250 and (np.diff(row) >= 0).all()
    assert "The file has 2 channels; the model is shown the first." in accepted.notes


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("alpha", [False, True])
def test_colours_keep_their_hue(dtype: str, planar: str, alpha: bool):
    white = np.iinfo(dtype).max
    colour = np.zeros((60, 60, 4 if alpha else 3), dtype)
    colour[:30, :30, 0] = colour[:30, 30:, 1] = colour[30:, :30, 2] = white
    if alpha:
        colour[:, :50, 3] = white
    ordered = colour if planar == "contig" else np.moveaxis(colour, -1, 0)
    picture = shown(tiff(ordered, photometric="rgb", planarconfig=planar, **({"extrasamples": ["unassalpha"]} if alpha else {})))
    assert [picture[y, x].tolist() for y, x in ((5, 5), (5, 40), (40, 5), (40, 40))] == [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [0, 0, 0],
    ]
    assert picture[5, 55].any() != alpha


def test_print_colours_are_converted():
    for dtype, white in (("uint8", 255), ("uint16", 65535)):
        inks = np.zeros((20, 20, 4), dtype)
        inks[..., 0] = white  # cyan
        accepted = accept(tiff(inks, photometric="separated"), "x")
        assert pixels(accepted)[5, 5].tolist() == [0, 255, 255]
        assert accepted.notes[0] == "The image's print colours (CMYK) were converted to RGB."


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_sixteen_bit_png_keeps_what_is_dim(channels: int):
    values = np.repeat(nuclei()[..., None], channels, axis=2)
    if channels in (2, 4):
        values[..., -1] = 65535
    assert contrast(shown(imagecodecs.png_encode(values.squeeze()))) > 200


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_sixteen_bits(orientation: int):
    back = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.T}
    back |= {6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1)}
    values = np.zeros((40, 60), np.uint16)
    values[:16, :16], values[:16, 44:], values[24:, :16] = 3000, 2000, 1000
    stored = np.ascontiguousarray(back[orientation](values))
    picture = shown(tiff(stored, extratags=[(274, "H", 1, orientation, True)]))[..., 0]
    assert picture.shape == (40, 60) and [picture[5, 5], picture[5, 55], picture[35, 5]] == [255, 170, 85]


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_a_label_image_says_that_it_is_one(suffix: str):
    for dtype in ("uint8", "uint16") if suffix == "png" else ("uint8", "uint16", "int32"):
        labels = np.zeros((80, 80), dtype)
        labels[10:40, 10:40], labels[50:70, 30:60] = 1, 2
        data = tiff(labels) if suffix == "tif" else imagecodecs.png_encode(labels)
        assert [note for note in accept(data, "x").notes if "label image" in note], dtype
        assert not [note for note in accept(data, "x").notes if note in (BLACK, ONE_COLOUR)]
    assert not [note for note in accept(tiff(nuclei(0, 1000)), "x").notes if "label image" in note]


# pictures that show nothing


def test_what_is_almost_black_or_one_colour_is_said():
    dark = np.random.default_rng(0).integers(0, 6, (100, 100, 3), np.uint8)
    dark[5, 5] = 255
    for values, said in (
        (dark, (BLACK,)),
        (dark + np.uint8(120), (ONE_COLOUR,)),
        (np.full((50, 50), 240, np.uint8), (ONE_COLOUR,)),
    ):
        assert accept(encoded(Image.fromarray(values)), "x").notes == said
    assert ONE_COLOUR in accept(tiff(np.full((50, 50), 40000, np.uint16)), "x").notes
    assert accept(encoded(corners()), "x").notes == ()
    sparse = np.zeros((100, 100), np.uint8)
    sparse[10:20, 10:20] = 90  # 1 % of the picture
    assert accept(encoded(Image.fromarray(sparse)), "x").notes == ()


# colour profiles


@pytest.mark.parametrize("space", [ADOBE_RGB, PRO_PHOTO], ids=["Adobe RGB", "ProPhoto"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_colour_profile_is_applied(space, format: str):
    exact = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    for levels in ((200, 120, 140), (90, 130, 110), (128, 128, 128), (0, 0, 0), (255, 255, 255)):
        data = encoded(Image.new("RGB", (16, 16), levels), format, icc_profile=rgb_profile(space), **exact)
        accepted = accept(data, "x")
        assert np.abs(pixels(accepted)[5, 5] - in_srgb(levels, space)).max() < 6, levels
        assert "The image's colours were converted from its profile (test) to sRGB." in accepted.notes


def test_a_grey_profile_is_applied():
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (20, 1)))
    row = shown(encoded(ramp, icc_profile=grey_profile(1.0)))[5]
    assert np.abs(row[:, 0] - srgb_levels(np.arange(256) / 255)).max() < 3 and (row[:, 0] == row[:, 2]).all()


def test_a_profile_of_sixteen_bits_is_applied_after_the_window():
    values = np.full((100, 100, 3), (50000, 30000, 20000), np.uint16)
    values[:20], values[80:] = 0, 65535
    picture = shown(tiff(values, photometric="rgb", iccprofile=rgb_profile(ADOBE_RGB)))
    assert np.abs(picture[50, 50] - in_srgb((195, 117, 78), ADOBE_RGB)).max() < 5


def test_transparency_and_a_profile_go_together():
    image = Image.new("RGBA", (20, 20), (200, 120, 140, 255))
    image.paste((9, 9, 9, 0), (0, 0, 10, 20))
    picture = shown(encoded(image, icc_profile=rgb_profile(ADOBE_RGB)))
    assert not picture[:, :10].any() and np.abs(picture[5, 15] - in_srgb((200, 120, 140), ADOBE_RGB)).max() < 4


def test_a_profile_that_is_srgb_changes_no_pixel():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.effect_noise((60, 40), 90).convert("RGB")
    plain, marked = accept(encoded(image), "x"), accept(encoded(image, icc_profile=profile), "x")
    assert plain.sha256 == marked.sha256 and marked.notes == ()


def test_a_broken_profile_or_one_of_another_kind_is_left_out_and_said():
    image = Image.effect_noise((60, 40), 90)
    left_out = "The image's colour profile is damaged or does not fit; it was left out, so colours may be off."
    for profile in (b"no profile at all", rgb_profile(ADOBE_RGB)[:200], rgb_profile(ADOBE_RGB)):
        accepted = accept(encoded(image, icc_profile=profile), "x")
        assert accepted.sha256 == accept(encoded(image), "x").sha256 and accepted.notes == (left_out,)


# headers that promise more than there is


NOISE = Image.effect_noise((200, 200), 80).convert("RGB")


def taller_jpeg(data: bytes, height: int) -> bytes:
    at = next(at for kind in (b"\xff\xc0\0", b"\xff\xc2\0") if (at := data.find(kind)) > 0)
    return data[: at + 5] + struct.pack(">H", height) + data[at + 7 :]


def png_with(data: bytes, rows: float) -> bytes:
    """The same picture with only that share of its rows, in chunks that are whole."""
    start, end = data.index(b"IDAT") - 4, data.rindex(b"IEND") - 4
    raw, at = b"", start
    while at < end:
        size = struct.unpack(">I", data[at : at + 4])[0]
        raw, at = raw + data[at + 8 : at + 8 + size], at + 12 + size
    whole = zlib.decompress(raw)
    chunk = b"IDAT" + zlib.compress(whole[: int(len(whole) * rows)])
    return data[:start] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[end:]


def tiff_of_height(data: bytes, height: int) -> bytes:
    with tifffile.TiffFile(io.BytesIO(data)) as read:
        tag = read.pages[0].tags["ImageLength"]
        size = {3: "<H", 4: "<I"}[tag.dtype]
    return data[: tag.valueoffset] + struct.pack(size, height) + data[tag.valueoffset + struct.calcsize(size) :]


def half_pictures() -> dict[str, bytes]:
    grey, colour = nuclei(), np.asarray(NOISE)
    made = {f"jpeg {kind}": encoded(NOISE, "JPEG", progressive=kind == "progressive") for kind in ("baseline", "progressive")}
    made |= {"cmyk jpeg": encoded(NOISE.convert("CMYK"), "JPEG")}
    cut = {f"{name}, cut": data[: len(data) // 2] + b"\xff\xd9" for name, data in made.items()}
    tall = {f"{name}, fewer lines": taller_jpeg(data, 400) for name, data in made.items()}
    pngs = {"png": png_with(encoded(NOISE), 0.6), "png of 16 bits": png_with(imagecodecs.png_encode(grey), 0.6)}
    tiffs = {}
    for name, values in (("grey", grey), ("colour", colour)):
        plain, strips = tiff(values), tiff(values, compression="zlib", rowsperstrip=20)
        tiffs |= {f"tiff {name}": plain[: len(plain) // 2], f"tiff {name}, strips": strips[: len(strips) * 2 // 3]}
        tiffs |= {f"tiff {name}, tall": tiff_of_height(plain, 400), f"tiff {name}, tall strips": tiff_of_height(strips, 400)}
    return cut | tall | pngs | tiffs


@pytest.mark.parametrize("name", half_pictures())
def test_half_a_picture_is_refused(name: str):
    with pytest.raises(BadImage, match="cut off before its end; copy or export it again"):
        accept(half_pictures()[name], "x")


def test_whole_files_with_something_behind_them_are_accepted():
    for format in ("JPEG", "PNG", "TIFF"):
        whole = encoded(NOISE, format)
        assert accept(whole + b"trailing bytes", "x").sha256 == accept(whole, "x").sha256


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases beside the project")
@pytest.mark.parametrize("name", ["tiff-hot-pixel", "grey-inverted"])
def test_the_files_that_others_met_show_their_objects(name: str):
    for path in (CASES / name / "input").iterdir():
        picture = pixels(accept(path.read_bytes(), path.name))[..., 0]
        assert picture.max() - np.median(picture) > 100, path
