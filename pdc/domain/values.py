"""The nouns of PDC, as frozen values.

One pixel frame: every coordinate is in pixels of the stored, upright image; origin top left, x to the right,
y down, floats. Nothing here imports anything but the standard library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from pdc.domain.errors import BadQuestion
from pdc.domain.view import View

MAX_LABELS = 16
MAX_LABEL_LENGTH = 64
STILL = 1e-6  # pixels: a point no further from the centre of its extent is at it


class Task(StrEnum):
    """The five tasks of "Point, Detect, Count" (arXiv 2505.16647), under the paper's names."""

    POINTING = "pointing"
    BOUNDING = "bounding"
    COUNTING = "counting"
    CNT_AND_POINT = "cnt_and_point"
    COUNT_AND_BOX = "count_and_box"

    @property
    def has_points(self) -> bool:
        return self in (Task.POINTING, Task.CNT_AND_POINT)

    @property
    def has_boxes(self) -> bool:
        return self in (Task.BOUNDING, Task.COUNT_AND_BOX)

    @property
    def has_marks(self) -> bool:
        return self is not Task.COUNTING

    @property
    def states_count(self) -> bool:
        """Whether the model says a number of its own, beside any marks."""
        return self in (Task.COUNTING, Task.CNT_AND_POINT, Task.COUNT_AND_BOX)


class Origin(StrEnum):
    """Who made a mark what it is: the model, a person, or a person changing the model's mark."""

    MODEL = "model"
    HUMAN = "human"
    EDITED = "edited"


class Status(StrEnum):
    """What the reader said about a mark. A rejected mark stays in the review and is not counted.

    A doubtful mark is the model's, with a score below its label's threshold, and nobody has judged it: shown, not counted.
    """

    OPEN = "open"
    DOUBTFUL = "doubtful"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Verdict(StrEnum):
    """What the reader said about the whole prediction.

    An auto-accepted answer left nothing in doubt by its own numbers, and nobody has looked at it; it may be taken back.
    """

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    AUTO_ACCEPTED = "auto-accepted"
    TAKEN_BACK = "taken back"


USABLE = (Verdict.ACCEPTED, Verdict.CORRECTED)
"""verdicts of reviews that say what is in the image"""
UNSEEN = (Verdict.AUTO_ACCEPTED, Verdict.TAKEN_BACK)
"""verdicts of revisions that are no reader's word on the image: nobody looked at it. Nothing learns from them or counts them"""


class AdapterStatus(StrEnum):
    """How an adapter in the registry stands."""

    CANDIDATE = "candidate"
    EVALUATED = "evaluated"
    ACTIVE = "active"
    RETIRED = "retired"


class RunStatus(StrEnum):
    """How far a training run is."""

    PREPARED = "prepared"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float

    def __post_init__(self) -> None:
        if not (isfinite(self.x) and isfinite(self.y)):
            raise ValueError(f"a point needs finite coordinates, not ({self.x}, {self.y})")

    @property
    def center(self) -> Point:
        return self


@dataclass(frozen=True, slots=True)
class Box:
    """Corners x1 <= x2 and y1 <= y2, in pixels of the upright image."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not all(map(isfinite, self.xyxy)):
            raise ValueError(f"a box needs finite coordinates, not {self.xyxy}")
        if self.x2 < self.x1 or self.y2 < self.y1:
            raise ValueError(f"a box needs x1 <= x2 and y1 <= y2, not {self.xyxy}")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        return self.x1, self.y1, self.x2, self.y2

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> Point:
        return Point((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)


Shape = Point | Box
Likeness = Mapping[str, float]
"""per label, 0 to 1: of images like those that the model was trained on for it, the share that look at least as unusual as
this one; a label without a number was not judged"""
Polygon = tuple[tuple[float, float], ...]
"""the corners (x, y) of a closed line, at least three; the last is joined to the first"""
Outline = tuple[Polygon, ...]
"""the parts of an object that its polygons enclose; empty when only its box or its place is known"""


def check_outline(outline: Outline) -> Outline:
    """The outline itself; ValueError where a polygon has fewer than three corners or one is not finite."""
    for polygon in outline:
        if len(polygon) < 3 or not all(isfinite(x) and isfinite(y) for x, y in polygon):
            raise ValueError(f"a polygon needs three or more finite corners, not {polygon}")
    return outline


@dataclass(frozen=True, slots=True)
class Mark:
    """One object in the image. `id` is unique within an image's draft; `score` is the model's, 0 to 1.

    `extent` is, of a point, the box of its object, where one is known: what the point was made from.
    `outline` is what a tool or person drew more exactly than `shape`, which stays the object's place and extent.
    `expert` names the expert that found it; None: the model did, or a person. `votes`: how many looks at the image found it, of
    how many that had a vote; None where its answer was made of one look.
    """

    id: str
    shape: Shape
    label: str
    origin: Origin = Origin.MODEL
    status: Status = Status.OPEN
    score: float | None = None
    extent: Box | None = None
    outline: Outline = ()
    expert: str | None = None
    votes: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_outline(self.outline)

    @property
    def body(self) -> Shape:
        """The object itself, as far as it is known: a point's extent, where the point is now, else the shape."""
        if self.extent is None:
            return self.shape
        box, place = self.extent, self.shape.center
        dx, dy = place.x - box.center.x, place.y - box.center.y
        moved = max(abs(dx), abs(dy)) > STILL
        return Box(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy) if moved else box

    @property
    def counts(self) -> bool:
        return self.status in (Status.OPEN, Status.ACCEPTED)

    @property
    def untouched(self) -> bool:
        """Whether it is as the model left it: nobody changed or judged it."""
        return self.origin is Origin.MODEL and self.status in (Status.OPEN, Status.DOUBTFUL)


