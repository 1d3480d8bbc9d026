"""Count sessions in the store: what goes in comes out, and nothing of it is ever changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from old_stores import put_back
from store_values import ASK, AT, SHA, an_image, url_of

from pdc.domain.errors import NotFound, StaleSave
from pdc.store import Store
from pdc.store.counting.records import CountBegun, CountEvent, CountEventKind, KeptSheet

pytestmark = pytest.mark.both_databases("nightly")

BEGUN = CountBegun("c1", "S-17", '{"name": "Größe"}', ASK, "Makler, grid", "all", "ada", AT)
FIELD = CountEvent("c1", CountEventKind.FIELD, "ada", AT, 1, SHA, value="all: 1 images of 'a'")
FILL = CountEvent("c1", CountEventKind.FILL, "bob", AT + timedelta(seconds=1), 2, name="dilution factor", value=1.5, why="typo")
SHEET = KeptSheet("s1", "c1", 1, "final", '{"µ": 1}', "ada", AT)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(url_of(tmp_path))
    opened.add_image(an_image())
    opened.add_count_session(BEGUN, [FIELD])
    yield opened
    opened.close()


def test_sessions_events_and_sheets_come_out_as_they_went_in(store: Store):
    store.add_count_events([FILL])
    store.add_count_sheet(SHEET)
    assert store.count_session("c1") == BEGUN and store.count_sessions() == [BEGUN]
    assert store.count_events("c1") == [FIELD, FILL] and store.open_counts(SHA) == ["c1"]
    assert store.count_sheets("c1") == [SHEET] and store.count_sheet("s1") == SHEET
    assert store.sheet_statuses(["c1", "c2"]) == {"c1": "final"}


def test_a_count_is_open_until_it_is_closed_and_after_it_is_reopened(store: Store):
    for kind, open_ in ((CountEventKind.CLOSED, []), (CountEventKind.REOPENED, ["c1"]), (CountEventKind.CLOSED, [])):
        store.add_count_events([CountEvent("c1", kind, "ada", AT)])
        assert store.open_counts() == store.open_counts(SHA) == open_
    assert store.open_counts("b" * 64) == []


def test_what_is_not_there_is_said(store: Store):
    for look in (store.count_session, store.count_sheet):
        with pytest.raises(NotFound, match=r"There is no (count|sheet) nothing\."):
            look("nothing")


def test_of_two_sheets_kept_at_once_the_second_is_refused(store: Store):
    store.add_count_sheet(SHEET)
    with pytest.raises(StaleSave, match="kept meanwhile"):
        store.add_count_sheet(KeptSheet("s2", "c1", 1, "final", "{}", "bob", AT))
    assert store.count_sheets("c1") == [SHEET]


@pytest.mark.parametrize("table", ["count_sessions", "count_events", "count_sheets"])
@pytest.mark.sqlite_only
def test_the_record_of_a_count_cannot_be_rewritten(tmp_path: Path, store: Store, table: str):
    store.add_count_sheet(SHEET)
    with sqlite3.connect(tmp_path / "pdc.sqlite3") as raw:
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET seq = seq"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                raw.execute(statement)


@pytest.mark.sqlite_only
def test_a_database_from_before_counts_were_kept_opens_with_its_images(tmp_path: Path, store: Store):
    store.close()
    put_back(tmp_path / "pdc.sqlite3", "0019")
    opened = Store.open(url_of(tmp_path))
    assert [image.sha256 for image in opened.images()] == [SHA] and opened.count_sessions() == []
    opened.close()
