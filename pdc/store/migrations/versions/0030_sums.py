"""An index for every question that a page asks; sums of reviews; which counts are open. Nothing has to be read whole."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INDEXES = (
    ("images", "name", ("name",)),
    ("images", "group_name", ("group_name",)),
    ("reviews", "author", ("author", "created_at", "seq")),
    ("reviews", "created_at", ("created_at", "seq")),
    ("reviews", "labels", ("labels", "seq")),
    ("events", "kind", ("kind", "seq")),
    ("events", "given", ("kind", "reader")),
    ("events", "kind_at", ("kind", "at", "seq")),
    ("events", "at", ("at", "seq")),
    ("events", "by", ("by", "at", "seq")),
    ("reader_events", "at", ("at", "seq")),
    ("reader_events", "by", ("by", "at", "seq")),
    ("reads", "author", ("author", "created_at", "seq")),
    ("reads", "created_at", ("created_at", "seq")),
    ("signatures", "at", ("at", "seq")),
    ("signatures", "by", ("by", "at", "seq")),
    ("audit_events", "kind", ("kind", "at", "id")),
    ("audit_events", "at", ("at", "id")),
    ("audit_events", "who", ("who", "at", "id")),
    ("count_sessions", "at", ("at", "seq")),
    ("count_events", "at", ("at", "seq")),
    ("count_events", "by", ("by", "at", "seq")),
    ("count_sheets", "made_at", ("made_at", "seq")),
    ("vectors", "model", ("model", "seq")),
)
BEGUN = "INSERT INTO open_counts (session_id) VALUES (NEW.id)"
CLOSED = "DELETE FROM open_counts WHERE session_id = NEW.session_id"
REOPENED = f"{BEGUN.replace('NEW.id', 'NEW.session_id')} ON CONFLICT DO NOTHING"
KEPT = (
    ("count_sessions", "open_counts_begun", "", BEGUN),
    ("count_events", "open_counts_closed", "WHEN (NEW.kind = 'closed')", CLOSED),
    ("count_events", "open_counts_reopened", "WHEN (NEW.kind = 'reopened')", REOPENED),
)
"""table, trigger, when, what: a session is in `open_counts` while it is not closed"""
STILL_OPEN = """INSERT INTO open_counts (session_id) SELECT id FROM count_sessions WHERE COALESCE((SELECT kind FROM count_events
WHERE session_id = count_sessions.id AND kind IN ('closed', 'reopened') ORDER BY seq DESC LIMIT 1), '') <> 'closed'"""


def upgrade() -> None:
    op.drop_index("ix_audit_events_kind", "audit_events")
    for table, name, columns in INDEXES:
        op.create_index(f"ix_{table}_{name}", table, list(columns))
    _keyed("review_parts", [_text("image_sha256", "images.sha256", "review_parts")], _text("labels"), _number("usable"))
    _keyed("review_sums", [_text("labels")], _number("images"), _number("usable"))
    _keyed("reviewers", [_text("author"), _text("source")], _number("reviews"))
    _keyed("open_counts", [_text("session_id", "count_sessions.id", "open_counts")])
    op.execute(STILL_OPEN)
    for table, name, when, what in KEPT:
        _trigger(table, name, when, what)


def _trigger(table: str, name: str, when: str, what: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} AFTER INSERT ON {table} {when} BEGIN {what}; END")
    else:
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NULL; END $$")
        op.execute(f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}()")


def _text(name: str, points_to: str | None = None, table: str = "") -> sa.Column:
    link = [sa.ForeignKey(points_to, name=f"fk_{table}_{name}")] if points_to else []
    return sa.Column(name, sa.Text, *link, nullable=False)


def _number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer, nullable=False)


def _keyed(table: str, key: list[sa.Column], *columns: sa.Column) -> None:
    op.create_table(table, *key, *columns, sa.PrimaryKeyConstraint(*(c.name for c in key), name=f"pk_{table}"))


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
