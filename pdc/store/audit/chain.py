"""The chain grows: whatever a transaction adds to a sealed table, or changes in one, gets its link in the same transaction.

Links are written last, just before the commit. Writers of all processes queue for their turn before they read anything, on
SQLite and PostgreSQL alike: whoever appends has seen the last link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from pdc.store.audit.anchor import Anchor, Head
from pdc.store.audit.digests import GONE, digest, mac
from pdc.store.audit.keys import KeyFile
from pdc.store.audit.rows import pieces, row_id
from pdc.store.audit.tables import LINKS, SEALED, sealed_tables
from pdc.store.tables import Row

RECORD, KEY = "record", "key "
"""the table that links about the chain itself name, and how the name of another key begins there"""
CHANGED = "pdc_changed"
HEAD = select(LINKS.c.n, LINKS.c.mac, LINKS.c.key_id).order_by(LINKS.c.n.desc()).limit(1)
Entry = tuple[str, str, str]  # table, row, digest


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where the keys and the anchor of a database lie; None: nowhere, and both are gone with this process."""

    key: Path | None = None
    anchor: Path | None = None

    @classmethod
    def beside(cls, url: str | URL, home: Path | None = None) -> RecordPlace:
        """Beside a SQLite file, else in `home`."""
        try:
            parsed = make_url(url)
        except ArgumentError:  # whoever opens the database says so
            return cls()
        if parsed.get_backend_name() != "sqlite":
            return cls(home / "record.key", home / "pdc.anchor") if home else cls()
        file = parsed.database
        if not file or file.startswith(("file:", ":memory:")):
            return cls()
        return cls(Path(file).with_name("record.key"), Path(file).with_suffix(".anchor"))


class Chain:
    """Appends to the chain of a database, and seals what was there before it."""

    def __init__(self, place: RecordPlace) -> None:
        self.place, self.anchor, self.keys = place, Anchor(place.anchor), KeyFile(place.key)

    def append(self, connection: Connection, entries: Iterable[Entry]) -> Head | None:
        """Links for these rows, after all others; the last one, or None where there is nothing to link."""
        waiting = list(entries)
        if not waiting:
            return None
        found, keys = connection.execute(HEAD).first(), self.keys.now()
        head, sealing = (Head(found.n, found.mac), found.key_id) if found else (Head(), keys.newest)
        links: list[dict[str, Any]] = []
        if sealing != keys.newest:
            known = sealing if sealing in keys.known else keys.newest
            links.append(_link(head, known, keys.known[known], (RECORD, f"{KEY}{keys.newest}", GONE)))
        for entry in waiting:
            links.append(_link(_head(links[-1]) if links else head, keys.newest, keys.known[keys.newest], entry))
        connection.execute(insert(LINKS), links)
        return _head(links[-1])

    def seal_found(self, connection: Connection) -> Head | None:
        """Link the rows of sealed tables that have no link at all: the store is older than the record, or than the table."""
        linked = set(connection.scalars(select(LINKS.c.table_name).distinct()))
        here, head = set(inspect(connection).get_table_names()), None
        for name in (here & sealed_tables().keys()) - linked:
            table = sealed_tables()[name]
            for piece in pieces(connection, table):
                head = self.append(connection, ((name, row_id(table, row), digest(table, row)) for row in piece))
        if head or not linked:
            said = f"sealed as found on {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
            head = self.append(connection, [(RECORD, said, GONE)])
        return head


def _link(before: Head, key_id: str, key: bytes, entry: Entry) -> dict[str, Any]:
    table, row, content = entry
    n = before.n + 1
    code = mac(key, n, key_id, table, row, content, before.mac)
    return {"n": n, "table_name": table, "row_id": row, "digest": content, "key_id": key_id, "mac": code}


def _head(link: dict[str, Any]) -> Head:
    return Head(link["n"], link["mac"])


class RecordedSession(Session):
    """A session that notes which rows of sealed tables it adds, changes and removes."""

    def entries(self) -> Iterator[Entry]:
        """What was noted, as it stands now."""
        for row, gone in self.info.pop(CHANGED, ()):
            table = row.__table__
            values = {column.name: getattr(row, column.key) for column in table.columns}
            yield table.name, row_id(table, values), GONE if gone else digest(table, values)


@event.listens_for(RecordedSession, "after_flush")
def _note(session: RecordedSession, _flush: UOWTransaction) -> None:
    noted = session.info.setdefault(CHANGED, [])
    changed = (row for row in session.dirty if session.is_modified(row))
    noted += [(row, False) for row in (*session.new, *changed) if _sealed(row)]
    noted += [(row, True) for row in session.deleted if _sealed(row)]


@event.listens_for(RecordedSession, "do_orm_execute")
def _refuse_unseen(said: ORMExecuteState) -> None:
    """A statement that changes many rows at once would pass the chain by: that is a fault of ours."""
    table = getattr(said.bind_mapper, "local_table", None)
    if (said.is_insert or said.is_update or said.is_delete) and table is not None and table.name in SEALED:
        raise RuntimeError(f"{table.name} are sealed: add, change and delete the rows one by one")


def _sealed(row: Row) -> bool:
    return row.__tablename__ in SEALED
