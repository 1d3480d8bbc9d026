"""Identifiers planted in files and in their names: in no stored byte, in no export without names, in no log."""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import tifffile
from desk import Scripted
from PIL import Image as Pillow
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo
from places import Place

from pdc.domain.errors import BadImage
from pdc.domain.values import Findings, Image, Mark, Point, Question, Review, Task, Verdict
from pdc.formats.exporting import export
from pdc.formats.outgoing.counts import write_counts
from pdc.formats.outgoing.file_names import Names
from pdc.formats.registry import FORMATS
from pdc.images.intake import ImageFiles
from pdc.images.thumbnails import Thumbnails
from pdc.review.service import ReviewService
from pdc.store import Store

EXIF = {
    0x010E: "description",
    0x013B: "artist",
    0x8298: "copyright",
    0x010F: "make",
    0x0110: "model",
    0x0131: "software",
    0x013C: "host",
}
OF_EXIF_IFD = {0x9286: "comment", 0x927C: "maker note", 0xA430: "owner", 0xA431: "serial", 0xA435: "lens", 0x9003: "taken"}
GPS = {0x1D: "date", 0x1B: "method", 0x1C: "area", 0x12: "datum", 0x08: "satellites"}
CELLS = Question(Task.POINTING, ("cell",))
DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
TIFF_TAGS = (270, 271, 272, 285, 305, 306, 315, 316, 33432, 65000, 65001, 65010)
"""the last three are private ones"""


