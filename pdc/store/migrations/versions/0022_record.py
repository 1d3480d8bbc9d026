"""The record: acts, and a chain of links over all that is written once; and SQLite refuses to replace such a row."""

import sqlalchemy as sa
from alembic import op

from pdc.store.audit.triggers import NAMES, triggers

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer),
        text("kind"),
        text("who"),
        text("image_sha256", nullable=True),
        text("what"),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    for column in ("kind", "image_sha256"):
        op.create_index(f"ix_audit_events_{column}", "audit_events", [column])
    op.create_table(
        "audit_links",
        sa.Column("n", sa.Integer, autoincrement=False),
        *map(text, ("table_name", "row_id", "digest", "key_id", "mac")),
        sa.PrimaryKeyConstraint("n", name="pk_audit_links"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for table in NAMES:
            _refuse_change(table)


def text(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=nullable)


def _refuse_change(table: str) -> None:
    for name, statement in triggers(table).items():
        op.execute(f"DROP TRIGGER IF EXISTS {name}")
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
