"""Triggers that note which image was written about, whoever writes: a row of `image_changes` an image, each time with a new
number. The statements are what a migration runs."""

from __future__ import annotations

from collections.abc import Iterator

ABOUT_IMAGES = {
    "images": "sha256",
    **dict.fromkeys(
        ("owners", "predictions", "reviews", "events", "reads", "reader_events", "signatures", "drafts"), "image_sha256"
    ),
}
CHANGING = frozenset({"drafts"})  # rows are changed and removed there
OF_COUNT = "SELECT DISTINCT image_sha256 FROM count_events WHERE session_id = NEW.session_id AND image_sha256 IS NOT NULL"
"""what is decided about a count may change what is shown of all its fields"""


def on_sqlite() -> Iterator[str]:
    for table, column in ABOUT_IMAGES.items():
        for verb in ("INSERT", "UPDATE", "DELETE") if table in CHANGING else ("INSERT",):
            sha256 = f"{'OLD' if verb == 'DELETE' else 'NEW'}.{column}"
            yield _sqlite(table, verb, f"DELETE FROM image_changes WHERE image_sha256 = {sha256}", f"VALUES ({sha256})")
    yield _sqlite("count_events", "INSERT", f"DELETE FROM image_changes WHERE image_sha256 IN ({OF_COUNT})", OF_COUNT)


def _sqlite(table: str, verb: str, forget: str, source: str) -> str:
    """Not OR REPLACE: in a trigger the statement that sets it off says what a conflict does."""
    return (
        f"CREATE TRIGGER {table}_note_{verb.lower()} AFTER {verb} ON {table} BEGIN "
        f"{forget}; INSERT INTO image_changes (image_sha256) {source}; END"
    )


NOTE = """ON CONFLICT (image_sha256) DO UPDATE SET seq = nextval(pg_get_serial_sequence('image_changes', 'seq'))"""


def on_postgresql() -> Iterator[str]:
    for table, column in ABOUT_IMAGES.items():
        yield from _postgresql(table, "INSERT OR UPDATE" if table in CHANGING else "INSERT", f"VALUES (NEW.{column})")
        if table in CHANGING:
            yield from _postgresql(table, "DELETE", f"VALUES (OLD.{column})")
    yield from _postgresql("count_events", "INSERT", OF_COUNT)


def _postgresql(table: str, verbs: str, source: str) -> Iterator[str]:
    name = f"{table}_note_{verbs.split()[0].lower()}"
    body = f"BEGIN INSERT INTO image_changes (image_sha256) {source} {NOTE}; RETURN NULL; END"
    yield f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
    yield f'CREATE TRIGGER {name} AFTER {verbs} ON "{table}" FOR EACH ROW EXECUTE FUNCTION {name}()'
