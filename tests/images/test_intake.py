"""Accepting files from anybody: every kind of image comes out as upright RGB, everything else as a sentence."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pictures import corners, encoded, is_upright
from PIL import Image, PngImagePlugin

from pdc.domain.errors import BadImage
from pdc.images import intake
from pdc.images.intake import accept

ROOT = Path(__file__).resolve().parents[2]


def shown(data: bytes, **options) -> Image.Image:
    accepted = accept(data, "x", **options)
    image = Image.open(io.BytesIO(accepted.png))
    assert (image.mode, image.format, image.size) == ("RGB", "PNG", (accepted.width, accepted.height))
    return image


# every format, the same picture


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"])
def test_each_format_gives_the_picture(format: str):
    assert is_upright(shown(encoded(corners(), format)))


def test_the_answer_is_the_hash_of_the_same_bytes_every_time():
    first, second = (accept(encoded(corners(), "BMP"), "x") for _ in range(2))
    assert first == second and first.sha256 == hashlib.sha256(first.png).hexdigest()
    assert accept(first.png, "x").sha256 == first.sha256  # an exported image comes back as itself


def test_nothing_but_pixels_is_kept():
    note = PngImagePlugin.PngInfo()
    note.add_text("Patient", "Jane Doe")
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe"
    data = encoded(corners(), pnginfo=note, exif=exif, icc_profile=b"profile of Jane Doe", dpi=(72, 72))
    assert b"Jane Doe" in data
    png = accept(data, "x").png
    image = Image.open(io.BytesIO(png))
    image.load()
    assert b"Jane" not in png and not image.info and not image.getexif()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(format: str, orientation: int):
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions, inverse of what a viewer does
    stored = corners() if orientation == 1 else corners().transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    accepted = accept(encoded(stored, format, exif=exif), "x")
    assert (accepted.width, accepted.height) == (60, 40)
    assert is_upright(Image.open(io.BytesIO(accepted.png)))
    assert any("upright" in note for note in accepted.notes) == (orientation > 1)


# unusual pixels


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("white", [65535, 4095, 1023, 255])
def test_sixteen_bit_keeps_its_contrast(format: str, white: int):
    grey = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            grey.putpixel((x, y), round(x / 255 * white))
    accepted = accept(encoded(grey, format), "x")
    row = [Image.open(io.BytesIO(accepted.png)).getpixel((x, 1)) for x in range(256)]
    assert row == [(x, x, x) for x in range(256)]
    assert accepted.notes == (f"Brightness 0 to {white} of 65535 is shown as 0 to 255.",)


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("I", (0, 65535), (0, 255)),
        ("I", (-100, 100), (0, 255)),
        ("I", (7, 7), (0, 0)),
        ("F", (0.0, 1.0), (0, 255)),
        ("F", (-3.5, 12.0), (0, 255)),
        ("F", (0.5, 0.5), (0, 0)),
    ],
)
def test_thirty_two_bit_is_scaled(mode: str, values: tuple, expected: tuple):
    image = Image.new(mode, (2, 1))
    for x, value in enumerate(values):
        image.putpixel((x, 0), value)
    result = shown(encoded(image, "TIFF"))
    assert tuple(result.getpixel((x, 0))[0] for x in range(2)) == expected


def test_values_that_are_not_numbers_are_refused():
    with pytest.raises(BadImage, match="not numbers"):
        accept(encoded(Image.new("F", (4, 4), float("inf")), "TIFF"), "x")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_parts_are_black(mode: str):
    image = Image.new(mode, (20, 10), (200, 0) if mode == "LA" else (200, 200, 200, 0))
    image.paste((100, 255) if mode == "LA" else (100, 100, 100, 255), (0, 0, 10, 10))
    accepted = accept(encoded(image), "x")
    result = Image.open(io.BytesIO(accepted.png))
    assert [result.getpixel((x, 5)) for x in (5, 15)] == [(100, 100, 100), (0, 0, 0)]
    assert accepted.notes == ("Transparent parts of the image are shown black.",)
    assert accept(encoded(image.convert("RGB").convert("RGBA")), "x").notes == ()  # opaque: nothing to say


def test_a_palette_with_a_transparent_colour():
    image = Image.new("P", (20, 10), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 10, 10))
    result = shown(encoded(image, transparency=1))
    assert [result.getpixel((x, 5)) for x in (5, 15)] == [(255, 0, 0), (0, 0, 0)]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str):
    image = Image.new("RGB", (32, 32), "white").convert(mode)
    format = "TIFF" if mode == "CMYK" else "JPEG" if mode == "YCbCr" else "PNG"
    result = shown(encoded(image, format))
    assert min(result.getpixel((16, 16))) > 250


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_pages_the_first_is_used_and_a_note_says_so(format: str):
    other = Image.new("RGB", (60, 40), "white")
    accepted = accept(encoded(corners(), format, save_all=True, append_images=[other, corners()]), "x")
    assert is_upright(Image.open(io.BytesIO(accepted.png)))
    assert accepted.notes == ("The file has several pages or frames; only the first is used.",)


# refusals


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "not an image"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing and has no pixels"),
        (b"%PDF-1.7", "is a PDF, and no image: save the page"),
        (bytes(128) + b"DICM\x02\x00", "is a DICOM file. PDC does not read those: export the frame"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC or AVIF photograph, which PDC does not read"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "is a video. PDC reads single images"),
        (b"RIFF\x24\0\0\0AVI LIST", "is a video"),
        (b"\x1aE\xdf\xa3\x01\0", "is a video"),
        (b"PK\x03\x04\x14\0", "is an archive: unpack it"),
        (encoded(Image.new("RGB", (40, 40)), "PCX"), "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image|damaged|cut off"),
        (encoded(Image.new("L", (4000, 20))), "too narrow"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(data: bytes, words: str):
    with pytest.raises(BadImage, match=words):
        accept(data, "x")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(format: str, share: float):
    data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), format)
    with pytest.raises(BadImage, match=r"(cut off|damaged|not an image).*[.]"):
        accept(data[: int(len(data) * share)], "x")


def test_flipped_bytes_never_break_the_server():
    data = bytearray(encoded(corners(), "PNG"))
    for at in range(8, len(data), 7):
        broken = data[:]
        broken[at] ^= 0xFF
        try:
            assert accept(bytes(broken), "x").png
        except BadImage as error:
            assert str(error).endswith(".")


def test_too_many_pixels_are_refused_from_the_header_alone():
    bomb = encoded(Image.new("1", (20000, 10000)))  # 200 megapixels in a few kilobytes
    for data in (bomb, bomb[:60]):
        with pytest.raises(BadImage, match=r"20000 x 10000 pixels, 200\.0 megapixels; the limit is 50\."):
            accept(data, "x")
    assert accept(encoded(corners()), "x", max_megapixels=0.0024).width == 60
    with pytest.raises(BadImage, match=r"the limit is 0\.0023"):
        accept(encoded(corners()), "x", max_megapixels=0.0023)


# the decoder processes


def test_a_decoder_that_takes_too_long_is_stopped_and_replaced():
    slow = encoded(Image.effect_noise((3000, 3000), 80), "BMP")
    with pytest.raises(BadImage, match=r"longer than 0\.05 s"):
        accept(slow, "x", seconds=0.05)
    assert is_upright(shown(encoded(corners())))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_decoder_that_was_killed_is_replaced():
    accept(encoded(corners()), "x")
    with intake._worker() as worker:
        os.kill(worker._process.pid, signal.SIGKILL)
    assert is_upright(shown(encoded(corners())))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no memory limit on Windows")
def test_a_decoder_cannot_take_all_memory():
    hungry = encoded(Image.new("L", (12000, 12000)))  # 144 MB once decoded, 432 MB as RGB
    code = """
