"""Opening a database, and what it says when the machine refuses."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from store_values import a_review, an_image, url_of

from pdc.domain.errors import StoreUnavailable
from pdc.domain.values import Findings, Mark, Point
from pdc.store import Store
from pdc.store.tables import Row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    yield store
    store.close()


def test_the_migrations_make_exactly_the_tables_of_rows(store: Store):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with store._engine.connect() as connection:
        compared = MigrationContext.configure(connection)
        assert compare_metadata(compared, Row.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Row.metadata.tables, "alembic_version"}


def test_opening_leaves_the_programs_log_alone(tmp_path: Path):
    before = (logging.root.level, list(logging.root.handlers), logging.getLogger("pdc").disabled)
    Store.open(url_of(tmp_path)).close()
    assert (logging.root.level, list(logging.root.handlers), logging.getLogger("pdc").disabled) == before


OPEN_WHEN_TOLD = """
import sys
from pdc.store import Store
import alembic.command
print("ready", flush=True)
for url in map(str.strip, sys.stdin):
    print(len(Store.open(url).labels()), flush=True)
"""


@pytest.mark.slow
def test_processes_opening_a_fresh_database_at_once_all_succeed(tmp_path: Path):
    command, pipe = [sys.executable, "-c", OPEN_WHEN_TOLD], subprocess.PIPE
    children = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 3
    for i in range(8):
        for child in children:
            print(url_of(tmp_path / str(i)), file=child.stdin, flush=True)
        said = [child.stdout.readline() for child in children]
        assert said == ["5\n"] * 3, [child.communicate()[1] for child in children]
    for child in children:
        child.communicate()


def test_threads_opening_a_fresh_database_at_once_all_succeed(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store.open(url_of(tmp_path)), range(8)))
    assert {len(s.labels()) for s in stores} == {5}
    for s in stores:
        s.close()


LOCK_UNTIL_TOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_locked_database_is_a_sentence_and_the_save_works_later(tmp_path: Path):
    store = Store.open(url_of(tmp_path), busy_seconds=0.2)
    store.add_image(an_image())
    command = [sys.executable, "-c", LOCK_UNTIL_TOLD, str(tmp_path / "pdc.sqlite3")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(StoreUnavailable, match="locked by another program; close that program"):
            store.save_review(a_review(), key="k", base_revision=0)
        assert store.images() == [an_image()]  # reading goes on
        other.stdin.close()
    assert store.save_review(a_review(), key="k", base_revision=0).revision == 1
    store.close()


def test_a_full_disk_is_a_sentence_and_nothing_stored_is_lost(store: Store):
    saved = store.save_review(a_review(), key="k1", base_revision=0)
    with store._engine.connect() as connection:  # SQLite then reports what it reports for a full disk
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    many = Findings(tuple(Mark(f"m{i}", Point(i, i), "polyp") for i in range(2000)))
    with pytest.raises(StoreUnavailable, match="disk is full; free some space"):
        store.save_review(a_review("r2", findings=many), key="k2", base_revision=1)
    assert store.reviews() == [saved]
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert store.save_review(a_review("r2", findings=many), key="k2", base_revision=1).revision == 2


def test_a_read_only_database_is_read_and_refuses_writes_with_a_sentence(tmp_path: Path, store: Store):
    store.close()
    read_only = Store.open(f"sqlite:///file:{tmp_path / 'pdc.sqlite3'}?mode=ro&uri=true")
    assert read_only.images() == [an_image()]
    with pytest.raises(StoreUnavailable, match="may not be written"):
        read_only.add_label("x")
    read_only.close()


OPEN_AS_NOBODY = """
import os, sys
from pdc.store import Store
from pdc.domain.errors import StoreUnavailable
import alembic.command
if os.getuid() == 0:
    os.setuid(65534)  # only now: nobody may not read every installation
try:
    Store.open(sys.argv[1])
except StoreUnavailable as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_without_write_permission_is_a_sentence():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        command = [sys.executable, "-c", OPEN_AS_NOBODY, url_of(Path(name))]
        child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "cannot be opened; check that its folder exists and that this user may write there" in child.stdout, child


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "cannot be used"),
        ("nonsense", "cannot be used"),
        ("oracle9://x", "cannot be used"),
        ("sqlite:///{folder}/file.txt/x.sqlite3", "cannot be made"),
        ("sqlite:///{folder}", "cannot be opened"),
        ("sqlite:///{folder}/file.txt", "is not a database"),
    ],
)
def test_a_place_that_cannot_be_a_database_is_a_sentence(tmp_path: Path, bad: str, words: str):
    (tmp_path / "file.txt").write_text("not a database, but long enough to be taken for one. " * 20)
    with pytest.raises(StoreUnavailable, match=words):
        Store.open(bad.format(folder=tmp_path))
    assert (tmp_path / "file.txt").read_text().startswith("not a database")


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, store: Store):
    with store._write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreUnavailable, match="another version of PDC"):
        Store.open(url_of(tmp_path))


def test_a_password_in_a_url_is_not_repeated():
    with pytest.raises(StoreUnavailable) as refusal:
        Store.open("oracle9://user:secret@host/db")
    assert "secret" not in str(refusal.value)
