"""What is looked up of a store to watch it: whether it answers, its version, its size, its last backup, its jobs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import ready_url_of
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from pdc.logs import JsonFormatter
from pdc.store import Store
from pdc.store.audit.kinds import AuditKind
from pdc.store.jobs.records import JobState

pytestmark = pytest.mark.both_databases


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(ready_url_of(tmp_path))
    yield store
    store.close()


def test_a_store_that_answers_says_how_large_it_is_and_what_was_done_last(store: Store):
    assert store.answers() and store.is_current() and store.size() > 10_000 and store.connections() == 0
    assert store.last_act(AuditKind.BACKED_UP) is None
    for file in ("a.tar", "b.tar"):
        store.record_event(AuditKind.BACKED_UP, "root", file=file)
    assert store.last_act(AuditKind.BACKED_UP) is not None
    store.add_job("export", {}, "ada")
    assert store.count_jobs() == {state: int(state is JobState.QUEUED) for state in map(JobState, store.count_jobs())}


def test_a_database_that_another_version_has_brought_further_is_not_current(store: Store):
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of another'"))
    assert store.answers() and not store.is_current()


def test_no_error_of_the_database_shows_the_values_of_a_row_in_the_log(store: Store):
    store.add_user("Smith", "hash")
    values = {"name": "Smith", "hash": "a hash", "at": "2026-11-27 00:00:00+00:00"}
    insert = "INSERT INTO users (name, password_hash, created_at, role) VALUES (:name, :hash, :at, 'admin')"
    with pytest.raises(IntegrityError), store._engine.begin() as connection:
        try:
            connection.execute(text(insert), values)
        except IntegrityError:
            said = JsonFormatter().format(logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), sys.exc_info()))
            assert "IntegrityError" in said and "Smith" not in said and "a hash" not in said
            raise
