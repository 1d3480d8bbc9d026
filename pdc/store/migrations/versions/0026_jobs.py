"""Jobs: long work that any process may take."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "asked", "state", "made_by", "words")),
        *(sa.Column(name, sa.Text) for name in ("result", "error", "cancelled_by", "alone", "worker")),
        sa.Column("made_at", sa.DateTime, nullable=False),
        *(sa.Column(name, sa.DateTime) for name in ("started_at", "ended_at", "beat_at")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("done", "tries")),
        sa.Column("total", sa.Integer),
        sa.Column("parent", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_alone", "jobs", ["alone"], unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
    op.create_index("ix_jobs_state", "jobs", ["state", "id"])
    op.create_index("ix_jobs_made_by", "jobs", ["made_by", "id"])


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
