"""The tables. Rows stay inside pdc.store; the rest of PDC sees domain values.

`seq` orders rows by arrival, whatever the clock says. A question is stored as its task and its labels, the labels as
a canonical JSON array. Text columns have no length: SQLite and PostgreSQL need none.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, ForeignKey, Index, Integer, MetaData, Text, TypeDecorator, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from pdc.domain.errors import BadSetting

LARGEST = 2**31 - 1


class Utc(TypeDecorator[datetime]):
    """An aware datetime, kept as UTC without its zone: SQLite drops zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time needs a time zone, and {value} has none")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


class PlainText(TypeDecorator[str]):
    """Text that every database and file can hold: PostgreSQL takes no NUL, and half a character has no bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        if value is not None and ("\0" in value or not _whole(value)):
            raise BadSetting("The text {text} has a character that cannot be stored; type it anew.", text=ascii(value)[:60])
        return value


class Whole(TypeDecorator[int]):
    """A whole number of at most 32 bits, as PostgreSQL's integers are."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: object) -> int | None:
        if value is not None and not -LARGEST <= value <= LARGEST:
            raise BadSetting("The number {n} is too large to be stored; use a smaller one.", n=value)
        return value


def _whole(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


class Row(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {str: PlainText, int: Whole, datetime: Utc}  # noqa: RUF012


class ImageRow(Row):
    __tablename__ = "images"
    __table_args__ = (Index("ix_images_name", "name"), Index("ix_images_group_name", "group_name"))

    seq: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    group_name: Mapped[str]
    created_at: Mapped[datetime]
    view: Mapped[ViewRow | None] = relationship(lazy="joined", viewonly=True)


class ViewRow(Row):
    """What an image's picture shows of its file, as JSON; images of which nothing need be said have none."""

    __tablename__ = "views"

    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    view: Mapped[str]
    at: Mapped[datetime]


class OwnerRow(Row):
    """Who brought an image, and under which name; the same bytes may be brought by several."""

    __tablename__ = "owners"
    __table_args__ = (Index("ix_owners_image_sha256", "image_sha256"),)

    owner: Mapped[str] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    name: Mapped[str]
    at: Mapped[datetime]


class LabelRow(Row):
    __tablename__ = "labels"

    label: Mapped[str] = mapped_column(primary_key=True)


class LabelEventRow(Row):
    """A change of a label: added, renamed or merged into `other`, retired, restored, or `other` a spelling of it."""

    __tablename__ = "label_events"

    seq: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    change: Mapped[str]
    other: Mapped[str | None]
    by: Mapped[str]
    at: Mapped[datetime]


class PredictionRow(Row):
    __tablename__ = "predictions"
    __table_args__ = (Index("ix_predictions_question", "image_sha256", "task", "labels"),)

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"))
    task: Mapped[str]
    labels: Mapped[str]
    findings: Mapped[str | None]
    raw: Mapped[str]
    model: Mapped[str]
    adapter: Mapped[str | None]
    prompt_version: Mapped[str]
    seconds: Mapped[float]
    created_at: Mapped[datetime]
    cut: Mapped[bool] = mapped_column(default=False, server_default=false())
    max_pixels: Mapped[int | None]
    short_of_memory: Mapped[bool] = mapped_column(default=False, server_default=false())
    view: Mapped[str | None]
    experts: Mapped[str | None]
    counts: Mapped[str | None]
    likeness: Mapped[str | None]
    version: Mapped[str | None]
    looks: Mapped[int] = mapped_column(default=1, server_default="1")
    lost_looks: Mapped[int] = mapped_column(default=0, server_default="0")


class ReviewRow(Row):
    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("image_sha256", "task", "labels", "revision", name="uq_reviews_revision"),
        Index("ix_reviews_author", "author", "created_at", "seq"),
        Index("ix_reviews_created_at", "created_at", "seq"),
        Index("ix_reviews_labels", "labels", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str] = mapped_column(unique=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"))
    task: Mapped[str]
    labels: Mapped[str]
    prediction_id: Mapped[str | None] = mapped_column(ForeignKey("predictions.id"))
    verdict: Mapped[str]
    findings: Mapped[str]
    author: Mapped[str]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    blind: Mapped[bool] = mapped_column(default=False, server_default=false())
    rests_on: Mapped[str | None]


class EventRow(Row):
    """What was decided about an image beside its reviews: `assigned` to a reader (or to nobody), or `sent_back`."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_kind", "kind", "seq"),
        Index("ix_events_given", "kind", "reader"),
        Index("ix_events_kind_at", "kind", "at", "seq"),
        Index("ix_events_at", "at", "seq"),
        Index("ix_events_by", "by", "at", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), index=True)
    kind: Mapped[str]
    by: Mapped[str]
    reader: Mapped[str | None]
    note: Mapped[str]
    at: Mapped[datetime]


class DraftRow(Row):
    __tablename__ = "drafts"
    __table_args__ = (Index("ix_drafts_image_sha256", "image_sha256"),)

    author: Mapped[str] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    task: Mapped[str] = mapped_column(primary_key=True)
    labels: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    findings: Mapped[str]
    base_revision: Mapped[int]
    prediction_id: Mapped[str | None] = mapped_column(ForeignKey("predictions.id"))
    saved_at: Mapped[datetime]


class AdapterRow(Row):
    __tablename__ = "adapters"

    seq: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    base: Mapped[str]
    path: Mapped[str]
    status: Mapped[str]
    parent: Mapped[str | None]
    prompt_version: Mapped[str]
    metrics: Mapped[str]
    created_at: Mapped[datetime]


class ActivationRow(Row):
    __tablename__ = "activations"

    seq: Mapped[int] = mapped_column(primary_key=True)
    base: Mapped[str]
    adapter: Mapped[str | None] = mapped_column(ForeignKey("adapters.name"))
    by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
    rolled_back: Mapped[bool | None]
    labels: Mapped[str | None]
    undoes: Mapped[int | None]


class LookRow(Row):
    """A look at a locked test set, which its `digest` tells whatever it is called."""

    __tablename__ = "looks"

    seq: Mapped[int] = mapped_column(primary_key=True)
    test_set: Mapped[str]
    digest: Mapped[str] = mapped_column(index=True)
    adapter: Mapped[str | None]
    release: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]
    forced: Mapped[bool]
    at: Mapped[datetime]


class LikenessRow(Row):
    """What tells copies of an image, as text; `rule` is the version of the code that made it."""

    __tablename__ = "likenesses"

    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    rule: Mapped[int]
    text: Mapped[str]


class ComparedRow(Row):
    """An image that was compared with all others that have a row here; `rule` is that of its likeness."""

    __tablename__ = "compared_images"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: Mapped[int] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), unique=True)
    rule: Mapped[int]


class NearCopyRow(Row):
    """Two images that show the same, `one` the lesser sha256. `whole`: neither is a part of the other."""

    __tablename__ = "near_copies"
    __table_args__ = (Index("ix_near_copies_other", "other"),)

    one: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    other: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    whole: Mapped[bool]


class EffortRow(Row):
    """What a review took its reader; `edits` is a JSON object, kind -> how many."""

    __tablename__ = "efforts"

    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    seconds: Mapped[float]
    moves: Mapped[int]
    keys: Mapped[int]
    edits: Mapped[str]


class VectorRow(Row):
    """What a model's vision tower saw of an image: float16, of length 1; `model` tells its weights apart."""

    __tablename__ = "vectors"
    __table_args__ = (
        UniqueConstraint("model", "image_sha256", name="uq_vectors_model"),
        Index("ix_vectors_model", "model", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"))
    model: Mapped[str]
    vector: Mapped[bytes]


class GroupRow(Row):
    """The side of the split a group of images is on, for ever: `held_out` or `training`."""

    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str]
    assigned_at: Mapped[datetime]


class RunRow(Row):
    __tablename__ = "runs"

    seq: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    folder: Mapped[str]
    status: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class EndedSessionRow(Row):
    """A login that somebody ended before its time."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class UserRow(Row):
    __tablename__ = "users"

    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    role: Mapped[str] = mapped_column(default="admin", server_default="admin")
