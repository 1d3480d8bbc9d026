"""The check of the record finds whatever somebody with a raw connection changes, names it, and blames nothing that stands."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from full_store import full_store
from old_stores import put_back
from record_attacks import ATTACKS, attack
from sqlalchemy import create_engine

from pdc.store import Store
from pdc.store.audit.anchor import Head, anchored
from pdc.store.audit.chain import Chain, RecordPlace
from pdc.store.audit.keys import Keys, keys_in
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.verifying import Checked, check


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_store(tmp_path_factory.mktemp("record"), rows=12)


def checked(path: Path, keys: Keys, *anchors: Head | None) -> Checked:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            return check(connection, keys, [a for a in anchors if a])
    finally:
        engine.dispose()


def test_every_attack_is_found_and_a_copy_that_nobody_touched_is_not_blamed(whole: Path, tmp_path: Path):
    keys, known = keys_in(whole.with_name("record.key")), anchored(whole.with_suffix(".anchor"))
    copy = tmp_path / "copy.sqlite3"
    missed = []
    for seed in range(len(ATTACKS)):
        shutil.copyfile(whole, copy)
        assert seed % 6 or checked(copy, keys, known).fault is None
        name = attack(copy, seed)
        if checked(copy, keys, known).fault is None:
            missed.append((name, seed))
    assert missed == []


def test_who_has_the_key_can_write_the_chain_anew_and_only_an_anchor_misses_it(whole: Path, tmp_path: Path):
    """The control: what finds a chain that was made anew is the key, and nothing else in the file."""
    keys, known, copy = keys_in(whole.with_name("record.key")), anchored(whole.with_suffix(".anchor")), tmp_path / "copy.sqlite3"
    shutil.copyfile(whole, copy)
    with closing(sqlite3.connect(copy)) as db:
        for name in ("reviews_refuse_update", "audit_links_refuse_delete"):
            (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
            db.execute(f"DROP TRIGGER {name}")
            db.execute("UPDATE reviews SET author = 'x' WHERE seq = 3" if "reviews" in name else "DELETE FROM audit_links")
            db.execute(sql)
        db.commit()
    assert checked(copy, keys).fault == "The record is empty: its links were removed."
    engine = create_engine(f"sqlite:///{copy}")
    with engine.begin() as connection:
        Chain(RecordPlace(whole.with_name("record.key"))).seal_found(connection)
    assert checked(copy, keys).fault is None
    assert "was written anew" in str(checked(copy, keys, known).fault)
    engine.dispose()


def test_an_old_store_is_sealed_as_it_is_found(tmp_path: Path):
    path = full_store(tmp_path, rows=2)
    put_back(path, "0021")
    store = Store.open(f"sqlite:///{path}", record=RecordPlace(tmp_path / "other.key", tmp_path / "other.anchor"))
    checked = store.check_record()
    assert checked.fault is None and checked.began.startswith("sealed as found on 20") and checked.rows > 20
    store.record_event(AuditKind.LOGIN, "maria")
    assert store.check_record().head.n == checked.head.n + 1


def test_text_that_is_no_text_is_named_by_its_row(whole: Path, tmp_path: Path):
    copy = tmp_path / "copy.sqlite3"
    shutil.copyfile(whole, copy)
    with closing(sqlite3.connect(copy)) as db:
        db.execute("DROP TRIGGER reviews_refuse_update")
        db.execute("UPDATE reviews SET author = CAST(x'ff61' AS TEXT) WHERE seq = 2")
        db.commit()
    assert checked(copy, keys_in(whole.with_name("record.key"))).fault == "Row 2 of reviews cannot be read."
