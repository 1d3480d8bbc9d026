"""Count sessions: how each was begun, what was decided in it, and the sheets that were kept of it."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

APPEND_ONLY = ("count_sessions", "count_events", "count_sheets")


def upgrade() -> None:
    _sessions()
    _events()
    _sheets()
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            _refuse_change(table)


def _sessions() -> None:
    op.create_table(
        "count_sessions",
        sa.Column("seq", sa.Integer),
        *map(text, ("id", "sample", "protocol", "task", "labels")),
        text("chamber", nullable=True),
        *map(text, ("chosen", "by")),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_count_sessions"),
        sa.UniqueConstraint("id", name="uq_count_sessions_id"),
    )


def _events() -> None:
    op.create_table(
        "count_events",
        sa.Column("seq", sa.Integer),
        text("session_id", sa.ForeignKey("count_sessions.id", name="fk_count_events_session_id")),
        text("kind"),
        sa.Column("replicate", sa.Integer, nullable=True),
        text("image_sha256", sa.ForeignKey("images.sha256", name="fk_count_events_image_sha256"), nullable=True),
        *map(text, ("name", "value", "why", "by")),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_count_events"),
    )
    for column in ("session_id", "image_sha256"):
        op.create_index(f"ix_count_events_{column}", "count_events", [column])


def _sheets() -> None:
    op.create_table(
        "count_sheets",
        sa.Column("seq", sa.Integer),
        text("id"),
        text("session_id", sa.ForeignKey("count_sessions.id", name="fk_count_sheets_session_id")),
        sa.Column("revision", sa.Integer, nullable=False),
        *map(text, ("status", "text", "author")),
        sa.Column("made_at", sa.DateTime, nullable=False),
        text("amends", nullable=True),
        text("why"),
        sa.PrimaryKeyConstraint("seq", name="pk_count_sheets"),
        sa.UniqueConstraint("id", name="uq_count_sheets_id"),
        sa.UniqueConstraint("session_id", "revision", name="uq_count_sheets_revision"),
    )


def text(name: str, *args: sa.ForeignKey, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text, *args, nullable=nullable)


def _refuse_change(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} are never changed'); END"
        )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
