"""Events (assigned, sent back), whether a review was blind, and one draft for each tab instead of one for each reader."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DRAFT = "author, image_sha256, task, labels, findings, base_revision, prediction_id, saved_at"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("blind", sa.Boolean, nullable=False, server_default=sa.false()))
    _events()
    _drafts()


def text(name: str, *args: sa.ForeignKey, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text, *args, nullable=nullable)


def _events() -> None:
    image = sa.ForeignKey("images.sha256", name="fk_events_image_sha256")
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True),
        text("image_sha256", image),
        text("kind"),
        text("by"),
        text("reader", nullable=True),
        text("note"),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_image_sha256", "events", ["image_sha256"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_refuse_{verb.lower()} BEFORE {verb} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are never changed'); END"
            )


def _drafts() -> None:
    """A table's primary key cannot be widened everywhere: the rows are put aside and back."""
    op.execute(f"CREATE TABLE drafts_before AS SELECT {DRAFT} FROM drafts")
    op.drop_table("drafts")
    image = sa.ForeignKey("images.sha256", name="fk_drafts_image_sha256")
    prediction = sa.ForeignKey("predictions.id", name="fk_drafts_prediction_id")
    op.create_table(
        "drafts",
        text("author"),
        text("image_sha256", image),
        text("task"),
        text("labels"),
        text("key"),
        text("findings"),
        sa.Column("base_revision", sa.Integer, nullable=False),
        text("prediction_id", prediction, nullable=True),
        sa.Column("saved_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("author", "image_sha256", "task", "labels", "key", name="pk_drafts"),
    )
    op.execute(f"INSERT INTO drafts ({DRAFT}, key) SELECT {DRAFT}, '' FROM drafts_before")
    op.drop_table("drafts_before")


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
