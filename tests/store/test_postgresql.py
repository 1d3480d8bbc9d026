"""PostgreSQL alone: old databases come up to date, rows are kept as written, the server goes and comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from databases import Server
from sqlalchemy import Connection, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from store_values import SHA, a_review, an_image

from pdc.domain.errors import StoreUnavailable
from pdc.store import Store
from pdc.store.audit.chain import RecordPlace
from pdc.store.audit.triggers import wrong_trigger
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config

NOT_FILLED = {"alembic_version", "audit_links", "audit_events", "learnt_until", "open_counts"}
ANEW = {"list_names", "list_name_parts"}  # worked out anew after an upgrade


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """An empty database."""
    url = postgres.create(empty=True)
    yield url
    postgres.drop(url)


def test_a_database_comes_up_to_date_from_every_older_revision_with_its_rows(url: str, caplog):
    revisions = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][:0:-1]
    engine, config = open_engine(url), _config()
    filled: Counter[str] = Counter()
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        for n, revision in enumerate(revisions):
            command.upgrade(config, revision)
            filled.update(_fill(connection, n))
    engine.dispose()
    store = Store.open(url)
    assert f"from revision {revisions[-1]} to this version without a copy" in caplog.text
    with store._read() as session:
        tables = _tables(session.connection())
        kept = {t.name: session.scalar(select(func.count()).select_from(t)) for t in tables}
    assert kept["images"] == kept["reviews"] == kept["drafts"] == len(revisions)
    assert {name: n for name, n in filled.items() if kept[name] < n}.keys() == ANEW
    store.close()


def _tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in NOT_FILLED]


def _fill(connection: Connection, n: int) -> Iterator[str]:
    """One more row in every table that there is, by its name; a row refers to the newest of another table."""
    for table in _tables(connection):
        values = {c.name: _value(connection, table, c.name, n) for c in table.columns if not c.nullable and c.name != "seq"}
        connection.execute(insert(table).values(values))
        yield table.name


def _value(connection: Connection, table: Table, name: str, n: int) -> object:
    column = table.columns[name]
    for key in column.foreign_keys:
        return connection.scalar(select(func.max(key.column)))
    kind = column.type.python_type
    labels = f'["polyp {n}"]' if column.primary_key else '["polyp"]'
    told = {"labels": labels, "task": "count_and_box", "side": "training", "status": "complete"}
    return told.get(name, f"{name} {n:03}") if kind is str else _PLAIN[kind.__name__](n)


_PLAIN = {
    "int": lambda n: n,
    "float": float,
    "bool": lambda n: False,
    "bytes": lambda n: b"\0\0",
    "datetime": lambda n: text("TIMESTAMP '2026-03-01 09:30:15'"),
    "date": lambda n: text("DATE '2026-03-01'"),
}


def test_every_table_that_sqlite_keeps_as_written_is_kept_as_written(url: str, tmp_path: Path):
    store = Store.open(url)
    on_sqlite = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    with on_sqlite._read() as session:
        kept = set(session.scalars(text("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_refuse_%'")))
    with store._read() as session:
        found = session.execute(
            text(
                "SELECT event_object_table, event_manipulation FROM information_schema.triggers "
                "WHERE trigger_name LIKE '%_refuse_%'"
            )
        )
        refused = set(map(tuple, found))
    assert len(kept) >= 16
    assert {(table, verb) for table in kept for verb in ("UPDATE", "DELETE")} <= refused
    for table in kept:
        with pytest.raises(IntegrityError, match="never changed"), store._write() as session:
            session.execute(text(f'TRUNCATE "{table}" CASCADE'))
    on_sqlite.close()
    store.close()


@pytest.mark.parametrize(
    "tampered",
    [
        "ALTER TABLE reviews DISABLE TRIGGER reviews_refuse_update",
        "DROP TRIGGER reviews_refuse_update ON reviews",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ],
)
def test_a_trigger_that_was_switched_off_is_named(postgres: Server, tampered: str):
    url = postgres.create()
    store = Store.open(url)
    with store._write() as session:
        assert wrong_trigger(session.connection()) is None
        session.execute(text(tampered))
        assert (wrong_trigger(session.connection()) or "").endswith("_refuse_update")
    store.close()
    postgres.drop(url)


def test_the_record_names_a_row_that_its_owner_changed_behind_the_back_of_pdc(url: str, tmp_path: Path):
    store = Store.open(url, record=RecordPlace.beside(url, tmp_path))
    store.add_image(an_image())
    store.save_review(a_review(), key="k", base_revision=0)
    assert store.check_record().fault is None
    with store._write() as session:
        for statement in ("ALTER TABLE reviews DISABLE TRIGGER ALL", "UPDATE reviews SET author = 'x'"):
            session.execute(text(statement))
    with store._write() as session:
        session.execute(text("ALTER TABLE reviews ENABLE TRIGGER ALL"))
    assert str(store.check_record().fault) == "Row 1 of reviews was changed after it was written."
    store.close()


def test_a_server_that_went_away_is_a_sentence_and_its_return_is_noticed(postgres: Server, url: str):
    store = Store.open(url)
    store.add_image(an_image())
    postgres.stop()
    try:
        for ask in (store.images, lambda: store.save_review(a_review(), key="k", base_revision=0)):
            with pytest.raises(StoreUnavailable, match="cannot be reached; check that its server runs"):
                ask()
    finally:
        postgres.start()
    assert [image.sha256 for image in store.images()] == [SHA]
    assert store.save_review(a_review(), key="k", base_revision=0).revision == 1
    store.close()


def test_a_connection_that_breaks_between_two_questions_is_not_noticed(postgres: Server, url: str):
    store = Store.open(url)
    store.images()
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'")
    assert store.images() == []
    store.close()


def test_a_writer_that_waits_too_long_for_its_turn_is_told_so(url: str):
    store, hasty = Store.open(url), Store.open(url, busy_seconds=0.1)
    with store._write() as session, pytest.raises(StoreUnavailable, match="kept busy by another program"):
        session.connection()
        hasty.add_label("Mitose")
    hasty.add_label("Mitose")
    assert "Mitose" in store.labels()
    store.close(), hasty.close()


def test_a_url_that_names_no_driver_takes_the_one_that_pdc_brings(url: str):
    store = Store.open(url.replace("postgresql+psycopg", "postgresql"))
    assert len(store.labels()) == 5
    store.close()
