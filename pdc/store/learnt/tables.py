"""The tables of what reviews have shown. Everything in them follows from the reviews, and may be worked out anew."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from pdc.store.tables import Row


class LearntUntilRow(Row):
    """How far a table has been read: up to the row with this `seq`."""

    __tablename__ = "learnt_until"

    source: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]


class ScoreShareRow(Row):
    """What one image adds to the sums of scores, as JSON; it is taken away again when the image is reviewed anew."""

    __tablename__ = "score_shares"

    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    share: Mapped[str]


class ScoreSumRow(Row):
    """How many reviewed marks of this score (thousandths) were right and wrong. `adapter` "": the base model."""

    __tablename__ = "score_sums"

    task: Mapped[str] = mapped_column(primary_key=True)
    adapter: Mapped[str] = mapped_column(primary_key=True)
    looks: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[int] = mapped_column(primary_key=True)
    right: Mapped[int]
    wrong: Mapped[int]


class ScoreNeighbourRow(Row):
    """In how many images marks of two labels were scored together, under the same task, adapter and number of looks."""

    __tablename__ = "score_neighbours"

    task: Mapped[str] = mapped_column(primary_key=True)
    adapter: Mapped[str] = mapped_column(primary_key=True)
    looks: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    other: Mapped[str] = mapped_column(primary_key=True)
    images: Mapped[int]


class EditCountRow(Row):
    """The edits of an image's first review; `number` counts them, `mean` is over this one and the nine before."""

    __tablename__ = "edit_counts"
    __table_args__ = (Index("ix_edit_counts_review_id", "review_id", unique=True),)

    number: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id"))
    edits: Mapped[int]
    mean: Mapped[float]
    adapter: Mapped[str | None]


class ReviewPartRow(Row):
    """What one image adds to the sums of reviews: the labels that its reviews were asked for, as they were called then (a sorted
    JSON array), and how many of its questions have a usable review."""

    __tablename__ = "review_parts"

    image_sha256: Mapped[str] = mapped_column(ForeignKey("images.sha256"), primary_key=True)
    labels: Mapped[str]
    usable: Mapped[int]


class ReviewSumRow(Row):
    """How many images were reviewed for exactly these labels, and how many usable reviews they have."""

    __tablename__ = "review_sums"

    labels: Mapped[str] = mapped_column(primary_key=True)
    images: Mapped[int]
    usable: Mapped[int]


class ReviewerRow(Row):
    """How many usable reviews somebody saved, current or not. `source` "": on the screen, else `import` and the file's name."""

    __tablename__ = "reviewers"

    author: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    reviews: Mapped[int]
