"""The SQLite in use: one without the fix of the write-ahead log is named, with what to do about it."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import pytest

from pdc.cli.doctor import LEAST, PACKAGES, too_old
from pdc.store.database import sqlite_driver
from pdc.store.engines.sqlite import FIXED, trouble

FILE = "sqlite:///pdc.sqlite3"


@pytest.mark.parametrize(
    ("version", "is_named"), [("3.40.1", True), ("3.51.2", True), ("3.51.3", False), ("3.53.4", False), ("4.0.0", False)]
)
def test_a_sqlite_without_the_fix_is_named_with_what_to_do(version: str, is_named: bool):
    driver = SimpleNamespace(sqlite_version=version, sqlite_version_info=tuple(map(int, version.split("."))))
    said = trouble(FILE, driver)  # type: ignore[arg-type]
    assert (said is not None) == is_named
    assert said is None or (version in said and "Install pysqlite3" in said and "PostgreSQL" in said)


@pytest.mark.skipif(sqlite3.sqlite_version_info >= FIXED, reason="Python's own SQLite has the fix")
def test_pythons_own_old_sqlite_is_named_and_the_one_that_is_pinned_is_not():
    assert trouble(FILE, sqlite3) is not None
    if sqlite_driver() is not sqlite3:
        assert trouble(FILE) is None


def test_another_database_has_no_such_trouble():
    assert trouble("postgresql+psycopg://user@host/pdc", sqlite3) is None


def test_the_doctor_names_packages_with_known_faults_and_no_others():
    assert too_old("pillow", "12.2.9") == "12.2.9 is older than 12.3 and has known faults; run pip install -r requirements.txt"
    assert too_old("pillow", "12.3.0") is None and too_old("gradio", "not installed: run pip") is None
    assert too_old("pandas", "0.1") is None and LEAST.keys() <= set(PACKAGES)