class Planter:
    """Makes files with an identifier of its own in every place that can hold one."""

    def __init__(self) -> None:
        self.planted: list[str] = []
        self.shades = iter(range(20, 250))

    def word(self) -> str:
        self.planted.append(f"Geheim{len(self.planted):03d}Mueller")
        return self.planted[-1]

    def image(self) -> Pillow.Image:
        return Pillow.new("RGB", (48, 32), (next(self.shades), 90, 60))

    def jpegs(self) -> list[bytes]:
        exif = Pillow.Exif()
        exif.update({tag: self.word() for tag in EXIF})
        exif.get_ifd(0x8769).update(
            {tag: self.word().encode() if tag in (0x9286, 0x927C) else self.word() for tag in OF_EXIF_IFD}
        )
        exif.get_ifd(0x8825).update({tag: self.word() for tag in GPS})
        small = self.saved(self.image(), "JPEG", comment=self.word().encode())  # an embedded thumbnail with a comment of its own
        plain = self.saved(self.image(), "JPEG", exif=exif, comment=self.word().encode(), icc_profile=self.profile())
        parts = b"".join(segment(marker, name + self.word().encode()) for marker, name in self.segments())
        return [plain[:2] + parts + segment(0xEC, b"Ducky" + small) + plain[2:] + self.word().encode()]

    def segments(self) -> list[tuple[int, bytes]]:
        return [(0xE1, b"http://ns.adobe.com/xap/1.0/\0"), (0xED, b"Photoshop 3.0\0"), (0xEB, b"JP"), (0xE5, b"Any"), (0xFE, b"")]

    def pngs(self) -> list[bytes]:
        info = PngInfo()
        for key in ("Title", "Author", "Description", "Comment"):
            info.add_text(key, self.word())
        info.add_text("Source", self.word(), zip=True)
        for key in ("Patient", "XML:com.adobe.xmp"):
            info.add_itxt(key, self.word())
        info.add(b"prVt", self.word().encode())
        exif = Pillow.Exif()
        exif.update({0x010E: self.word(), 0x013B: self.word()})
        return [self.saved(self.image(), "PNG", pnginfo=info, exif=exif, icc_profile=self.profile()) + self.word().encode()]

    def others(self) -> list[bytes]:
        tags = [(tag, "s", 0, self.word(), True) for tag in TIFF_TAGS]
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, np.asarray(self.image()), extratags=tags, metadata=None, software=False)
        deep = io.BytesIO()
        values = np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) + next(self.shades)
        tifffile.imwrite(deep, values, extratags=[(tag, "s", 0, self.word(), True) for tag in (270, 315, 65000)], metadata=None)
        webp = self.saved(self.image(), "WEBP", xmp=self.word().encode(), exif=b"Exif\0\0" + self.word().encode())
        gif = self.saved(self.image(), "GIF", comment=self.word().encode()) + self.word().encode()
        bmp = self.saved(self.image(), "BMP") + self.word().encode()
        return [buffer.getvalue(), deep.getvalue(), webp, gif, bmp]

    def profile(self) -> bytes:
        """sRGB with a description of its own, as long as the one in its place."""
        made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        word = self.word()
        known = "sRGB built-in".encode("utf-16-be")
        self.planted[-1] = word[: len(known) // 2]
        return made.replace(known, self.planted[-1].encode("utf-16-be"))

    @staticmethod
    def saved(image: Pillow.Image, format: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def everything(*folders: Path) -> bytes:
    """Every byte under the folders and the names of their files, also of what is deflated in them."""
    parts = []
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        parts += [path.name.encode(), data, *filter(None, (inflated(data[m.start() :]) for m in DEFLATED.finditer(data)))]
    return b"\n".join(parts)


def inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 100_000)
    except zlib.error:
        return b""


def found(words: list[str], data: bytes) -> list[str]:
    return [w for w in words if any(w.encode(code) in data for code in ("utf-8", "utf-16-le", "utf-16-be"))]


def reviewed(store: Store, image: Image) -> None:
    findings = Findings((Mark("m", Point(5, 5), "cell"),))
    now = datetime.now(UTC)
    store.save_review(
        Review(image.sha256, image.sha256, CELLS, None, Verdict.CORRECTED, findings, "ada", 1, now),
        key=image.sha256,
        base_revision=0,
    )


def test_sixty_planted_identifiers_are_in_no_stored_file_no_export_and_no_log(tmp_path: Path, caplog):
    home, sent, out, planter = tmp_path / "home", tmp_path / "sent", tmp_path / "out", Planter()
    home.mkdir()
    sent.mkdir()
    files = [*planter.jpegs(), *planter.pngs(), *planter.others()]
    caplog.set_level(logging.DEBUG)  # Pillow tells what it writes
    store = Store.open(f"sqlite:///{home / 'pdc.sqlite3'}")
    service = ReviewService(store, ImageFiles(home / "images"), Scripted(), numbered=True)
    thumbnails = Thumbnails(service.files)
    for data in files:
        name = planter.word()
        (sent / f"{name}.bin").write_bytes(data)
        image, _ = service.add_image(data, f"{name}.png", owner="ada")
        thumbnails.path(image.sha256)
        reviewed(store, image)
    (sent / "broken").write_bytes(broken := b"\x89PNG" + planter.word().encode())
    with pytest.raises(BadImage):
        service.add_image(broken, f"{planter.planted[-1]}.png")
    assert len(planter.planted) >= 60 and found(planter.planted, everything(sent)) == planter.planted  # each was really there
    for format in FORMATS:
        export(store, service.files, out / format, format)
    write_counts(store, out)
    store.close()
    assert found(planter.planted, everything(home, out)) == []
    assert found(planter.planted, caplog.text.encode()) == []


def test_an_export_without_names_holds_neither_the_name_of_a_file_nor_of_a_group(tmp_path: Path):
    place = Place(tmp_path)
    names = ["GeheimMueller", "PatientSchroeder"]
    reviewed(place.store, place.image(f"{names[0]}.png", names[1]))
    for format in FORMATS:
        export(place.store, place.files, tmp_path / "kept" / format, format)
        export(place.store, place.files, tmp_path / "hashed" / format, format, names=Names.HASHED)
    for how in Names:
        write_counts(place.store, tmp_path / str(how), how)
    assert found(names, everything(tmp_path / "kept")) == names
    assert found(names, everything(tmp_path / "hashed")) == []
    told = export(place.store, place.files, tmp_path / "again", "voc", names=Names.HASHED).told(tmp_path)
    assert not found(names, told.encode())
    place.store.close()
