"""Export, counts, import and retired images over HTTP: each reader takes along what they see, and nobody else's."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from desk import drawn
from house import Browser, House, living
from places import Place

from pdc.formats.importing import import_file
from pdc.formats.registry import FORMATS
from pdc.web import data_routes


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("house")) as house:
        anna = house.reader("anna")
        for name, colour, label in (("a.png", "red", "platelet"), ("=2-3.png", "blue", "platelet")):
            anna.save(anna.open(anna.upload(name, colour), label), drawn(label=label))
        yield house


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPACE_ID", "somebody/pdc")
        with living(tmp_path_factory.mktemp("space")) as house:
            yield house


def visitor(space: House) -> Browser:
    browser = Browser(space)
    browser.send("GET", "/", headers={"accept": "text/html"})
    return browser


def unzipped(browser: Browser, format: str, query: str = "") -> ZipFile:
    answer = browser.send("GET", f"/api/data/export/{format}.zip{query}")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip", answer.text
    return ZipFile(io.BytesIO(answer.content))


def counted(browser: Browser, query: str = "") -> list[dict[str, str]]:
    answer = browser.send("GET", f"/api/data/counts.csv{query}")
    assert answer.content.startswith(b"\xef\xbb\xbf") and "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def finished(browser: Browser) -> dict:
    deadline = time.monotonic() + 60
    while (job := browser.send("GET", "/api/data/import").json())["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


# export


@pytest.mark.parametrize("format", FORMATS)
def test_a_reader_downloads_every_format_and_it_reads_back(house: House, tmp_path: Path, format: str):
    said = house.reader("bert").send("GET", f"/api/data/report/{format}").json()
    assert (said["images"], said["reviews"], said["marks"], said["left_out"]) == (2, 2, 2, [])
    unzipped(house.reader("bert"), format).extractall(tmp_path / "out")
    there = Place(tmp_path / "there")
    assert len(import_file(there.store, there.files, tmp_path / "out", "x").reviews) == 2
    assert sorted(i.name for i in there.store.images()) == ["=2-3.png", "a.png"]
    there.store.close()


def test_an_export_goes_by_the_filters_of_the_list(house: House):
    anna = house.reader("anna")
    with unzipped(anna, "yolo", "?name=a.png") as archive:
        assert [n for n in archive.namelist() if n.startswith("images/")] == ["images/a.png"]
    assert [row["image"] for row in counted(anna, "?name=a.png&stage=done")] == ["a.png"]
    refused = anna.send("GET", "/api/data/export/coco.zip?name=nothing", headers={"accept-language": "de"})
    assert refused.status_code == 400 and refused.json()["error"].startswith("Es gibt keine angenommenen oder korrigierten")


def test_an_unknown_format_is_a_sentence(house: House):
    refused = house.reader("anna").send("GET", "/api/data/export/xml.zip")
    assert refused.status_code == 400 and "There is no export format 'xml'" in refused.json()["error"]


# counts


def test_counts_open_in_a_spreadsheet_and_run_nothing(house: House):
    rows = counted(house.reader("anna"))
    assert [(r["image"], r["platelet"], r["none"], r["unsure"], r["reviewed_by"], r["revision"]) for r in rows] == [
        ("a.png", "1", "", "no", "anna", "1"),
        ("'=2-3.png", "1", "", "no", "anna", "1"),
    ]
    shown = house.reader("anna").send("GET", "/api/data/counts").json()
    assert not shown["more"] and shown["labels"] == ["platelet"] and shown["rows"][0]["counts"] == [1]


def test_the_page_shows_the_newest_rows_and_says_that_there_are_more(house: House, monkeypatch: pytest.MonkeyPatch):
    def shown(query: str = "") -> tuple[list[str], bool]:
        told = anna.send("GET", f"/api/data/counts{query}").json()
        return [row["image"] for row in told["rows"]], told["more"]

    anna = house.reader("anna")
    assert shown() == (["=2-3.png", "a.png"], False) and shown("?name=a.p") == (["a.png"], False)
    monkeypatch.setattr(data_routes, "MOST_ROWS", 1)
    assert shown() == (["=2-3.png"], True)
    monkeypatch.setattr(data_routes, "MOST_LOOKED", 1)
    assert shown("?name=nothing") == ([], True)


def test_the_page_says_how_many_images_of_the_list_are_held_back(space: House):
    cleo = visitor(space)
    sha, other = (cleo.upload(name, colour) for name, colour in (("held.png", "navy"), ("free.png", "teal")))
    for one in (sha, other):
        cleo.save(cleo.open(one, "platelet"), drawn())
    cleo.send("POST", "/api/worklist/hold-back", json={"images": [sha]})
    for query, held in (("", 1), ("?name=held", 1), ("?name=free", 0)):
        told = cleo.send("GET", f"/api/data/counts{query}").json()
        assert (told["held"], told["capped"]) == (held, False), query


# who may


def test_nobody_without_a_name_gets_any_of_it(house: House):
    paths = [p for p in data_paths(house) if "GET" in p[0]]
    assert len(paths) >= 6
    for methods, path in data_paths(house):
        for method in methods:
            answer = Browser(house).send(method, path.format(format="coco"), **({"json": {}} if method == "POST" else {}))
            assert answer.status_code == 401, path


def data_paths(house: House) -> list[tuple[set[str], str]]:
    """(methods, path) of every route of this kind."""
    found = [(r.methods - {"HEAD"}, r.path) for r in house.web.app.routes if getattr(r, "path", "").startswith("/api/data/")]
    retiring = [({"POST"}, f"/api/worklist/{name}") for name in ("retire", "restore")]
    return [*found, *retiring]


def test_a_visitor_takes_along_only_their_own(space: House):
    anna, bert = visitor(space), visitor(space)
    sha = anna.upload("Jane Roe.png")
    anna.save(anna.open(sha, "Roe lesion"), drawn(label="Roe lesion"))
    bert.upload("mine.png")  # the same picture
    assert [row["image"] for row in counted(anna)] == ["Jane Roe.png"] and counted(bert) == []
    assert bert.send("GET", "/api/data/export/csv.zip").status_code == 400
    assert bert.send("GET", "/api/data/counts").json() == {"labels": [], "rows": [], "more": False, "held": 0, "capped": False}
    bert.save(bert.open(sha, "platelet"), drawn())
    with unzipped(bert, "coco") as archive:
        told = archive.read("coco.json").decode()
        assert "Jane" not in told and "Roe" not in told and "images/mine.png" in archive.namelist()
    assert "Roe" not in json.dumps(counted(bert))


def test_a_visitor_retires_only_their_own(space: House):
    anna, bert, carl = visitor(space), visitor(space), visitor(space)
    sha = anna.upload("both.png", "pink")
    bert.upload("both.png", "pink")
    assert carl.send("POST", "/api/worklist/retire", json={"images": [sha]}).status_code == 404
    assert anna.send("POST", "/api/worklist/retire", json={"images": [sha], "why": "twice"}).status_code == 200
    names = [[row[1] for row in b.send("GET", "/api/worklist").json()["rows"]] for b in (anna, bert)]
    assert names == [[], ["both.png"]]
    (row,) = anna.send("GET", "/api/worklist?stage=retired").json()["rows"]
    assert row[1:4] == ["both.png", "retired", "twice"] and anna.send("GET", f"/thumbnails/{sha}.jpg").status_code == 200
    assert anna.upload("both.png", "pink") == sha
    assert [row[1] for row in anna.send("GET", "/api/worklist").json()["rows"]] == ["both.png"]


def test_a_visitor_imports_nothing(space: House):
    refused = visitor(space).send("POST", "/api/data/import?name=a.zip", content=b"PK")
    assert refused.status_code == 403 and "Visitors of a public Space cannot import" in refused.json()["error"]


# retiring


def test_readers_who_share_images_share_what_is_retired(house: House):
    anna, bert = house.reader("anna"), house.reader("bert")
    sha = anna.upload("wrong.png", "green")
    assert bert.send("POST", "/api/worklist/retire", json={"images": [sha]}).json() == {"retired": 1}
    assert "wrong.png" not in anna.send("GET", "/api/worklist").text
    assert [row[4] for row in anna.send("GET", "/api/worklist?stage=retired").json()["rows"]] == ["bert"]
    assert anna.send("POST", "/api/worklist/restore", json={"images": [sha]}).status_code == 200
    assert "wrong.png" in bert.send("GET", "/api/worklist").text
    bert.send("POST", "/api/worklist/retire", json={"images": [sha]})


# import


def test_an_import_is_looked_through_before_anything_is_stored(house: House):
    anna = house.reader("anna")
    data = zip_of(
        {"a.csv": "file,label,task,x1,y1,x2,y2\nnew.png,platelet,bounding,1,1,9,9\nnot there.png,platelet,bounding,1,1,9,9\n"}
    )
    before = len(house.store.reviews())
    assert anna.send("POST", "/api/data/import?name=../set.zip", content=data).json() == {"name": "set.zip"}
    looked = finished(anna)["imported"]
    assert looked["dry_run"] and (looked["reviews"], looked["images"]) == (1, 1) and looked["table"] == [["platelet", 1, 1, 0, 0]]
    assert [(e["what"], e["which"]) for e in looked["left_out"]] == [("image", ["not there.png"])]
    assert len(house.store.reviews()) == before and len(house.store.images()) == 2
    assert house.reader("bert").send("GET", "/api/data/import").status_code == 404  # it is not his

    anna.send("POST", "/api/data/import/start", json={"store": True})
    done = finished(anna)["imported"]
    assert not done["dry_run"] and done["reviews"] == 1
    assert [r.author for r in house.store.reviews()][before:] == ["import by anna"]
    assert "new.png" in anna.send("GET", "/api/worklist").text


@pytest.mark.parametrize(
    ("name", "data", "words"), [("a.zip", b"PK no zip", "damaged zip"), ("a.txt", b"hello", "a.txt"), ("e.csv", b"", "is empty")]
)
def test_a_file_that_cannot_be_read_says_so_without_the_servers_folders(house: House, name: str, data: bytes, words: str):
    anna = house.reader("anna")
    sent = anna.send("POST", f"/api/data/import?name={name}", content=data)
    error = sent.json()["error"] if sent.status_code != 200 else finished(anna)["error"]
    assert words in error and "incoming" not in error and "/" not in error.split("PDC reads")[0]


def test_a_file_over_the_limit_is_refused(house: House):
    def endless():
        for _ in range(80):
            yield b"x" * 1_000_000

    refused = house.reader("anna").send("POST", "/api/data/import?name=a.zip", content=endless())
    assert refused.status_code == 413 and "larger than 64 MB" in refused.json()["error"]


def zip_of(texts: dict[str, str]) -> bytes:
    from PIL import Image

    buffer, picture = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (40, 30), "purple").save(picture, "PNG")
    with ZipFile(buffer, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.writestr("new.png", picture.getvalue())
    return buffer.getvalue()
