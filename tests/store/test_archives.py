"""The lossless archive: out, in and out again are the same lines; what is here stays, and what differs is said."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import struct
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from databases import Server
from filled_stores import fill
from sqlalchemy import select, text
from store_values import SHA, a_prediction, a_review, an_adapter, an_image

from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.store import Store
from pdc.store.archives import kinds
from pdc.store.archives.bringing import bring_in
from pdc.store.archives.out import write_archive
from pdc.store.audit.anchor import anchored
from pdc.store.audit.verifying import check
from pdc.store.tables import Row

PNG = b"\x89PNG" + bytes(range(256)) * 40


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'pdc.sqlite3'}"


@cache
def _new_database(bare: bool) -> Path:
    """Made once: the migrations take a while."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    Store.open(url_of(folder), bare=bare).close()
    return folder / "pdc.sqlite3"


class Place:
    """A PDC_HOME with its store."""

    def __init__(self, folder: Path, bare: bool = False) -> None:
        shutil.copytree(_new_database(bare).parent, folder)
        self.home, self.store = folder, Store.open(url_of(folder))

    def out(self, name: str, **options) -> Path:
        archive = self.home.parent / f"{self.home.name}-{name}.zip"
        write_archive(self.store, self.home, archive, **options)
        return archive

    def bring(self, archive: Path, **options) -> str:
        return "\n".join(bring_in(self.store, self.home, archive, **options).told())

    def keep(self, path: str, data: bytes = PNG) -> None:
        (self.home / path).parent.mkdir(parents=True, exist_ok=True)
        (self.home / path).write_bytes(data)

    def rows(self, table: str) -> list[dict]:
        rows = Row.metadata.tables[table]
        with self.store._read() as session:
            return [dict(row) for row in session.execute(select(rows).order_by(*rows.primary_key.columns)).mappings()]


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    places = Place(tmp_path / "ours"), Place(tmp_path / "theirs")
    yield places
    for place in places:
        place.store.close()


@pytest.fixture
def full(places: tuple[Place, Place]) -> Place:
    place = places[0]
    with place.store._engine.begin() as connection:
        fill(connection)
    for n in (1, 2, 3):
        place.keep(f"images/{n:064x}.png", PNG + bytes([n]))
    place.keep("images/raw/aa.tif")
    place.keep("protocols/sperm.json", b"{}")
    place.keep("runs/first/adapter/adapter_model.safetensors")
    for name in ("secret", "thumbnails/a.jpg", "backups/old.sqlite3", "images/half.png.part"):
        place.keep(name)
    return place


def lines(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist() if name.endswith(".jsonl")}


def parsed(archive: Path, table: str) -> list[dict]:
    return [json.loads(line) for line in lines(archive)[f"tables/{table}.jsonl"].splitlines()]


def test_out_in_and_out_again_are_the_same_lines_of_every_table(full: Place, tmp_path: Path):
    archive, new = full.out("a", weights=True, logins=True), Place(tmp_path / "new", bare=True)
    said = new.bring(archive)
    again = new.out("b", weights=True, logins=True)
    assert lines(archive) == lines(again)
    assert all(table in said for table in ("reviews 3", "count sheets 3", "files 6")) and "Here already: nothing." in said
    left_out = {f"tables/{t}.jsonl" for t in kinds.LEFT_OUT}
    assert {f"tables/{t}.jsonl" for t in Row.metadata.tables} - lines(archive).keys() == left_out
    with new.store._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_links WHERE table_name = 'reviews'")).scalar() == 3
        assert connection.execute(text("PRAGMA foreign_key_check")).first() is None
        with pytest.raises(Exception, match="never changed"):  # the trigger is back
            connection.execute(text("DELETE FROM label_events"))
    new.store.close()


def test_from_sqlite_to_postgresql_and_back_not_a_byte_of_a_line_changes(full: Place, postgres: Server, tmp_path: Path):
    url, back = postgres.create(empty=True), Place(tmp_path / "back", bare=True)
    store, home = Store.open(url, bare=True), tmp_path / "server"
    archive, between = full.out("a", logins=True), tmp_path / "between.zip"
    bring_in(store, home, archive)
    write_archive(store, home, between, logins=True)
    back.bring(between)
    assert lines(archive) == lines(between) == lines(back.out("b", logins=True))
    store.add_image(an_image("b" * 64))  # the next number is free
    store.save_review(a_review("new", image_sha256="b" * 64), key="new", base_revision=0)
    store.close()
    postgres.drop(url)
    back.store.close()


def test_every_row_of_every_table_comes_back_as_it_was(full: Place, tmp_path: Path):
    new = Place(tmp_path / "new", bare=True)
    new.bring(full.out("a", logins=True))
    for table in Row.metadata.tables.keys() - kinds.LEFT_OUT:
        assert new.rows(table) == full.rows(table) and full.rows(table), table
    new.store.close()


