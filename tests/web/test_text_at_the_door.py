"""An upload with text in it: nothing is stored before its reader has said what becomes of it, and what they say is noted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from house import Browser, House, living
from pictures import encoded
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import select
from sqlalchemy.orm import Session

from pdc.formats.exporting import export
from pdc.formats.importing import import_file
from pdc.images.burned_in.door import Action, TextRule
from pdc.images.intake import ImageFiles
from pdc.settings import ASSETS
from pdc.store import Store
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.tables import AuditEventRow

pytestmark = pytest.mark.slow
NAME = "Müller, Eva 12.03.1961"
TEXT_ACTS = AuditKind.PAINTED_OVER, AuditKind.TEXT_KEPT, AuditKind.TEXT_LEFT_OUT


def with_a_name(shade: int) -> bytes:
    image = Image.new("RGB", (400, 200), (shade, 60, 90))
    ImageDraw.Draw(image).text((10, 10), NAME, "white", ImageFont.truetype(ASSETS / "fonts" / "DejaVuSans.ttf", 22))
    return encoded(image)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("house")) as house:
        yield house


def sent(reader: Browser, data: bytes, text: str = ""):
    return reader.send("POST", f"/api/images?name=a.png{f'&text={text}' if text else ''}", content=data)


def acts(store: Store) -> list[tuple[str, str, str]]:
    """(kind, who, what) of what was done about text, oldest first."""
    kinds = AuditEventRow.kind.in_([str(kind) for kind in TEXT_ACTS])
    with Session(store._engine) as session:
        rows = session.scalars(select(AuditEventRow).where(kinds).order_by(AuditEventRow.id))
        return [(row.kind, row.who, row.what) for row in rows]


def test_an_upload_with_a_name_waits_and_is_stored_as_its_reader_says(house: House):
    anna = house.reader("anna")
    asked = sent(anna, with_a_name(120))
    assert asked.status_code == 409 and asked.headers["cache-control"] == "no-store" and house.store.images() == []
    text = asked.json()["text"]
    assert (
        (text["width"], text["height"]) == (400, 200) and text["picture"].startswith("data:image/jpeg;base64,") and text["boxes"]
    )
    said = sent(anna, with_a_name(120), "paint").json()
    stored = anna.send("GET", f"/images/{said['sha256']}.png")
    pixels = np.asarray(Image.open(io.BytesIO(stored.content)).convert("RGB"))
    assert "painted over" in " ".join(said["notes"]) and pixels.max() < 200  # no white letter is left
    small = np.asarray(Image.open(io.BytesIO(anna.send("GET", f"/thumbnails/{said['sha256']}.jpg").content)).convert("RGB"))
    assert small.max() < 200
    kept = sent(anna, with_a_name(121), "keep").json()
    assert kept["notes"] == [] and len(house.store.images()) == 2
    anna.send("POST", "/api/images/left-out?boxes=2")
    found = f'{{"boxes": {len(text["boxes"])}}}'  # and not a letter of the text
    assert acts(house.store) == [
        ("painted_over", "anna", found),
        ("text_kept", "anna", found),
        ("text_left_out", "anna", '{"boxes": 2}'),
    ]


def test_an_import_puts_such_images_aside_and_says_so_until_it_is_told_what_to_do(tmp_path: Path):
    store, files = Store.open("sqlite://"), ImageFiles(tmp_path / "images")
    for name, data in (("named.png", with_a_name(130)), ("plain.png", encoded(Image.new("RGB", (400, 200), "teal")))):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "marks.csv").write_text("file,label,x,y\nnamed.png,cell,50,150\nplain.png,cell,50,150\n")
    asked = import_file(store, files, tmp_path / "marks.csv", "import", text_rule=TextRule(Action.ASK))
    (left,) = asked.left_out
    assert left.file == "named.png" and "--burned-in paint" in left.reason and [i.name for i in store.images()] == ["plain.png"]
    import_file(store, files, tmp_path / "marks.csv", "import", text_rule=TextRule(Action.ASK).chosen(Action.PAINT))
    told = export(store, files, tmp_path / "out", "coco")
    assert told.images == 2 and acts(store)[0][:2] == ("painted_over", "import")
    assert np.asarray(Image.open(tmp_path / "out" / "images" / "named.png").convert("RGB")).max() < 200
    store.close()
