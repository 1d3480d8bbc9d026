"""What SQLite itself refuses, whoever writes to the file: changing a row that is written once, removing it, or replacing it.

INSERT OR REPLACE removes a row without asking a trigger about it, unless a connection wishes so; so an insertion is refused
that would take the place of a row.
"""

from __future__ import annotations

from sqlalchemy import Connection

_SEQ, _ID, _KEY = ("seq",), ("id",), ("key",)
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "images": (_SEQ, ("sha256",)),
    "views": (("image_sha256",),),
    "predictions": (_SEQ, _ID),
    "reviews": (_SEQ, _ID, _KEY, ("image_sha256", "task", "labels", "revision")),
    "events": (_SEQ,),
    "label_events": (_SEQ,),
    "groups": (("name",),),
    "activations": (_SEQ,),
    "looks": (_SEQ,),
    "reader_events": (_SEQ,),
    "reads": (_SEQ, _ID, _KEY, ("image_sha256", "task", "labels", "author", "turn", "revision")),
    "signatures": (_SEQ,),
    "count_sessions": (_SEQ, _ID),
    "count_events": (_SEQ,),
    "count_sheets": (_SEQ, _ID, ("session_id", "revision")),
    "audit_events": (_ID,),
    "audit_links": (("n",),),
}
"""by table the sets of columns that no two rows share"""


def triggers(table: str) -> dict[str, str]:
    """The statements that make a table's triggers, by their names."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} are never changed'); END"
    same = " OR ".join(f"({' AND '.join(f'{column} = NEW.{column}' for column in name)})" for name in NAMES[table])
    taken = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"
    heads = {
        f"{table}_refuse_update": f"BEFORE UPDATE ON {table}",
        f"{table}_refuse_delete": f"BEFORE DELETE ON {table}",
        f"{table}_refuse_replace": f"BEFORE INSERT ON {table} {taken}",
    }
    return {name: f"CREATE TRIGGER {name} {when} {refuse}" for name, when in heads.items()}


def wrong_trigger(connection: Connection) -> str | None:
    """The name of a trigger that is not there, or is another; None where all are as they should be."""
    if connection.dialect.name != "sqlite":
        return None
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    said = {name: text for name, text in found}
    wanted = {name: text for table in NAMES for name, text in triggers(table).items()}
    return next((name for name, text in wanted.items() if said.get(name) != text), None)
