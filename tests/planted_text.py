"""Text drawn into images as instruments and people do: names, dates of birth and numbers, German and English, on dark borders and
over tissue, in several fonts, sizes and colours, turned, and through JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw, ImageFont

from pdc.settings import ASSETS

TEXTS = (
    "Name: Müller, Eva",
    "Patient: John Smith",
    "geb. 12.03.1961",
    "DOB 1974-11-02",
    "ID 4711832",
    "MRN: 00482913",
    "Fall-Nr. 2023/88121",
    "Schröder, Hans-Peter",
    "O'Connor Mary",
    "Acc. A20-118834",
    "Geb.: 07/1958",
    "12/05/2021 14:33",
    "Klinikum Süd",
    "St. Mary Hospital",
    "Dr. Weber",
    "Kovács Ágnes",
    "SSN 212-44-9031",
    "Pat.-ID 90817263",
    "Yilmaz, Ayse *1990",
    "Bett 12, Fr. Huber",
)
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "")  # "": Pillow's own
SIZES = (10, 12, 14, 16, 18, 20, 24, 28, 32, 40)
COLOURS = {"white": (255, 255, 255), "yellow": (255, 230, 40), "grey": (190, 190, 190)}
PLACES = "border", "tissue"
MARGIN = 4


@dataclass(frozen=True, slots=True)
class Planted:
    """An image with text in it: its bytes as a file, the text's box in pixels, and how it was drawn."""

    data: bytes
    image: Image.Image
    box: tuple[int, int, int, int]
    text: str
    how: str


def planted(image: Image.Image, at: int) -> Planted:
    """The image with the text of that number. The same number draws the same; 40 of them hold every size, colour and place."""
    chance = Random(at)
    size, place = SIZES[at % len(SIZES)], PLACES[at // len(SIZES) % 2]
    colour, turned, jpeg = chance.choice(list(COLOURS)), chance.random() < 0.2, chance.random() < 0.5
    font = _font(chance.choice(FONTS), size)
    longest = (image.height if turned else image.width) - 2 * MARGIN
    fitting = [t for t in TEXTS if font.getlength(t) <= longest]
    text = fitting[chance.randrange(len(fitting))] if fitting else "ID 47"
    strip = _strip(text, font, COLOURS[colour], turned)
    shown = (
        _bordered(image, strip.height + 2 * MARGIN, turned and strip.width + 2 * MARGIN) if place == "border" else image.copy()
    )
    x = MARGIN + chance.randrange(max(1, shown.width - strip.width - 2 * MARGIN)) if not turned or place == "tissue" else MARGIN
    y = MARGIN if place == "border" else chance.randrange(MARGIN, max(MARGIN + 1, shown.height - strip.height - MARGIN))
    shown.paste(strip, (x, y), strip)
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG" if jpeg else "PNG", **({"quality": 80} if jpeg else {}))
    left, top, right, bottom = strip.getchannel("A").getbbox() or (0, 0, 1, 1)
    how = f"{size} px, {colour}, {place}{', turned' if turned else ''}{', JPEG' if jpeg else ''}"
    read = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
    return Planted(buffer.getvalue(), read, (x + left, y + top, x + right, y + bottom), text, how)


def covered(box: tuple[float, ...], boxes: list[tuple[float, ...]], size: tuple[int, int]) -> float:
    """The share of a box that lies under the others."""
    mask = Image.new("1", size)
    draw = ImageDraw.Draw(mask)
    for other in boxes:
        draw.rectangle(other, fill=1)
    part = mask.crop(tuple(map(int, box)))
    return sum(part.convert("L").histogram()[255:]) / (part.width * part.height)


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(ASSETS / "fonts" / name, size) if name else ImageFont.load_default(size)  # type: ignore[return-value]


def _strip(text: str, font: ImageFont.FreeTypeFont, colour: tuple[int, int, int], turned: bool) -> Image.Image:
    """The text alone, with the dark edge by which instruments keep it legible."""
    _, top, width, height = map(int, font.getbbox(text))
    strip = Image.new("RGBA", (width + 6, height + 6))
    ImageDraw.Draw(strip).text((3, 3 - top // 2), text, colour, font, stroke_width=1, stroke_fill=(0, 0, 0))
    return strip.transpose(Image.Transpose.ROTATE_90) if turned else strip


def _bordered(image: Image.Image, top: int, left: int) -> Image.Image:
    """With a dark border: above it, or at its left side."""
    above = 0 if left else top
    shown = Image.new("RGB", (image.width + left, image.height + above), (8, 8, 8))
    shown.paste(image, (left, above))
    return shown