def test_json_is_plain_in_the_lines_and_text_that_is_written_otherwise_stays_text(full: Place):
    archive = full.out("a")
    review, session = parsed(archive, "reviews")[0], parsed(archive, "count_sessions")[0]
    assert review["findings"]["marks"][0]["box"] == [0.1, 1 / 3, 20.7, 30] and review["labels"] == ["polyp", "Blutkörperchen"]
    assert session["protocol"] == '{"name": "kept with its blanks"}'
    assert parsed(archive, "images")[0]["created_at"] == "2026-03-01T09:30:15.123456+00:00"


def test_passwords_weights_and_keys_stay_here_unless_they_are_asked_for(full: Place):
    archive = full.out("a")
    with zipfile.ZipFile(archive) as opened:
        names, manifest = set(opened.namelist()), json.loads(opened.read("manifest.json"))
    assert {n for n in names if n.startswith("files/")} == {
        *(f"files/images/{n:064x}.png" for n in (1, 2, 3)),
        "files/images/raw/aa.tif",
        "files/protocols/sperm.json",
    }
    assert {user["password_hash"] for user in parsed(archive, "users")} == {""}
    assert "1 files" in manifest["left_out"][0] and "--logins" in manifest["left_out"][1]
    assert hashlib.sha256(lines(archive)["tables/reviews.jsonl"]).hexdigest() == manifest["tables"]["reviews"]["sha256"]


def test_users_who_come_without_their_passwords_cannot_log_in(places, tmp_path: Path):
    from pdc.web.auth import Access, hash_password

    ours, theirs = places
    ours.store.add_user("ada", hash_password("correct horse"))
    theirs.bring(ours.out("a"))
    assert not any(Access(theirs.store, tmp_path, login=True)._password_fits("ada", said) for said in ("", "correct horse"))
    other = Place(tmp_path / "other")
    other.bring(ours.out("b", logins=True))
    assert Access(other.store, tmp_path, login=True)._password_fits("ada", "correct horse")
    other.store.close()


@pytest.mark.parametrize("bare", [True, False], ids=["a new store", "one that was opened before"])
def test_the_record_of_the_store_that_an_archive_came_into_is_whole(full: Place, tmp_path: Path, bare: bool):
    new = Place(tmp_path / "new", bare=bare)
    new.bring(full.out("a", logins=True))
    head = anchored(new.home / "pdc.anchor")
    with new.store._read() as session:
        found = check(session.connection(), new.store._chain.keys.now(), [head] if head else [])
        assert found.fault is None and found.head == head and found.rows > 40
        assert session.execute(text("SELECT count(*) FROM label_events")).scalar() == len(full.rows("label_events"))
    new.store.close()


def test_bringing_in_the_same_archive_again_changes_nothing(full: Place):
    said, before = full.bring(full.out("a", logins=True)), full.out("before")
    assert said.startswith("Brought in: nothing.\nHere already: files 5") and said.count("\n") == 1
    assert lines(full.out("after")) == lines(before)


def test_a_newer_archive_of_the_same_store_adds_only_what_is_new(places):
    ours, theirs = places
    ours.store.add_image(an_image())
    ours.store.save_review(a_review("r1"), key="k1", base_revision=0)
    theirs.bring(ours.out("old"))
    ours.store.save_review(a_review("r2", revision=2), key="k2", base_revision=1)
    said = theirs.bring(ours.out("new"))
    assert "Brought in: reviews 1." in said
    assert theirs.store.reviews() == ours.store.reviews() and len(theirs.store.reviews()) == 2


def reviewed_twice(ours: Place, theirs: Place) -> None:
    """The same image and question with other revisions in each; theirs has a prediction, an effort and a signature too."""
    for place in (ours, theirs):
        place.store.add_image(an_image())
    ours.store.save_review(a_review("ours"), key="o", base_revision=0)
    theirs.store.add_prediction(a_prediction())
    theirs.store.save_review(a_review("t1", prediction_id="p1", author="ben"), key="t1", base_revision=0)
    theirs.store.save_review(a_review("t2", author="ben", revision=2), key="t2", base_revision=1)
    with theirs.store._engine.begin() as connection:
        connection.execute(text("INSERT INTO efforts VALUES ('t2', 1.5, 2, 3, '{}')"))


def test_reviews_of_a_question_that_was_reviewed_here_too_are_left_out_and_named(places):
    ours, theirs = places
    reviewed_twice(ours, theirs)
    said = ours.bring(theirs.out("a"))
    assert [r.id for r in ours.store.reviews()] == ["ours"] and [p.id for p in ours.store.predictions()] == ["p1"]
    assert "reviews, 2 (slide 7.png): this store has other revisions of the same, which go on counting." in said
    assert "efforts, 1 (t2): what they belong to was left out." in said


