"""The whole record is read again: each link by its key, each row by its link, the end by an anchor. The first fault is named.

Links and rows are read a few hundred at a time, in the order of the links; memory stays flat. The tables whose rows change are
small: the last digest of each of their rows is kept meanwhile.
"""

from __future__ import annotations

import hmac
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Integer, Row, Table, cast, func, select
from sqlalchemy.exc import DBAPIError

from pdc.domain.message import Message
from pdc.store.audit.anchor import Head
from pdc.store.audit.chain import KEY, RECORD
from pdc.store.audit.digests import GONE, digest, mac, plain_type
from pdc.store.audit.keys import Keys
from pdc.store.audit.rows import PIECE, Values, key_of, pieces, row_id, rows_with
from pdc.store.audit.tables import LINKS, ONCE, STATES, sealed_tables
from pdc.store.audit.triggers import wrong_trigger

CHANGED = "Row {row} of {table} was changed after it was written."
REMOVED = "Row {row} of {table} was removed."
SLIPPED_IN = "Row {row} of {table} was not written by PDC: no link of the record is about it."
BROKEN = "Link {n} of the record was changed, or a link before it was removed."
MISSING = "Links {n} to {m} of the record were removed."
UNKNOWN_KEY = "Link {n} of the record was sealed with the key {key}, which is not in the key file."
UNNAMED_KEY = "From link {n} on the record is sealed with another key, and no link of the key before names it."
CUT = "The record ends at link {n}, and the anchor knows of link {m}: what was written last was cut off."
OTHER = "Link {n} of the record is another than the anchor knows: the record was written anew."
NO_SEAL = "The record is empty: its links were removed."
TRIGGER = "The trigger {name} is missing or was changed: the database no longer refuses to change what was written."
UNREADABLE = "Row {row} of {table} cannot be read."


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the last link, how many rows are sealed, when the record began, and the first fault if any."""

    head: Head
    rows: int
    began: str
    fault: Message | None = None


@dataclass(slots=True)
class _Walk:
    """Where a walk along the chain stands."""

    keys: Keys
    anchors: Mapping[int, str]
    head: Head = field(default_factory=Head)
    key: str = ""
    named: str = ""
    began: str = ""
    once: Counter[str] = field(default_factory=Counter)
    states: dict[tuple[str, str], str] = field(default_factory=dict)


def check(connection: Connection, keys: Keys, anchors: Sequence[Head] = ()) -> Checked:
    """Walk over the whole record. `anchors`: links that are known from elsewhere."""
    walk = _Walk(keys, {a.n: a.mac for a in anchors if a.n})
    fault = next(_faults(connection, walk), None)
    return Checked(walk.head, sum(walk.once.values()) + len(walk.states), walk.began, fault)


def _faults(connection: Connection, walk: _Walk) -> Iterator[Message]:
    while links := _next_links(connection, walk.head.n):
        for link in links:
            yield from _about_link(walk, link)
        yield from _about_rows(connection, links)
    if not walk.head.n:
        yield Message(NO_SEAL)
    if walk.anchors and (farthest := max(walk.anchors)) > walk.head.n:
        yield Message(CUT, n=walk.head.n, m=farthest)
    for name in ONCE:
        yield from _slipped_in(connection, sealed_tables()[name], walk.once[name])
    for name in STATES:
        yield from _about_states(connection, sealed_tables().get(name), walk)
    if name := wrong_trigger(connection):
        yield Message(TRIGGER, name=name)


def _next_links(connection: Connection, n: int) -> Sequence[Row]:
    return connection.execute(select(LINKS).where(LINKS.c.n > n).order_by(LINKS.c.n).limit(PIECE)).all()


def _about_link(walk: _Walk, link: Row) -> Iterator[Message]:
    n, table, row, content, key, code = link
    if n != walk.head.n + 1:
        yield Message(MISSING, n=walk.head.n + 1, m=n - 1)
    if key not in walk.keys.known:
        yield Message(UNKNOWN_KEY, n=n, key=key)
    elif not hmac.compare_digest(mac(walk.keys.known[key], n, key, table, row, content, walk.head.mac), code):
        yield Message(BROKEN, n=n)
    if walk.key not in ("", key) and walk.named != f"{KEY}{key}":
        yield Message(UNNAMED_KEY, n=n)
    if walk.anchors.get(n, code) != code:
        yield Message(OTHER, n=n)
    _go_on(walk, link)


def _go_on(walk: _Walk, link: Row) -> None:
    n, table, row, content, key, code = link
    walk.head, walk.key, walk.named = Head(n, code), key, row if table == RECORD else ""
    if table == RECORD:
        walk.began = walk.began or ("" if row.startswith(KEY) else row)
    elif table in STATES:
        walk.states[table, row] = content
    else:
        walk.once[table] += 1


def _about_rows(connection: Connection, links: Sequence[Row]) -> Iterator[Message]:
    """Each row of these links, of the tables that are written once, is as it was."""
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        asked[link.table_name].append(link.row_id)
    tables = sealed_tables()
    found = {name: _rows(connection, tables[name], ids) for name, ids in asked.items() if name in ONCE}
    for link in links:
        if link.table_name in found:
            yield from _compared(tables[link.table_name], link.row_id, found[link.table_name].get(link.row_id), link.digest)


def _rows(connection: Connection, table: Table, ids: Sequence[str]) -> Mapping[str, Values]:
    try:
        return rows_with(connection, table, ids)
    except (DBAPIError, ValueError):  # text that is none: row by row, so that it can be named
        return {id: _one(connection, table, id) for id in ids}


def _one(connection: Connection, table: Table, id: str) -> Values:
    try:
        return rows_with(connection, table, [id])[id]
    except (DBAPIError, ValueError, KeyError):
        return {}


def _compared(table: Table, row: str, values: Values | None, content: str) -> Iterator[Message]:
    if values is None:
        yield Message(REMOVED, row=row, table=table.name)
    elif not values:
        yield Message(UNREADABLE, row=row, table=table.name)
    elif digest(table, values) != content:
        yield Message(CHANGED, row=row, table=table.name)


def _slipped_in(connection: Connection, table: Table, linked: int) -> Iterator[Message]:
    """A row that no link is about. Every link's own row is there, as the walk has shown: more rows than links tell it."""
    if connection.scalar(select(func.count()).select_from(table)) == linked:
        return
    key, known = key_of(table), LINKS.c.row_id
    about = select(cast(known, Integer) if isinstance(plain_type(key), Integer) else known).where(
        LINKS.c.table_name == table.name
    )
    row = connection.scalar(select(key).where(key.not_in(about)).order_by(key).limit(1))
    yield Message(SLIPPED_IN, row=row, table=table.name)


def _about_states(connection: Connection, table: Table | None, walk: _Walk) -> Iterator[Message]:
    """Each row of a table whose rows change is as its last link says, and none is missing or too many."""
    if table is None:
        return
    left = {row: content for (name, row), content in walk.states.items() if name == table.name and content != GONE}
    for piece in pieces(connection, table):
        for values in piece:
            row = row_id(table, values)
            if row not in left:
                yield Message(SLIPPED_IN, row=row, table=table.name)
            else:
                yield from _compared(table, row, values, left.pop(row))
    for row in left:
        yield Message(REMOVED, row=row, table=table.name)