import sys
from pdc.images import decode_worker as pixels
pixels.BASE_MEMORY, pixels.BYTES_PER_PIXEL = 256 * 2**20, 0
pixels._limit_memory(1)
print(pixels.answer(sys.stdin.buffer.read(), 1000)[0])
"""
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=hungry, capture_output=True, timeout=60)
    assert b"needs too much memory; make it smaller." in child.stdout, child


@pytest.mark.skipif(os.name == "nt", reason="no memory limit on Windows")
def test_a_system_that_refuses_memory_limits_decodes_all_the_same():
    code = """
import resource, sys
def refuses(*_): raise ValueError("current limit exceeds maximum limit")  # what macOS says
resource.setrlimit = refuses
from pdc.images import decode_worker as pixels
pixels._limit_memory(50)
print(pixels.answer(sys.stdin.buffer.read(), 50)[0])
"""
    child = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=encoded(corners()), capture_output=True, timeout=60)
    assert child.returncode == 0 and b"'error'" not in child.stdout and b"'width'" in child.stdout, child


def test_many_threads_share_the_decoders():
    files = [encoded(corners(60 + i, 40)) for i in range(24)]
    with ThreadPoolExecutor(12) as pool:
        widths = list(pool.map(lambda data: accept(data, "x").width, files))
    assert widths == [60 + i for i in range(24)]
