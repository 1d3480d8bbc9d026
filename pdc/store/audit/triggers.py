"""What the database itself refuses, whoever writes to it: changing a row that is written once, removing it, or replacing it.

INSERT OR REPLACE removes a row without asking a trigger about it, unless a connection wishes so; so an insertion is refused
that would take the place of a row.
"""

from __future__ import annotations

from sqlalchemy import Connection

_SEQ, _ID, _KEY = ("seq",), ("id",), ("key",)
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "images": (_SEQ, ("sha256",)),
    "views": (("image_sha256",),),
    "owners": (("owner", "image_sha256"),),
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

BODY = """
BEGIN
  RAISE EXCEPTION '% are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
"""
ON_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
ON_POSTGRESQL = """SELECT tgname, btrim(prosrc, E' \\n') FROM pg_trigger
JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_class ON pg_class.oid = tgrelid
WHERE tgenabled <> 'D' AND tgqual IS NULL AND starts_with(tgname, relname) AND pg_table_is_visible(tgrelid)"""


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
    """The name of a trigger that is not there, is another, or is switched off; None where all are as they should be."""
    sqlite = connection.dialect.name == "sqlite"
    found = connection.exec_driver_sql(ON_SQLITE if sqlite else ON_POSTGRESQL).all()
    said = {name: text for name, text in found}
    wanted = {name: text for table in NAMES for name, text in (triggers(table) if sqlite else server_triggers(table)).items()}
    return next((name for name, text in wanted.items() if said.get(name) != text), None)


def server_triggers(table: str) -> dict[str, str]:
    """What PostgreSQL has in place of `triggers`: by the name of each, the body of the function that it calls."""
    return {f"{table}_refuse_{verb}": BODY.strip() for verb in ("update", "delete", "truncate")}
