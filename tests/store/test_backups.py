"""Backups: whole, made while others write, checked, and brought back as they were."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from store_values import a_review, an_image, url_of

from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.store import Store
from pdc.store.audit.anchor import anchored
from pdc.store.audit.verifying import check as check_record
from pdc.store.backups.archive import make, restore, verify
from pdc.store.backups.snapshot import check


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an image, a review, a run, a key, and what is made anew."""
    home = tmp_path / "home"
    store = Store.open(f"sqlite:///{home / 'pdc.sqlite3'}")
    store.add_image(an_image())
    store.save_review(a_review(), key="k", base_revision=0)
    for name, data in {
        "images/aa/one.png": b"pixels" * 1000,
        "runs/first/adapter/weights.bin": bytes(range(256)) * 40,
        "runs/first/log.jsonl": b"{}\n",
        "secret": b"k" * 64,
        "thumbnails/aa/one.jpg": b"small",
        "images/aa/half.part": b"half",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    store.close()
    return home


def reviews(home: Path) -> list[tuple]:
    with sqlite3.connect(home / "pdc.sqlite3") as db:
        return db.execute("SELECT id, author, findings FROM reviews ORDER BY seq").fetchall()


def test_a_backup_comes_back_as_it_was_without_the_key_of_the_logins(home: Path, tmp_path: Path):
    made = make(home, tmp_path / "out" / "day.tar")
    assert restore(tmp_path / "out" / "day.tar", tmp_path / "again") == made == verify(tmp_path / "out" / "day.tar")
    again = tmp_path / "again"
    assert reviews(again) == reviews(home) and made.rows["reviews"] == 1
    assert {p.relative_to(again).as_posix() for p in again.rglob("*") if p.is_file()} == {
        "pdc.sqlite3",
        "images/aa/one.png",
        "runs/first/adapter/weights.bin",
        "runs/first/log.jsonl",
        "record.key",
        "pdc.anchor",
    }
    assert (again / "images/aa/one.png").read_bytes() == b"pixels" * 1000
    assert again.stat().st_mode & 0o077 == 0
    with Store.open(f"sqlite:///{again / 'pdc.sqlite3'}")._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM reviews")).scalar() == 1


def test_a_backup_under_load_holds_every_save_from_before_it_began(home: Path, tmp_path: Path):
    store, stop, acked = Store.open(f"sqlite:///{home / 'pdc.sqlite3'}"), threading.Event(), []

    def save() -> None:
        while not stop.is_set():
            n = len(acked) + 2
            store.save_review(a_review(id=f"r{n}", revision=n), key=f"k{n}", base_revision=n - 1)
            acked.append(f"r{n}")

    writer = threading.Thread(target=save)
    writer.start()
    try:
        for number in range(5):
            while len(acked) < 4 * number + 2:
                pass
            before = list(acked)
            make(home, tmp_path / f"{number}.tar")
            restore(tmp_path / f"{number}.tar", tmp_path / f"again{number}")
            assert {*before} <= {row[0] for row in reviews(tmp_path / f"again{number}")}
    finally:
        stop.set()
        writer.join()
        store.close()
    restored = Store.open(f"sqlite:///{tmp_path / 'again4' / 'pdc.sqlite3'}")
    anchor = anchored(tmp_path / "again4" / "pdc.anchor")
    assert anchor is not None
    with restored._read() as session:
        found = check_record(session.connection(), restored._chain.keys.now(), [anchor])
    restored.close()
    assert found.fault is None and found.rows >= len(before)


def test_a_byte_that_changed_in_any_file_is_found_and_nothing_is_restored(home: Path, tmp_path: Path):
    archive = tmp_path / "day.tar"
    make(home, archive)
    with tarfile.open(archive) as tar:
        places = {member.name: member.offset_data + member.size // 2 for member in tar if member.size}
    whole = archive.read_bytes()
    for name, at in places.items():
        archive.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StoreUnavailable, match=r"damaged|no backup"):
            restore(archive, tmp_path / "again")
        assert not (tmp_path / "again").exists(), name
    for cut in (10, len(whole) // 2, len(whole) - 11_000):
        archive.write_bytes(whole[:cut])
        with pytest.raises(StoreUnavailable):
            verify(archive)


def test_a_file_that_was_slipped_in_or_leads_outside_is_refused(home: Path, tmp_path: Path):
    archive = tmp_path / "day.tar"
    make(home, archive)
    for name in ("runs/other.bin", "../outside.txt", "/outside.txt"):
        changed = tmp_path / "changed.tar"
        shutil.copy(archive, changed)
        with tarfile.open(changed, "a") as tar:
            extra = tmp_path / "extra"
            extra.write_bytes(b"x")
            tar.add(extra, arcname=name)
        with pytest.raises(StoreUnavailable, match="not as it was written"):
            restore(changed, tmp_path / "again")
    assert not (tmp_path / "outside.txt").exists()


def test_a_restore_goes_into_an_empty_folder_whose_place_is_not_ours(home: Path, tmp_path: Path, monkeypatch):
    """As one that is mounted, or below /var/lib."""
    make(home, tmp_path / "day.tar")
    mounted = tmp_path / "place" / "home"
    (mounted / "restored.part" / "images").mkdir(parents=True)  # of a restore that was killed
    remove = Path.rmdir

    def unless_mounted(self: Path) -> None:
        if self == mounted:
            raise OSError(errno.EBUSY, "Device or resource busy")
        remove(self)

    monkeypatch.setattr(Path, "rmdir", unless_mounted)
    restore(tmp_path / "day.tar", mounted)
    assert reviews(mounted) == reviews(home)
    assert (mounted / "images" / "aa" / "one.png").is_file() and not (mounted / "restored.part").exists()
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["home"]
    with pytest.raises(BadSetting, match="not empty"):
        restore(tmp_path / "day.tar", mounted)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links on the other disk"])
def test_a_second_name_of_an_image_as_a_training_gives_it_is_kept(home: Path, tmp_path: Path, monkeypatch, links):
    image, again = home / "images" / "aa" / "one.png", home / "runs" / "first" / "data" / "images" / "one.png"
    image.write_bytes(b"pixels" * 1_000_000)
    again.parent.mkdir(parents=True)
    again.hardlink_to(image)
    made = make(home, tmp_path / "day.tar")
    name = again.relative_to(home).as_posix()
    assert made.files[name] == made.files["images/aa/one.png"] and (tmp_path / "day.tar").stat().st_size < 9_000_000

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    restore(tmp_path / "day.tar", tmp_path / "again")
    assert (tmp_path / "again" / name).read_bytes() == image.read_bytes()
    assert (tmp_path / "again" / name).stat().st_nlink == (2 if links else 1)


def test_a_number_of_a_file_that_another_file_got_meanwhile_makes_no_second_name(home: Path, tmp_path: Path, monkeypatch):
    for name in ("one", "two"):
        (home / "runs" / name).write_bytes(name.encode())
        (home / "runs" / f"{name}-again").hardlink_to(home / "runs" / name)
    same = tarfile.TarFile.gettarinfo

    def mistaken(self: tarfile.TarFile, *words: object, **named: Any) -> tarfile.TarInfo:
        about = same(self, *words, **named)
        if about.name == "runs/two-again":
            about.linkname = "runs/one"
        return about

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", mistaken)
    make(home, tmp_path / "day.tar")
    restore(tmp_path / "day.tar", tmp_path / "again")
    assert (tmp_path / "again" / "runs" / "two-again").read_bytes() == b"two"


def test_a_backup_comes_back_with_the_python_of_debian_12(home: Path, tmp_path: Path, monkeypatch):
    """3.11.2, whose tarfile knows no filter."""

    def of_old(self: tarfile.TarFile, *_: object, **named: object) -> None:
        assert "filter" not in named, "TarFile.extract() got an unexpected keyword argument 'filter'"

    for name in ("extract", "extractall"):
        monkeypatch.setattr(tarfile.TarFile, name, of_old)
    make(home, tmp_path / "day.tar")
    restore(tmp_path / "day.tar", tmp_path / "again")
    assert reviews(tmp_path / "again") == reviews(home)


def test_what_libraries_keep_in_the_home_of_their_user_is_no_part_of_a_backup(home: Path, tmp_path: Path):
    for name in (".cache/huggingface/hub/blobs/1", ".triton/cache/1", ".config/matplotlib/1"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_bytes(b"weights")
    found = {name.split("/")[0] for name in make(home, tmp_path / "day.tar").files}
    assert found == {"images", "runs", "record.key", "pdc.sqlite3"}


def test_nothing_is_overwritten_and_a_backup_of_itself_is_refused(home: Path, tmp_path: Path):
    archive = tmp_path / "day.tar"
    make(home, archive)
    with pytest.raises(BadSetting, match="is there already"):
        make(home, archive)
    with pytest.raises(BadSetting, match="not empty"):
        restore(archive, home)
    with pytest.raises(BadSetting, match="lies in the folder"):
        make(home, home / "day.tar")
    with pytest.raises(StoreUnavailable, match="no database"):
        make(tmp_path / "nothing", tmp_path / "nothing.tar")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["day.tar", "home"]


def test_a_damaged_database_makes_no_backup(home: Path, tmp_path: Path):
    file = home / "pdc.sqlite3"
    data = bytearray(file.read_bytes())
    data[5000:9000] = bytes(4000)
    file.write_bytes(data)
    with pytest.raises(StoreUnavailable):
        make(home, tmp_path / "day.tar")
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_the_database_is_copied_before_a_migration_once(tmp_path: Path):
    from alembic import command

    from pdc.store.database import migrating, open_engine
    from pdc.store.schema import _config

    engine = open_engine(url_of(tmp_path))
    config = _config()
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
        columns = "sha256, name, width, height, created_at, group_name"
        connection.exec_driver_sql(f"INSERT INTO images ({columns}) VALUES ('a', 'n', 1, 1, '2026-01-01', '')")
    engine.dispose()
    for _ in range(2):
        Store.open(url_of(tmp_path)).close()
        (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name == "before-migration-from-0012.sqlite3" and check(copy)["images"] == 1


def test_of_the_backups_in_a_folder_the_newest_stay_and_other_files_do(home: Path, tmp_path: Path, monkeypatch, capsys):
    from pdc.cli.backups.commands import backup

    folder = tmp_path / "nightly"
    folder.mkdir()
    for name in ("pdc-20260101T000000Z.tar", "pdc-20260102T000000Z.tar", "pdc-by-hand.tar"):
        (folder / name).write_bytes(b"old")
    monkeypatch.setenv("PDC_HOME", str(home))
    assert backup(folder, keep=2) == 0
    first, second, third = sorted(p.name for p in folder.iterdir())
    assert (first, third) == ("pdc-20260102T000000Z.tar", "pdc-by-hand.tar") and verify(folder / second).rows["reviews"] == 1
    assert "pdc-20260101T000000Z.tar is removed." in capsys.readouterr().out
    with sqlite3.connect(home / "pdc.sqlite3") as db:
        kinds = [row[0] for row in db.execute("SELECT kind FROM audit_events")]
    assert kinds[-1] == "backed_up"


def test_a_backup_leaves_the_database_of_an_older_version_as_it_is(home: Path, tmp_path: Path, monkeypatch):
    from old_stores import put_back

    from pdc.cli.backups.commands import backup

    put_back(home / "pdc.sqlite3", "0019")
    monkeypatch.setenv("PDC_HOME", str(home))
    assert backup(tmp_path / "old.tar", keep=0) == 0
    with sqlite3.connect(home / "pdc.sqlite3") as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [("0019",)]
