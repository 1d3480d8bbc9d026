"""Which SQLite speaks to the file, and whether it has the fix of a fault that can damage a database."""

from __future__ import annotations

from types import ModuleType

from sqlalchemy import make_url

from pdc.domain.message import Message
from pdc.store.database import sqlite_driver

FIXED = (3, 51, 3)
"""from here on two connections that fold the write-ahead log at the same moment damage nothing (the WAL-reset fault)"""
WITHOUT_FIX = Message(
    "SQLite {version} can damage a database when two connections write at the same moment; {fixed} is the first that cannot. "
    "Install pysqlite3 (Linux on x86_64), a Python that comes with a newer SQLite, or use PostgreSQL. Until then, back up often."
)


def trouble(url: str, driver: ModuleType | None = None) -> Message | None:
    """What is wrong with the SQLite in use; None where nothing is, or where the database is another."""
    driver = driver or sqlite_driver()
    if make_url(url).get_backend_name() != "sqlite" or driver.sqlite_version_info >= FIXED:
        return None
    return Message(WITHOUT_FIX.text, version=driver.sqlite_version, fixed=".".join(map(str, FIXED)))