def test_with_replace_they_come_after_those_here_and_count_and_a_second_time_changes_nothing(places):
    ours, theirs = places
    reviewed_twice(ours, theirs)
    archive = theirs.out("a")
    said = ours.bring(archive, replace=True)
    assert [(r.id, r.author, r.revision) for r in ours.store.reviews()] == [
        ("ours", "ada", 1),
        ("t1", "ben", 2),
        ("t2", "ben", 3),
    ]
    assert [r.id for r in ours.store.current_reviews()] == ["t2"] and "these came after them, and count now" in said
    assert "Brought in: nothing." in ours.bring(archive, replace=True)


def test_another_thing_under_a_taken_name_gets_a_new_one_and_what_refers_to_it_follows(places):
    ours, theirs = places
    for place, adapter in ((ours, an_adapter("first", base="other")), (theirs, an_adapter("first", path="runs/first/adapter"))):
        place.store.add_image(an_image())
        place.store.add_adapter(adapter)
    ours.store.add_prediction(a_prediction("p1", raw="ours"))
    theirs.store.add_prediction(a_prediction("p1", raw="theirs", adapter="first"))
    theirs.store.add_adapter(an_adapter("second", parent="first"))
    theirs.store.activate("first", "tiny", by="ben", reason="best")
    theirs.store.save_review(a_review("t1", prediction_id="p1"), key="k", base_revision=0)
    theirs.keep("runs/first/adapter/pdc.json", b'{"name": "first", "base": "tiny"}')
    theirs.keep("runs/first/adapter/weights.bin")
    archive = theirs.out("a", weights=True)
    said = ours.bring(archive)
    renamed = next(a for a in ours.store.adapters() if a.name.startswith("first-"))
    answers = {p.raw: p for p in ours.store.predictions()}
    assert answers["theirs"].adapter == renamed.name and ours.store.reviews()[0].prediction_id == answers["theirs"].id != "p1"
    assert ours.store.adapter("second").parent == renamed.name and ours.store.activations("tiny")[0].adapter == renamed.name
    assert renamed.path == f"runs/{renamed.name}/adapter"
    assert json.loads((ours.home / renamed.path / "pdc.json").read_text()) == {"name": renamed.name, "base": "tiny"}
    assert (ours.home / renamed.path / "weights.bin").read_bytes() == PNG
    assert f"adapters, 1 (first): another one has that name here, so it is now called {renamed.name}." in said
    assert "Brought in: nothing." in ours.bring(archive)


def test_what_differs_here_stays_and_is_said(places):
    ours, theirs = places
    ours.store.add_image(an_image(group="training side"))
    theirs.store.add_image(an_image(group="held-out side"))
    ours.keep(f"images/{SHA}.png", b"ours")
    theirs.keep(f"images/{SHA}.png", b"theirs")
    said = ours.bring(theirs.out("a"))
    assert f"images, 1 ({SHA}): here they have another group name, which stays." in said
    assert f"files, 1 (images/{SHA}.png): the file here is another one, and stays." in said
    assert ours.store.images()[0].group == "training side" and (ours.home / f"images/{SHA}.png").read_bytes() == b"ours"


def test_what_serves_here_goes_on_serving(places):
    ours, theirs = places
    for place, name in ((ours, "ours"), (theirs, "theirs")):
        place.store.add_adapter(an_adapter(name))
        place.store.activate(name, "tiny", by="ada", reason="best")
    said = ours.bring(theirs.out("a"))
    assert [a.adapter for a in ours.store.activations("tiny")] == ["ours"] and len(ours.store.adapters()) == 2
    assert "activations, 1 (tiny/ada): this store has its own history of what serves; promote an adapter by hand." in said


def test_a_dry_run_says_the_same_and_stores_nothing(full: Place, tmp_path: Path):
    archive, new = full.out("a"), Place(tmp_path / "new", bare=True)
    said = new.bring(archive, dry_run=True)
    assert new.store.every_image() == [] and not (new.home / "images").exists()
    assert new.bring(archive) == said
    new.store.close()


def test_nothing_of_an_image_that_is_left_out_is_in_an_archive_for_others(full: Place, tmp_path: Path):
    held, new = f"{1:064x}", Place(tmp_path / "new", bare=True)
    archive = full.out("a", without={held})
    assert not any(held.encode() in text for text in lines(archive).values())
    with zipfile.ZipFile(archive) as opened:
        assert "1 images that are held back are left out" in opened.read("manifest.json").decode()
        assert f"files/images/{held}.png" not in opened.namelist() and f"files/images/{2:064x}.png" in opened.namelist()
    new.bring(archive)
    assert len(new.store.every_image()) == 2
    new.store.close()


