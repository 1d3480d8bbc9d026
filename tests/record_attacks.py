"""What somebody with a raw connection to the database file may try, one a function; each changes something, by a seed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from pdc.store.audit.tables import ONCE

Attack = Callable[[sqlite3.Connection, Random], None]


def attack(path: Path, seed: int) -> str:
    """Do one thing to a store's database; its name."""
    chance = Random(seed)
    done = ATTACKS[seed % len(ATTACKS)]
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        before = _content(db)
        done(db, chance)
        db.commit()
        assert _content(db) != before, f"{done.__name__} of seed {seed} changed nothing"
    return done.__name__


def _content(db: sqlite3.Connection) -> str:
    """All that the database says, with its triggers."""
    db.text_factory = bytes
    names = [row[0].decode() for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    said = [db.execute(f"SELECT * FROM {name}").fetchall() for name in names]
    said.append(db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
    db.text_factory = str
    return sha256(repr(said).encode()).hexdigest()


def _disarm(db: sqlite3.Connection) -> list[str]:
    """Take every trigger away; the statements that bring them back."""
    found = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in found:
        db.execute(f"DROP TRIGGER {name}")
    return [sql for _, sql in found]


def quietly(change: Attack) -> Attack:
    """The triggers are gone while it is done, and back afterwards."""

    def done(db: sqlite3.Connection, chance: Random) -> None:
        back = _disarm(db)
        change(db, chance)
        for sql in back:
            db.execute(sql)

    done.__name__ = change.__name__
    return done


def _table(db: sqlite3.Connection, chance: Random) -> str:
    return chance.choice([name for name in ONCE if db.execute(f"SELECT 1 FROM {name}").fetchone()])


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def _row(db: sqlite3.Connection, chance: Random, table: str) -> int:
    return chance.choice([rowid for (rowid,) in db.execute(f"SELECT rowid FROM {table}")])


def _other(value: Any, chance: Random) -> Any:
    """The value with one byte, or one count, changed."""
    if isinstance(value, str) and value:
        at = chance.randrange(len(value))
        return value[:at] + chr(ord(value[at]) ^ chance.choice((1, 2, 4))) + value[at + 1 :]
    if isinstance(value, int | float):
        return value + chance.choice((1, 0.5, -1))
    return "x"


def edit(db: sqlite3.Connection, chance: Random, table: str = "") -> None:
    """One byte of one field; another one where the database itself refuses that."""
    try:
        _edit(db, chance, table or _table(db, chance))
    except sqlite3.IntegrityError:
        edit(db, chance, table)


def _edit(db: sqlite3.Connection, chance: Random, table: str) -> None:
    column, row = chance.choice(_columns(db, table)), _row(db, chance, table)
    (value,) = db.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    changed = 10**6 if column in ("seq", "n", "id") and isinstance(value, int) else _other(value, chance)
    db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, row))


def delete(db: sqlite3.Connection, chance: Random) -> None:
    table = _table(db, chance)
    db.execute(f"DELETE FROM {table} WHERE rowid = ?", (_row(db, chance, table),))


