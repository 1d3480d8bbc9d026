"""From every version of the database to this one: rows, triggers and keys stay; a kill leaves the old or the new, never half."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from filled_stores import contents, fill

from pdc.store import Store
from pdc.store.audit.triggers import wrong_trigger
from pdc.store.backups.snapshot import check
from pdc.store.database import migrating, open_engine
from pdc.store.schema import _config

ROOT = Path(__file__).resolve().parents[2]
REVISIONS = [s.revision for s in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))]
Rows = dict[str, list[dict]]


def made_at(path: Path, revision: str, rows: int = 3) -> Rows:
    """A database as that version made it, with rows in every table; what is in them."""
    engine, config = open_engine(f"sqlite:///{path}"), _config()
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        fill(connection, rows)
        found = contents(connection)
    engine.dispose()
    return found


def now_in(path: Path) -> Rows:
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = contents(connection)
    engine.dispose()
    return found


def lost(before: Rows, after: Rows) -> list[tuple[str, dict]]:
    """Rows that are not there any more as they were, in the columns that they had."""
    kept = {name: [{c: row[c] for c in before[name][0]} for row in after[name]] for name in before if before[name]}
    return [(name, row) for name, rows in before.items() for row in rows if row not in kept[name]]


OFTEN = {"0001", "0012", REVISIONS[-2]}  # the others at night


@pytest.mark.parametrize("revision", [pytest.param(r, marks=[] if r in OFTEN else pytest.mark.nightly) for r in REVISIONS[:-1]])
def test_every_row_of_every_version_is_there_after_the_upgrade(tmp_path: Path, revision: str):
    path = tmp_path / "pdc.sqlite3"
    before = made_at(path, revision)
    Store.open(f"sqlite:///{path}").close()
    assert lost(before, now_in(path)) == []
    assert check(tmp_path / "backups" / f"before-migration-from-{revision}.sqlite3")["reviews"] == 3
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert wrong_trigger(connection) is None
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").first() is None
    engine.dispose()


def test_the_comparison_finds_a_single_changed_value_and_a_lost_row(tmp_path: Path):
    before = made_at(tmp_path / "pdc.sqlite3", "0012")
    with closing(sqlite3.connect(tmp_path / "pdc.sqlite3")) as database:
        for trigger in ("reviews_refuse_update", "events_refuse_delete"):
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE reviews SET author = 'mallory' WHERE seq = 2")
        database.execute("DELETE FROM events WHERE seq = 1")
        database.commit()
    found = lost(before, now_in(tmp_path / "pdc.sqlite3"))
    assert sorted((name, row["seq"]) for name, row in found) == [("events", 1), ("reviews", 2)]


OPEN = """
import sys, alembic.command
from pdc.store import Store
print("ready", flush=True)
sys.stdin.readline()
Store.open(sys.argv[1]).close()
print("done", flush=True)
"""


def killed_while_opening(path: Path, after: float) -> None:
    """A process that upgrades the database, killed so many seconds after it began."""
    words = [sys.executable, "-c", OPEN, f"sqlite:///{path}"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None and child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)


def version_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_in_a_migration_leaves_the_old_or_the_new_whole(tmp_path: Path, seed: int):
    path = tmp_path / "pdc.sqlite3"
    before = made_at(path, "0001", rows=300)
    killed_while_opening(path, random.Random(seed).uniform(0.05, 1.5))
    assert version_of(path) in ("0001", REVISIONS[-1]) and lost(before, now_in(path)) == []
    Store.open(f"sqlite:///{path}").close()
    assert version_of(path) == REVISIONS[-1] and lost(before, now_in(path)) == []