def test_a_byte_that_changed_anywhere_is_found_and_nothing_comes_in(full: Place, places):
    theirs, archive = places[1], full.out("a")
    whole = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        middles = [_middle(whole, i) for i in opened.infolist() if i.file_size]
    for at in middles:
        archive.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StoreUnavailable, match=r"damaged|no archive"):
            theirs.bring(archive)
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreUnavailable, match="no archive of PDC"):
        theirs.bring(archive)
    assert theirs.store.every_image() == [] and not (theirs.home / "images").exists()


def _middle(whole: bytes, entry: zipfile.ZipInfo) -> int:
    """A byte in the middle of its data, after its header of 30 bytes, its name and what is extra."""
    name, extra = struct.unpack("<HH", whole[entry.header_offset + 26 :][:4])
    return entry.header_offset + 30 + name + extra + entry.compress_size // 2


def rewritten(archive: Path, table: str, change) -> Path:
    """The archive with other lines in a table, its manifest put right."""
    other = archive.with_name("rewritten.zip")
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(other, "w") as after:
        manifest = json.loads(before.read("manifest.json"))
        rows = [change(row) for row in parsed(archive, table)]
        told = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        manifest["tables"][table] = {"rows": len(rows), "sha256": hashlib.sha256(told).hexdigest()}
        for name in before.namelist():
            data = {f"tables/{table}.jsonl": told, "manifest.json": json.dumps(manifest).encode()}.get(name, before.read(name))
            after.writestr(name, data)
    return other


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("reviews", {"surprise": 1}, "has the column surprise, which this PDC does not know"),
        ("reviews", {"findings": {"marks": "none"}}, "reviews that PDC cannot read"),
        ("reviews", {"created_at": "yesterday"}, "reviews, line 1: created_at cannot be read"),
        ("reviews", {"revision": "1"}, "reviews, line 1: revision cannot be read"),
        ("reviews", {"image_sha256": "f" * 64}, "contradicts itself"),
        ("images", {"sha256": "e" * 64}, "contradicts itself"),
    ],
)
def test_rows_that_cannot_be_are_a_sentence_and_leave_everything_as_it_was(full: Place, tmp_path: Path, table, change, words):
    archive, new = rewritten(full.out("a"), table, lambda row: {**row, **change}), Place(tmp_path / "new", bare=True)
    with pytest.raises(BadSetting, match=words):
        new.bring(archive)
    assert new.store.every_image() == [] and not any(new.home.rglob("*.png"))
    new.store.close()


def test_an_archive_of_a_newer_program_or_with_paths_that_lead_outside_is_refused(full: Place, places):
    theirs, archive = places[1], full.out("a")
    newer, outside = archive.with_name("newer.zip"), archive.with_name("outside.zip")
    listed = b'{"path":"../outside.txt","sha256":"","bytes":0}\n'
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(newer, "w") as one, zipfile.ZipFile(outside, "w") as two:
        manifest = json.loads(before.read("manifest.json"))
        for name in before.namelist():
            one.writestr(name, json.dumps({**manifest, "schema": "9999"}) if name == "manifest.json" else before.read(name))
        manifest["files"] = {"rows": 1, "sha256": hashlib.sha256(listed).hexdigest()}
        for name in before.namelist():
            changed = {"manifest.json": json.dumps(manifest).encode(), "files.jsonl": listed}
            two.writestr(name, changed.get(name, before.read(name)))
    with pytest.raises(BadSetting, match="made by a newer PDC"):
        theirs.bring(newer)
    with pytest.raises(BadSetting, match="leads out of PDC_HOME"):
        theirs.bring(outside)
    (archive.parent / "text.zip").write_text("no zip")
    for name in ("text.zip", "nothing.zip"):
        with pytest.raises(StoreUnavailable):
            theirs.bring(archive.with_name(name))


def test_an_archive_is_written_beside_and_never_over_something(full: Place, tmp_path: Path):
    archive = full.out("a")
    with pytest.raises(BadSetting, match="is there already"):
        full.out("a")
    with pytest.raises(BadSetting, match="lies in PDC_HOME"):
        write_archive(full.store, full.home, full.home / "a.zip")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ours", archive.name, "theirs"]


def test_an_older_archive_that_lacks_later_columns_comes_in(full: Place, tmp_path: Path):
    def as_before(row: dict) -> dict:
        return {name: value for name, value in row.items() if name not in ("votes", "looks", "lost_looks", "version")}

    new = Place(tmp_path / "new", bare=True)
    new.bring(rewritten(full.out("a"), "predictions", as_before))
    assert [p.looks for p in new.store.predictions()] == [1, 1, 1]
    new.store.close()
