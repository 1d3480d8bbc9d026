"""Every table of the first version, the first labels, and triggers that keep what was said once."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LABELS = (
    "red blood cell",
    "white blood cell",
    "platelet",
    "nucleus",
    "polyp",
    "polyps",
    "instrument",
    "normal",
    "cluster",
    "pinhead",
)
APPEND_ONLY = ("images", "predictions", "reviews", "activations", "groups")


def upgrade() -> None:
    _images_and_labels()
    _predictions()
    _reviews()
    _drafts()
    _adapters()
    _others()
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            _refuse_change(table)


def text(name: str, *args: sa.ForeignKey, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text, *args, nullable=nullable)


def whole(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer, nullable=False)


def time(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime, nullable=nullable)


def seq() -> sa.Column:
    return sa.Column("seq", sa.Integer, primary_key=True)


def image_key(table: str) -> sa.ForeignKey:
    return sa.ForeignKey("images.sha256", name=f"fk_{table}_image_sha256")


def prediction_key(table: str) -> sa.ForeignKey:
    return sa.ForeignKey("predictions.id", name=f"fk_{table}_prediction_id")


def _images_and_labels() -> None:
    op.create_table(
        "images",
        seq(),
        text("sha256"),
        text("name"),
        whole("width"),
        whole("height"),
        text("group_name"),
        time("created_at"),
        sa.PrimaryKeyConstraint("seq", name="pk_images"),
        sa.UniqueConstraint("sha256", name="uq_images_sha256"),
    )
    labels = op.create_table("labels", text("label"), sa.PrimaryKeyConstraint("label", name="pk_labels"))
    op.bulk_insert(labels, [{"label": label} for label in LABELS])


def _predictions() -> None:
    op.create_table(
        "predictions",
        seq(),
        text("id"),
        text("image_sha256", image_key("predictions")),
        text("task"),
        text("labels"),
        text("findings", nullable=True),
        text("raw"),
        text("model"),
        text("adapter", nullable=True),
        text("prompt_version"),
        sa.Column("seconds", sa.Double, nullable=False),
        time("created_at"),
        sa.PrimaryKeyConstraint("seq", name="pk_predictions"),
        sa.UniqueConstraint("id", name="uq_predictions_id"),
    )
    op.create_index("ix_predictions_question", "predictions", ["image_sha256", "task", "labels"])


def _reviews() -> None:
    op.create_table(
        "reviews",
        seq(),
        text("id"),
        text("key"),
        text("image_sha256", image_key("reviews")),
        text("task"),
        text("labels"),
        text("prediction_id", prediction_key("reviews"), nullable=True),
        text("verdict"),
        text("findings"),
        text("author"),
        whole("revision"),
        time("created_at"),
        sa.PrimaryKeyConstraint("seq", name="pk_reviews"),
        sa.UniqueConstraint("id", name="uq_reviews_id"),
        sa.UniqueConstraint("key", name="uq_reviews_key"),
        sa.UniqueConstraint("image_sha256", "task", "labels", "revision", name="uq_reviews_revision"),
    )


def _drafts() -> None:
    op.create_table(
        "drafts",
        text("author"),
        text("image_sha256", image_key("drafts")),
        text("task"),
        text("labels"),
        text("findings"),
        whole("base_revision"),
        text("prediction_id", prediction_key("drafts"), nullable=True),
        time("saved_at"),
        sa.PrimaryKeyConstraint("author", "image_sha256", "task", "labels", name="pk_drafts"),
    )


def _adapters() -> None:
    op.create_table(
        "adapters",
        seq(),
        text("name"),
        text("base"),
        text("path"),
        text("status"),
        text("parent", nullable=True),
        text("prompt_version"),
        text("metrics"),
        time("created_at"),
        sa.PrimaryKeyConstraint("seq", name="pk_adapters"),
        sa.UniqueConstraint("name", name="uq_adapters_name"),
    )
    active = sa.text("status = 'active'")
    op.create_index("uq_adapters_active", "adapters", ["base"], unique=True, sqlite_where=active, postgresql_where=active)
    adapter = sa.ForeignKey("adapters.name", name="fk_activations_adapter")
    op.create_table(
        "activations",
        seq(),
        text("base"),
        text("adapter", adapter, nullable=True),
        text("by"),
        text("reason"),
        time("at"),
        sa.PrimaryKeyConstraint("seq", name="pk_activations"),
    )


def _others() -> None:
    op.create_table("groups", text("name"), text("side"), time("assigned_at"), sa.PrimaryKeyConstraint("name", name="pk_groups"))
    op.create_table(
        "runs",
        seq(),
        text("name"),
        text("folder"),
        text("status"),
        time("started_at"),
        time("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_runs"),
        sa.UniqueConstraint("name", name="uq_runs_name"),
    )
    op.create_table(
        "users", text("name"), text("password_hash"), time("created_at"), sa.PrimaryKeyConstraint("name", name="pk_users")
    )


def _refuse_change(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} are never changed'); END"
        )


def downgrade() -> None:
    raise NotImplementedError("PDC's database only moves forward; restore a backup instead")
