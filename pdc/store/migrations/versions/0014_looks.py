"""Looks at locked test sets, a row each."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "looks",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("test_set", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("adapter", sa.Text, nullable=True),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_looks"),
    )
    op.create_index("ix_looks_digest", "looks", ["digest"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER looks_refuse_{verb.lower()} BEFORE {verb} ON looks "
                "BEGIN SELECT RAISE(ABORT, 'looks are never changed'); END"
            )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
