"""The history of labels: added, renamed, merged, retired, and their synonyms. First labels that nobody used are put away."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PUT_AWAY = (
    ("polyps", "merged", "polyp"),
    ("normal", "retired", None),
    ("cluster", "retired", None),
    ("pinhead", "retired", None),
    ("instrument", "retired", None),
)


def upgrade() -> None:
    events = op.create_table(
        "label_events",
        sa.Column("seq", sa.Integer, primary_key=True),
        text("label"),
        text("change"),
        text("other", nullable=True),
        text("by"),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_label_events"),
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    for label, change, other in PUT_AWAY:
        if not _used(label):
            op.bulk_insert(events, [{"label": label, "change": change, "other": other, "by": "PDC", "at": now}])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER label_events_refuse_{verb.lower()} BEFORE {verb} ON label_events "
                "BEGIN SELECT RAISE(ABORT, 'label_events are never changed'); END"
            )


def text(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=nullable)


def _used(label: str) -> bool:
    """Whether a question ever asked for it; labels are stored as a JSON array."""
    asked = (
        sa.select(sa.literal(1)).select_from(sa.table(name)).where(sa.column("labels").like(f'%"{label}"%')).limit(1)
        for name in ("reviews", "predictions", "drafts")
    )
    return any(op.get_bind().execute(query).first() is not None for query in asked)


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
