"""The rows of an archive come into a store, in its one transaction: what is here stays, and what differs is said.

A row keeps its name where that is free. Where another thing has it, the row gets a new name, and what refers to it follows. Of a
question that was reviewed in both stores the archive's revisions come after this store's, and then count, only where that is
wanted; else they are left out, with what belongs to them. Bringing in the same archive again changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Table, UniqueConstraint, func, select, tuple_
from sqlalchemy.orm import Session

from pdc.domain.errors import BadSetting, PdcError
from pdc.store import mapping
from pdc.store.archives.account import Account, in_words
from pdc.store.archives.kinds import kind_of, number_of
from pdc.store.archives.lines import Values, line_of, plain
from pdc.store.mapping import dump
from pdc.store.tables import ImageRow, Row

BATCH = 200
REVISION = "revision"
CHECKS: Mapping[str, Any] = {
    "predictions": mapping.prediction,
    "reviews": mapping.review,
    "drafts": mapping.draft,
    "adapters": mapping.adapter,
    "activations": mapping.activation,
    "runs": mapping.run,
    "users": mapping.user,
}
"""what reads a row of these tables again: one that it cannot read is refused"""
DIFFERS = "here they have another {columns}, which stays."
NEW_NAME = "another one has that name here, so it is now called {name}."
KEPT = "this store has other revisions of the same, which go on counting. --replace brings these in after them, and they count."
AFTER = "this store had other revisions of the same; these came after them, and count now."
WITHOUT = "what they belong to was left out."
SERVES = "this store has its own history of what serves; promote an adapter by hand."


class Incoming:
    """Rows that come into the store of an open session, table by table, those that others refer to first.

    `seal` links what was just added into the record.
    `folders`: where the files of an adapter lie that got another name, by where they lay.
    """

    def __init__(self, session: Session, account: Account, seal: Callable[[], object], *, replace: bool) -> None:
        self.session, self.account, self.seal, self.replace = session, account, seal, replace
        self.folders: dict[str, str] = {}
        self._names: dict[str, dict[Any, Any]] = {}
        self._gone: dict[str, set[Any]] = {}

    def bring(self, table: Table, rows: Iterable[Values]) -> None:
        """BadSetting where a row cannot be one."""
        coming = _Table(self, table)
        refers_to_itself = any(table.name in tables for tables in coming.kind.refers.values())
        for batch in _batches(rows, 1 if refers_to_itself else BATCH):
            coming.bring(batch)

    def rename(self, table: str, old: Any, new: Any) -> None:
        self._names.setdefault(table, {})[old] = new

    def name(self, table: str, old: Any) -> Any:
        """What a row of the archive is called here."""
        return self._names.get(table, {}).get(old, old)

    def leave(self, table: str, name: Any) -> None:
        self._gone.setdefault(table, set()).add(name)

    def is_gone(self, tables: Iterable[str], names: Iterable[Any]) -> bool:
        return any(name in self._gone.get(table, ()) for table in tables for name in names)


class _Table:
    """One table's rows, some at a time."""

    def __init__(self, incoming: Incoming, table: Table) -> None:
        self.incoming, self.table, self.kind = incoming, table, kind_of(table.name)
        self.session, self.account = incoming.session, incoming.account
        self.row: Any = next(m.class_ for m in Row.registry.mappers if m.local_table is table)
        self.number = number_of(table)
        self.compared = {c.name for c in table.columns} - {
            self.number,
            *self.kind.secrets,
            *([REVISION] if self.kind.line else ()),
        }
        last = self.session.execute(select(func.max(table.c[self.number]))).scalar() if self.number else None
        self.last, self.keeps_numbers = last or 0, last is None
        self.equal = Counter(self._digests()) if not self.kind.key else Counter[bytes]()
        self.rivals = self._rivals()
        self.apart: set[tuple[Any, ...]] = set()

    def bring(self, batch: Sequence[Values]) -> None:
        referring = [row for row in batch if not self._lacks_its_owner(row)]
        new = list(self._new([self._renamed(row) for row in referring]))
        placed = list(self._placed(self._with_free_keys(new)))
        self.session.add_all([self._checked(self._numbered(row)) for row in placed])
        self.session.flush()
        self.incoming.seal()
        self.session.expunge_all()
        self.account.came[self.table.name] += len(placed)

    # what a row refers to

    def _lacks_its_owner(self, row: Values) -> bool:
        refers = self.kind.refers.items()
        if not any(self.incoming.is_gone(tables, _listed(row.get(column))) for column, tables in refers):
            return False
        self._leave(row, WITHOUT)
        return True

    def _renamed(self, row: Values) -> Values:
        """The row, calling others what they are called here."""
        for column, tables in self.kind.refers.items():
            for table in tables if row.get(column) is not None else ():
                row = {**row, column: self._called(table, row[column])}
        return row

    def _called(self, table: str, value: Any) -> Any:
        listed = plain(value) if isinstance(value, str) else value
        if isinstance(listed, list):
            return dump([self.incoming.name(table, name) for name in listed])
        return self.incoming.name(table, value)

    # what is here already

    def _new(self, rows: Sequence[Values]) -> Iterator[Values]:
        """Those that are not here; each under a name that is free."""
        if not self.kind.key:
            yield from (row for row in rows if not self._has_equal(row))
            return
        here = self._here(rows)
        taken = [row for row in rows if self._is_other(row, here)]
        again = self._here([self._under_new_name(row) for row in taken])
        for row in rows:
            own, found = (self._under_new_name(row), again) if row in taken else (row, here)
            if row in taken:
                self._say_new_name(row, own)
            if self._key(own) not in found:
                yield own
            else:
                self._note_here(own, found[self._key(own)])

    def _has_equal(self, row: Values) -> bool:
        if self.equal[digest := self._digest(row)] == 0:
            return False
        self.equal[digest] -= 1
        self.account.here[self.table.name] += 1
        return True

    def _digests(self) -> Iterator[bytes]:
        rows = self.session.execute(select(self.table), execution_options={"yield_per": BATCH}).mappings()
        return (self._digest(row) for row in rows)

    def _digest(self, row: Mapping[Any, Any]) -> bytes:
        untold = {self.number} | ({"at"} if self.kind.seeded and row["by"] == self.kind.seeded else set())
        return sha256(line_of({name: value for name, value in sorted(row.items()) if name not in untold})).digest()

    def _here(self, rows: Sequence[Values]) -> dict[tuple[Any, ...], Mapping[Any, Any]]:
        """The stored rows of the same names."""
        keys = [self._key(row) for row in rows]
        found = self.session.execute(select(self.table).where(self._among(self.kind.key, keys))).mappings() if keys else ()
        return {self._key(row): row for row in found}

    def _is_other(self, row: Values, here: Mapping[tuple[Any, ...], Mapping[Any, Any]]) -> bool:
        """Whether another thing has its name."""
        stored = here.get(self._key(row))
        if stored is None or not self.kind.renamed:
            return False
        return any(stored[name] != row[name] for name in self.kind.same or self.compared & row.keys())

    def _note_here(self, row: Values, stored: Mapping[Any, Any]) -> None:
        self.account.here[self.table.name] += 1
        if other := sorted(name for name in self.compared & row.keys() if stored[name] != row[name]):
            said = DIFFERS.format(columns=", ".join(map(in_words, other)))
            self.account.say(self.table.name, said, self._called_for_people(row))

    def _under_new_name(self, row: Values) -> Values:
        """The same row under a name that follows from what it says, so that it is found the next time."""
        (name,) = self.kind.key
        new = self._new_name(row, row[name])
        return self._moved({**row, name: new}, row[name])

    def _moved(self, row: Values, old: str) -> Values:
        """An adapter that got another name gets a folder of that name."""
        if self.table.name != "adapters" or not row["path"].startswith("runs/"):
            return row
        before = row["path"].rsplit("/", 1)[0]
        self.incoming.folders[before] = after = f"runs/{row['name']}"
        return {**row, "path": row["path"].replace(before, after, 1)}

    def _say_new_name(self, row: Values, own: Values) -> None:
        (name,) = self.kind.key
        self.incoming.rename(self.table.name, row[name], own[name])
        self.account.say(self.table.name, NEW_NAME.format(name=own[name]), str(row[name]))

    def _with_free_keys(self, rows: Sequence[Values]) -> Sequence[Values]:
        """Other columns that may be there once only: what is taken gets a new value."""
        for column in self._single_columns():
            taken = set(self.session.execute(select(column).where(column.in_([r[column.name] for r in rows]))).scalars())
            rows = [{**r, column.name: self._new_name(r, r[column.name])} if r[column.name] in taken else r for r in rows]
        return rows

    def _new_name(self, row: Values, old: Any) -> str:
        return f"{old}-{self._digest(row).hex()[:8]}"

    def _single_columns(self) -> list[Any]:
        unique = [c for c in self.table.constraints if isinstance(c, UniqueConstraint) and len(c.columns) == 1]
        return [column for c in unique for column in c.columns if column.name not in self.kind.key]

    # lines of revisions, and histories of their own

    def _placed(self, rows: Sequence[Values]) -> Iterator[Values]:
        """Those that come in, each with a revision that is free."""
        heads = self._heads(rows)
        for row in rows:
            if self.rivals and tuple(row[c] for c in self.kind.alone) in self.rivals:
                self._leave(row, SERVES)
            elif not self.kind.line:
                yield row
            elif (placed := self._revision(row, heads)) is not None:
                yield placed

    def _revision(self, row: Values, heads: dict[tuple[Any, ...], int]) -> Values | None:
        line = tuple(row[c] for c in self.kind.line)
        if row[REVISION] <= heads.get(line, 0):
            self.apart.add(line)
        if line in self.apart and not self.incoming.replace:
            return self._leave(row, KEPT)
        if line in self.apart:
            self.account.say(self.table.name, AFTER, self._called_for_people(row))
            row = {**row, REVISION: heads[line] + 1}
        heads[line] = row[REVISION]
        return row

    def _heads(self, rows: Sequence[Values]) -> dict[tuple[Any, ...], int]:
        """The last revision here of each line."""
        if not self.kind.line or not rows:
            return {}
        columns = [self.table.c[name] for name in self.kind.line]
        lines = [tuple(row[name] for name in self.kind.line) for row in rows]
        query = select(*columns, func.max(self.table.c.revision)).where(self._among(self.kind.line, lines)).group_by(*columns)
        return {tuple(found[:-1]): found[-1] for found in self.session.execute(query)}

    def _rivals(self) -> set[tuple[Any, ...]]:
        columns = [self.table.c[name] for name in self.kind.alone]
        return {tuple(row) for row in self.session.execute(select(*columns).distinct())} if columns else set()

    def _leave(self, row: Values, why: str) -> None:
        self.account.say(self.table.name, why, self._called_for_people(row))
        if len(self.kind.key) == 1:
            self.incoming.leave(self.table.name, row[self.kind.key[0]])

    # a row by itself

    def _numbered(self, row: Values) -> Values:
        """Numbered as in the archive where the table was empty, else after the last row here."""
        if self.number is None or self.keeps_numbers:
            return row
        self.last += 1
        self.incoming.rename(self.table.name, row[self.number], self.last)
        return {**row, self.number: self.last}

    def _checked(self, values: Values) -> Any:
        row = self.row(**values)
        try:
            CHECKS.get(self.table.name, lambda row: row)(row)
        except (PdcError, ValueError, TypeError, KeyError, AttributeError) as error:
            what = self._called_for_people(values)
            raise BadSetting(
                "The archive has {table} that PDC cannot read ({what}).", table=self.table.name, what=what
            ) from error
        return row

    def _key(self, row: Mapping[Any, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.kind.key)

    def _among(self, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
        columns = [self.table.c[name] for name in names]
        return columns[0].in_([key[0] for key in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)

    def _called_for_people(self, row: Values) -> str:
        sha256 = row.get("image_sha256")
        name = self.session.scalar(select(ImageRow.name).where(ImageRow.sha256 == sha256)) if sha256 else None
        return (
            name or "/".join(str(row[column]) for column in self.kind.key or ("base", "by") if column in row) or self.table.name
        )


def _batches(rows: Iterable[Values], size: int) -> Iterator[list[Values]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


def _listed(value: Any) -> Iterable[Any]:
    listed = plain(value) if isinstance(value, str) else value
    return listed if isinstance(listed, list) else (value,)