@dataclass(frozen=True, slots=True)
class Aside:
    """What the present question does not ask for, kept for when it is asked again: neither found nor absent.

    `stated` are numbers that a reader typed when counting.
    """

    marks: tuple[Mark, ...] = ()
    stated: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """Marks, and the number per label that was stated beside them (the whole answer when the task is counting).

    `complete`: whether they are all that the image shows of the labels asked for. Where they are not, a label without a mark
    is not "none", and every count is the least.
    """

    marks: tuple[Mark, ...] = ()
    stated: Mapping[str, int] = field(default_factory=dict)
    aside: Aside = Aside()
    complete: bool = True

    def counts(self, task: Task) -> dict[str, int]:
        """Count per label. It follows the marks wherever the task has marks; else it is what was stated."""
        if not task.has_marks:
            return dict(self.stated)
        return dict(Counter(m.label for m in self.marks if m.counts))

    def count(self, task: Task) -> int:
        return sum(self.counts(task).values())


@dataclass(frozen=True, slots=True)
class Image:
    """A stored image. `sha256` is of the stored PNG's bytes and is its identity; `group` must stay on one side of a split.

    `view` says what the PNG shows of its file, where there is something to say.
    """

    sha256: str
    name: str
    width: int
    height: int
    group: str
    created_at: datetime
    view: View | None = None


Copies = Mapping[tuple[str, str], bool]
"""two near copies (sha256, the lesser first) -> whether they show the same whole, so that neither is a part of the other"""


@dataclass(frozen=True, slots=True)
class Question:
    """A task and the labels asked for, in the order in which the answer lists them."""

    task: Task
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.labels) <= MAX_LABELS:
            raise BadQuestion("Ask for 1 to {n} labels; this question has {m}.", n=MAX_LABELS, m=len(self.labels))
        if len(set(self.labels)) != len(self.labels):
            raise BadQuestion("A label is named twice in this question; name each once.")
        for label in self.labels:
            check_label(label)


def check_label(label: str) -> str:
    """The label itself, or BadQuestion saying why it cannot be one."""
    if not label or label != label.strip() or len(label) > MAX_LABEL_LENGTH:
        raise BadQuestion(
            "A label has 1 to {n} characters and no spaces around it; this is {label}.", n=MAX_LABEL_LENGTH, label=repr(label)
        )
    if not label.isprintable() or any(c in label for c in '"\\<>|'):
        raise BadQuestion(
            "A label may not contain quotes, backslashes, control characters or < > |; this is {label}.", label=repr(label)
        )
    return label


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered; never changed. `findings` is None when the answer could not be read: that is not "none".

    `cut`: the answer ended at its longest length, so that the findings are only a part. `max_pixels`: the most pixels of one
    look that the model was shown; None where that was not noted. `short_of_memory`: memory ran out, and these are fewer than
    the settings allow. `view` is what the model saw of the image's file, where that was not all of it. `experts` are the names of
    those that answered for some of the labels. `counts`: per label the probability of each count, as in
    `pdc.domain.certainty.counts`; a label without one: unknown. `likeness` compares the image with those that the
    model was trained on. `version` tells the model's weights from others of its name; None where that was not noted. `looks`: how
    many the answer was voted from; `lost_looks` of them could not be read to their end, and had no vote.
    """

    id: str
    image_sha256: str
    question: Question
    findings: Findings | None
    raw: str
    model: str
    adapter: str | None
    prompt_version: str
    seconds: float
    created_at: datetime
    cut: bool = False
    max_pixels: int | None = None
    short_of_memory: bool = False
    view: View | None = None
    experts: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    likeness: Likeness = field(default_factory=dict)
    version: str | None = None
    looks: int = 1
    lost_looks: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """What a reader made of an image; appended, never changed. `revision` counts from 1 per image and question.

    `blind` says that the reader had been shown nothing of any prediction when they saved it. `rests_on` are the ids of the
    reads of several readers that a consensus was made of; other reviews rest on none.
    """

    id: str
    image_sha256: str
    question: Question
    prediction_id: str | None
    verdict: Verdict
    findings: Findings
    author: str
    revision: int
    created_at: datetime
    blind: bool = False
    rests_on: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the image shows no more of the labels asked for than the review says; else its counts are the least."""
        return self.findings.complete


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in the registry. `path` is its folder, in the store
    relative to the model's folder or PDC_HOME; `metrics` are those of its held-out evaluation."""

    name: str
    base: str
    path: str
    status: AdapterStatus
    parent: str | None
    prompt_version: str
    metrics: Mapping[str, Any]
    created_at: datetime
