"""`pdc record`: who did what is shown, and a change of it is named; so does `pdc doctor` at its end."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from annotations import put

from pdc.__main__ import main
from pdc.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PDC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def said(home: Path, tmp_path: Path, capsys):
    """What a command prints, line by line; an image has been imported, seen by maria, and exported."""

    def run(*words: str) -> list[str]:
        run.code = main(list(words))
        out = capsys.readouterr()
        return [line.rstrip() for line in (out.out + out.err).splitlines()]

    put(tmp_path, {"a.csv": "file,name,label,x,y\n1.png,a.png,cell,5,5"}, {"1.png": "red"})
    run("import", str(tmp_path / "a.csv"), "--author", "ada")
    store = Store.open(f"sqlite:///{home / 'pdc.sqlite3'}")
    for _ in range(3):
        store.record_view("maria", store.images()[0].sha256)
    store.close()
    run("export", str(tmp_path / "out"))
    return run


def test_the_record_says_who_did_what_to_an_image_and_filters_it(said):
    lines = said("record", "show", "--image", "a.png")
    assert [line.split("  ")[1:3] for line in lines] == [["viewed", "maria"], ["reviewed", "ada"]]
    (viewed,) = said("record", "show", "--user", "maria", "--since", "2020-01-01")
    assert "  a.png" in viewed
    assert said("record", "show", "--kind", "viewed", "--since", "2999-01-01") == []
    exported, imported = (
        next(csv.DictReader(said("record", "show", "--csv", "--kind", kind))) for kind in ("exported", "imported")
    )
    assert '"images": 1' in exported["what"] and imported["who"] == "ada"


def test_a_whole_record_is_said_to_be_whole_and_a_change_of_it_is_named(said, home: Path):
    whole = said("record", "verify")
    assert said.code == 0 and whole[0].startswith("The record is whole: ")
    with closing(sqlite3.connect(home / "pdc.sqlite3")) as db:
        db.execute("DROP TRIGGER reviews_refuse_update")
        db.execute("UPDATE reviews SET author = 'somebody'")
        db.commit()
    assert said("record", "verify")[0] == "Row 1 of reviews was changed after it was written."
    assert said.code == 1


def test_an_anchor_from_elsewhere_misses_a_tail_that_is_cut_off_with_its_links(said, home: Path, tmp_path: Path):
    shutil.copyfile(home / "pdc.anchor", tmp_path / "kept.anchor")
    (home / "pdc.anchor").unlink()
    with closing(sqlite3.connect(home / "pdc.sqlite3")) as db:
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM audit_links WHERE n = (SELECT max(n) FROM audit_links)")
        db.execute("DELETE FROM audit_events WHERE id = (SELECT max(id) FROM audit_events)")
        for _, sql in kept:
            db.execute(sql)
        db.commit()
    assert said("record", "verify")[0].startswith("The record is whole")
    assert said("record", "verify", "--anchor", str(tmp_path / "kept.anchor"))[0].startswith("The record ends at link ")
    said("record", "verify", "--anchor", str(tmp_path / "a.csv"))
    assert said.code == 1


def test_links_of_before_and_after_a_new_key_are_checked_each_by_its_own(said, home: Path):
    said("record", "new-key")
    said("export", str(home.parent / "out"))
    assert len((home / "record.key").read_text().split()) == 2
    said("record", "verify")
    assert said.code == 0
    (home / "record.key").write_text((home / "record.key").read_text().split()[1] + "\n")
    assert "which is not in the key file" in said("record", "verify")[0] and said.code == 1
