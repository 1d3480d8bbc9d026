"""The record: every row that is written once has a link, in the same transaction; acts are noted and read back."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import UniqueConstraint
from sqlalchemy.exc import IntegrityError
from store_values import a_review, an_image, url_of

from pdc.store import Store
from pdc.store.audit.anchor import anchored
from pdc.store.audit.kinds import AuditKind
from pdc.store.audit.queries import audit_row
from pdc.store.audit.tables import ONCE
from pdc.store.audit.triggers import NAMES
from pdc.store.backups.snapshot import last_link
from pdc.store.mapping import review_row
from pdc.store.tables import Row


def links(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT n, table_name, row_id FROM audit_links ORDER BY n").fetchall()


def test_each_row_that_is_written_once_has_a_link_and_the_anchor_knows_the_last(tmp_path: Path):
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    store.save_review(a_review(), key="k", base_revision=0)
    store.add_user("maria", "hash")
    store.record_event(AuditKind.EXPORTED, "maria", files=3)
    store.close()
    path = next(tmp_path.glob("*.sqlite3"))
    found = links(path)
    assert [n for n, _, _ in found] == list(range(1, len(found) + 1))
    assert Counter(table for _, table, _ in found)["reviews"] == 1
    assert found[-1][1] == "audit_events" and anchored(path.with_suffix(".anchor")) == last_link(path)
    assert (tmp_path / "record.key").stat().st_mode & 0o077 == 0


def test_a_save_that_fails_leaves_no_link(tmp_path: Path):
    store = Store.open(url_of(tmp_path))
    path = next(tmp_path.glob("*.sqlite3"))
    before = links(path)
    with pytest.raises(IntegrityError), store._write() as session:
        session.add(audit_row(AuditKind.EXPORTED, "maria"))
        session.flush()
        session.add(review_row(a_review(), "of an image that is not there"))
    assert links(path) == before


def test_sqlite_refuses_to_replace_what_is_written_once_through_any_connection(tmp_path: Path):
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    store.save_review(a_review(), key="k", base_revision=0)
    store.close()
    with closing(sqlite3.connect(next(tmp_path.glob("*.sqlite3")))) as db:
        (row,) = db.execute("SELECT * FROM reviews").fetchall()
        names = [column[1] for column in db.execute("PRAGMA table_info(reviews)")]
        for change in ({"author": "somebody"}, {"author": "somebody", "seq": 99}, {"seq": 99, "id": "x"}):
            values = dict(zip(names, row, strict=True)) | change
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                db.execute(f"INSERT OR REPLACE INTO reviews VALUES ({', '.join('?' * len(names))})", list(values.values()))


def test_the_triggers_know_every_set_of_columns_that_no_two_rows_share():
    for table in (*ONCE, "audit_links"):
        known = Row.metadata.tables[table]
        unique = {tuple(c.columns.keys()) for c in known.constraints if isinstance(c, UniqueConstraint)}
        unique |= {(c.name,) for c in known.columns if c.unique}
        assert set(NAMES[table]) == unique | {tuple(known.primary_key.columns.keys())}, table