def delete_with_links(db: sqlite3.Connection, chance: Random) -> None:
    """A row and the links about it."""
    table = _table(db, chance)
    row = _row(db, chance, table)
    (name,) = db.execute(f"SELECT {_columns(db, table)[0]} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    db.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
    db.execute("DELETE FROM audit_links WHERE table_name = ? AND row_id = ?", (table, str(name)))


def insert(db: sqlite3.Connection, chance: Random) -> None:
    """A copy of a row, with names of its own."""
    table = _table(db, chance)
    columns = _columns(db, table)
    values = dict(
        zip(columns, db.execute(f"SELECT * FROM {table} WHERE rowid = ?", (_row(db, chance, table),)).fetchone(), strict=True)
    )
    for column in ("seq", "id", "key", "sha256", "revision", "name") + (("image_sha256",) if table == "views" else ()):
        if column in values:
            values[column] = 10**6 + chance.randrange(10**6) if isinstance(values[column], int) else f"{chance.random()}"
    _put(db, table, values, "INSERT")


def replace(db: sqlite3.Connection, chance: Random) -> None:
    """INSERT OR REPLACE of a row with one field changed, without its triggers."""
    table = _table(db, chance)
    columns, row = _columns(db, table), _row(db, chance, table)
    values = dict(zip(columns, db.execute(f"SELECT * FROM {table} WHERE rowid = ?", (row,)).fetchone(), strict=True))
    column = chance.choice(columns[1:])
    values[column] = _other(values[column], chance)
    _put(db, table, values, "INSERT OR REPLACE")


def _put(db: sqlite3.Connection, table: str, values: dict[str, Any], verb: str) -> None:
    places = ", ".join("?" * len(values))
    db.execute(f"{verb} INTO {table} ({', '.join(values)}) VALUES ({places})", list(values.values()))


def swap(db: sqlite3.Connection, chance: Random, table: str = "", but: int = 1) -> None:
    """Two rows of a table take each other's place: all but their first column."""
    tables = [t for t in (*ONCE, "users") if len(db.execute(f"SELECT 1 FROM {t} LIMIT 2").fetchall()) == 2]
    table = table or chance.choice(tables)
    columns = _columns(db, table)
    (a, *of_a), (b, *of_b) = chance.sample(db.execute(f"SELECT rowid, * FROM {table}").fetchall(), 2)
    db.execute(f"DELETE FROM {table} WHERE rowid IN (?, ?)", (a, b))
    for kept, taken in ((of_a, of_b), (of_b, of_a)):
        _put(db, table, dict(zip(columns, [*kept[:but], *taken[but:]], strict=True)), "INSERT")


def swap_links(db: sqlite3.Connection, chance: Random) -> None:
    swap(db, chance, "audit_links")


def edit_link(db: sqlite3.Connection, chance: Random) -> None:
    edit(db, chance, "audit_links")


def delete_link(db: sqlite3.Connection, chance: Random) -> None:
    db.execute("DELETE FROM audit_links WHERE n = ?", (_row(db, chance, "audit_links"),))


def cut_tail(db: sqlite3.Connection, chance: Random) -> None:
    """The last links with the rows that they are about, as if they had never been."""
    last = db.execute(
        "SELECT n, table_name, row_id FROM audit_links ORDER BY n DESC LIMIT ?", (chance.randint(1, 20),)
    ).fetchall()
    for n, table, row in last:
        db.execute("DELETE FROM audit_links WHERE n = ?", (n,))
        if table in ONCE:
            db.execute(f"DELETE FROM {table} WHERE {_columns(db, table)[0]} = ?", (row,))


def new_links(db: sqlite3.Connection, chance: Random) -> None:
    """A row is changed, and every link from there on is made anew, by a plain hash: the key is not known."""
    edit(db, chance, "reviews")
    start, before = chance.randint(1, 50), ""
    for n, *said in db.execute("SELECT n, table_name, row_id, digest, key_id FROM audit_links ORDER BY n").fetchall():
        before = sha256(repr([n, *said, before]).encode()).hexdigest()
        if n >= start:
            db.execute("UPDATE audit_links SET mac = ? WHERE n = ?", (before, n))


def other_user(db: sqlite3.Connection, chance: Random) -> None:
    column, value = chance.choice((("password_hash", "of somebody else"), ("role", "admin"), ("created_at", "2020-01-01")))
    db.execute(f"UPDATE users SET {column} = ? WHERE name = 'reader 0'", (value,))


def more_users(db: sqlite3.Connection, chance: Random) -> None:
    db.execute(
        "INSERT INTO users (name, password_hash, created_at, role) VALUES (?, 'x', '2026-01-01', 'admin')",
        (f"{chance.random()}",),
    )


def fewer_users(db: sqlite3.Connection, chance: Random) -> None:
    db.execute("DELETE FROM users WHERE name = 'reader 1'")


def drop_trigger(db: sqlite3.Connection, chance: Random) -> None:
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")]
    db.execute(f"DROP TRIGGER {chance.choice(names)}")


def blunt_trigger(db: sqlite3.Connection, chance: Random) -> None:
    """A trigger of the same name that refuses nothing."""
    table = _table(db, chance)
    db.execute(f"DROP TRIGGER {table}_refuse_update")
    db.execute(f"CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table} BEGIN SELECT 1; END")


def empty_chain(db: sqlite3.Connection, chance: Random) -> None:
    db.execute("DELETE FROM audit_links")


QUIET = (edit, delete, delete_with_links, insert, replace, swap, swap_links, edit_link, delete_link, cut_tail, new_links)
USERS = (other_user, more_users, fewer_users)
ATTACKS: tuple[Attack, ...] = (*map(quietly, (*QUIET, empty_chain)), *USERS, drop_trigger, blunt_trigger)
