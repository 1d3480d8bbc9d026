"""Several readers of an image: who was asked to read it, what each of them read, what a consensus rests on; and signatures."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

APPEND_ONLY = ("reader_events", "reads", "signatures")


def upgrade() -> None:
    op.add_column("reviews", sa.Column("rests_on", sa.Text, nullable=True))
    _reader_events()
    _reads()
    _signatures()
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            _refuse_change(table)


def _reader_events() -> None:
    op.create_table(
        "reader_events",
        *_about_a_question("reader_events"),
        text("kind"),
        text("reader"),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("shows_model", sa.Boolean, nullable=False),
        sa.Column("opens_at", sa.DateTime, nullable=False),
        text("by"),
        text("note"),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_reader_events"),
    )
    op.create_index("ix_reader_events_image_sha256", "reader_events", ["image_sha256"])


def _reads() -> None:
    op.create_table(
        "reads",
        *_about_a_question("reads"),
        text("id"),
        text("key"),
        text("prediction_id", sa.ForeignKey("predictions.id", name="fk_reads_prediction_id"), nullable=True),
        text("verdict"),
        text("findings"),
        text("author"),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_reads"),
        sa.UniqueConstraint("id", name="uq_reads_id"),
        sa.UniqueConstraint("key", name="uq_reads_key"),
        sa.UniqueConstraint("image_sha256", "task", "labels", "author", "turn", "revision", name="uq_reads_revision"),
    )


def _signatures() -> None:
    op.create_table(
        "signatures",
        *_about_a_question("signatures"),
        text("review_id"),
        text("kind"),
        text("meaning"),
        sa.Column("revision", sa.Integer, nullable=False),
        text("by"),
        text("reason"),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_signatures"),
    )
    op.create_index("ix_signatures_review_id", "signatures", ["review_id"])


def _about_a_question(table: str) -> tuple[sa.Column, ...]:
    image = sa.ForeignKey("images.sha256", name=f"fk_{table}_image_sha256")
    return sa.Column("seq", sa.Integer), text("image_sha256", image), text("task"), text("labels")


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
