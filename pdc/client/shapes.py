"""What goes over the wire of `/api/v1`, both ways. The server describes itself with these, and the client reads with them.

Every coordinate is in pixels of the stored, upright image: origin top left, x to the right, y down. Times are UTC, ISO 8601.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pdc.domain.users.roles import Role
from pdc.domain.values import MAX_LABEL_LENGTH, MAX_LABELS, AdapterStatus, Origin, Status, Task, Verdict

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AT = "2026-11-27T08:30:00Z"
Number = Annotated[float, Field(allow_inf_nan=False)]
Corners = tuple[Number, Number, Number, Number]
Label = Annotated[str, Field(max_length=MAX_LABEL_LENGTH)]
MOST_MARKS = 400 * MAX_LABELS


STRICT = ConfigDict(extra="forbid")
"""of what is sent to a server: a misspelt field is refused, or it would be left out in silence"""


class Shape(BaseModel):
    """One object of JSON. Fields that it does not know are ignored, so that a newer server can tell more."""

    model_config = ConfigDict(frozen=True)


def what_is_wrong(errors: Sequence[Mapping[str, Any]], skip: int = 0) -> tuple[str, str]:
    """Of what pydantic says of wrong fields: the place of the first, without so many of its steps, and why."""
    place = ".".join(map(str, errors[0]["loc"][skip:])) or "body"
    why = str(errors[0]["msg"]).removeprefix("Value error, ")[:200].removesuffix(".")
    return place, why[:1].lower() + why[1:]


class Wanted(TypedDict, total=False):
    """Filters of a list; what is not given does not matter."""

    stage: str
    label: str
    name: str
    reader: str


class InOrder(Wanted, total=False):
    """Filters of a list, and its order: `time`, `name`, `uncertain` or `disagreement`."""

    order: str


class Exported(Wanted, total=False):
    """Filters of an export, and how it is written."""

    names: Literal["kept", "hashed"]
    auto_accepted: bool


class Error(Shape):
    """Why a request was refused."""

    error: str = Field(description="One sentence for a person: what is wrong, and what to do about it.")


class Image(Shape):
    """A stored image."""

    sha256: str = Field(description="SHA-256 of the stored PNG in hex: by this the image is named everywhere.", examples=[SHA])
    name: str = Field(description="The name under which it was brought.", examples=["smear-7.png"])
    width: int = Field(description="Width of the upright image, in pixels.", examples=[1280])
    height: int = Field(description="Height of the upright image, in pixels.", examples=[960])
    group: str = Field(
        description="The patient, sample or folder that it belongs to; its own sha256 where it is on its own.",
        examples=["patient-12"],
    )
    created_at: datetime = Field(description="When it was first stored.", examples=[AT])
    notes: list[str] = Field([], description="After an upload: what was changed to make it safe, a sentence each.")


class Images(Shape):
    """Some of the images, oldest first."""

    images: list[Image] = Field(description="At most `limit` of them.")
    next: str | None = Field(description="Send it as `after` for those behind; null at the end.", examples=["200"])


class Mark(Shape):
    """One object: a box or a point, never both."""

    id: str = Field("", max_length=64, description="Its own within the image; made by the server where you send none.")
    label: Label = Field(description="What it is; one of the labels asked for.", examples=["platelet"])
    box: Corners | None = Field(None, description="[x1, y1, x2, y2] in pixels.", examples=[[12.0, 30.5, 44.0, 61.0]])
    point: tuple[Number, Number] | None = Field(None, description="[x, y] in pixels, for tasks with points.")
    origin: Origin = Field(Origin.HUMAN, description="Who made it: the model, a person, or a person changing the model's.")
    status: Status = Field(
        Status.OPEN, description="Open and accepted marks count. Doubtful ones scored below their label's threshold."
    )
    score: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="The model's, 0 to 1; it ranks marks and is no probability. Null for a person's.", examples=[0.93]
    )
    extent: Corners | None = Field(None, description="Of a point, the box of its object in pixels, where it is known.")
    outline: list[list[tuple[Number, Number]]] | None = Field(
        None, description="Polygons of [x, y] in pixels that enclose the object; null where none were drawn."
    )
    expert: str | None = Field(None, max_length=64, description="The detector that found it; null: the model, or a person.")
    votes: tuple[int, int] | None = Field(None, description="[3, 4]: three of four looks found it; null of a single look.")


class Asked(Shape):
    """A question: a task, and the labels that it is about."""

    task: Task = Field(description="What is asked for.", examples=["count_and_box"])
    labels: list[Label] = Field(
        min_length=1, max_length=MAX_LABELS, description="Labels by their names or synonyms.", examples=[["platelet"]]
    )


class PredictionAsked(Asked):
    """A question to the model about one stored image."""

    model_config = STRICT

    image: str = Field(description="SHA-256 of a stored image.", examples=[SHA])
    again: bool = Field(False, description="Ask anew where an answer is stored; otherwise that one is returned at once.")
    looks: int = Field(1, ge=1, le=4, description="From how many looks the answer is voted; each takes as long as one answer.")


class Prediction(Asked):
    """What the model answered; never changed."""

    id: str = Field(description="Its name; send it with a review that was made from it.")
    image: str = Field(description="SHA-256 of the image.", examples=[SHA])
    readable: bool = Field(description="False when the answer could not be read. That is not the same as none.")
    complete: bool = Field(description="False when it is only a part: what is not marked may be there all the same.")
    marks: list[Mark] = Field(description="Everything it found, doubtful marks too.")
    counts: dict[str, int] = Field(description="Per label how many count; a label that is not here: none.")
    total: int | None = Field(description="The sum of the counts; null when the answer could not be read.", examples=[7])
    count_chances: dict[str, dict[int, float]] = Field(
        description="Per label the probability of each count, 0 to 1; a label that is not here: unknown."
    )
    likeness: dict[str, float] = Field(
        description="Per label, 0 to 1: of images like its training images the share that look at least as unusual."
    )
    model: str = Field(description="The model that answered.", examples=["pdc-tiny"])
    adapter: str | None = Field(description="The adapter that answered; null: the base model alone.")
    experts: list[str] = Field(description="The detectors that answered for some of the labels.")
    looks: int = Field(description="From how many looks it was voted.")
    seconds: float = Field(description="How long the answer took, in seconds.")
    created_at: datetime = Field(description="When it was answered.", examples=[AT])
    unasked: list[str] = Field(
        [], description="Labels that you asked for and the model was not, as it does not know them: nothing is said of these."
    )


class Predictions(Shape):
    """The stored answers about one image, oldest first."""

    predictions: list[Prediction] = Field(description="All that this user may see.")


class MarkSent(Mark):
    """A mark of a review to save. What it says of the model is stored where the prediction or revision has that mark."""

    model_config = STRICT

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.box is None) == (self.point is None):
            raise ValueError("it needs either a box or a point")
        return self


class ReviewSent(Asked):
    """A review to save. Give `marks` (or `stated` when counting), or leave both out to accept the prediction as it is."""

    model_config = STRICT

    base_revision: int = Field(ge=0, le=2**31 - 2, description="The revision that you started from; 0 where there was none.")
    marks: Annotated[list[MarkSent], Field(max_length=MOST_MARKS)] | None = Field(
        None, description="All that there is of the labels; null: those of the prediction. Not for the task `counting`."
    )
    stated: dict[str, int] | None = Field(
        None, description="For the task `counting` alone: how many of each label of the question, 0 to 999."
    )
    none: list[Label] = Field(
        [],
        max_length=MAX_LABELS,
        description="Labels without marks that the model was not asked for, and that you say are not in the image.",
    )
    complete: bool = Field(True, description="False when there may be more than you marked; then every count is the least.")
    prediction: str | None = Field(None, description="Id of the prediction that it was made from; null: marked by hand.")
    skip: bool = Field(False, description="Leave the image out, and say nothing about it.")
    request: str = Field(
        "",
        max_length=200,
        description="Your own name of this save: sent again under it, it is stored once.",
        examples=["run-7-1"],
    )


class Review(Asked):
    """What somebody said about an image; appended, never changed."""

    id: str = Field(description="Its name.")
    image: str = Field(description="SHA-256 of the image.", examples=[SHA])
    revision: int = Field(description="Counts from 1 per image and question.", examples=[2])
    verdict: Verdict = Field(description="What the reader made of the prediction.", examples=["corrected"])
    author: str = Field(description="Who saved it.", examples=["maria"])
    created_at: datetime = Field(description="When it was saved.", examples=[AT])
    prediction: str | None = Field(description="Id of the prediction that it was made from; null: marked by hand.")
    marks: list[Mark] = Field(description="All marks; rejected and doubtful ones do not count.")
    counts: dict[str, int] = Field(description="Per label how many count; a label that is not here: none.")
    total: int = Field(description="The sum of the counts.", examples=[7])
    complete: bool = Field(description="False when the image may show more than is marked; then every count is the least.")
    blind: bool = Field(description="Whether its author had seen nothing of any prediction.")


class Reviews(Shape):
    """Revisions of one image, oldest first."""

    reviews: list[Review] = Field(description="All that this user may see.")


class Standing(Shape):
    """What stands about an image under one question."""

    question: Asked = Field(description="The question; the image's own where you named none.")
    base_revision: int = Field(description="Send it with the next review.", examples=[1])
    review: Review | None = Field(description="The newest review; null where there is none yet.")


class ChangedError(Error):
    """Somebody saved the image after you had read it; nothing was stored."""

    current: Review | None = Field(description="What stands now: merge with it, and send that with its revision.")


class Entry(Shape):
    """An image in the list."""

    sha256: str = Field(description="SHA-256 of the image.", examples=[SHA])
    name: str = Field(description="Its name.", examples=["smear-7.png"])
    stage: str = Field(description="How far it is: new, predicted, in review, done and so on.", examples=["predicted"])
    open: bool = Field(description="Whether somebody still has to work on it.")
    reader: str | None = Field(description="To whom it is assigned; null: to nobody.")
    author: str | None = Field(description="Who saved the newest review; null where there is none.")
    revision: int | None = Field(description="The newest revision; null where there is none.")
    detail: str = Field(description="A few words: the count, or why it was sent back.", examples=["7 platelets"])


class WorklistPage(Shape):
    """Some of the list, in its order."""

    images: list[Entry] = Field(description="At most `limit` of them.")
    next: str | None = Field(description="Send it as `after` for those behind; null at the end.")
    previous: str | None = Field(description="Send it as `before` for those in front; null at the beginning.")
    total: int = Field(description="How many fit; with `capped` there are more.", examples=[120])
    capped: bool = Field(description="Whether the total was not counted to its end.")


class Progress(Shape):
    """How far the images of a list are."""

    done: int = Field(description="Images that need no more work.", examples=[80])
    total: int = Field(description="All images of the list.", examples=[120])
    auto_accepted: int = Field(description="Images that were accepted unseen; they are not done.")
    capped: bool = Field(False, description="Whether they were not counted to their end: there are at least so many.")
    per_hour: float | None = Field(description="Your own pace over the last hour, images an hour; null: too few to tell.")


class Adapter(Shape):
    """A LoRA adapter in the registry."""

    name: str = Field(description="Its name.", examples=["platelets-2"])
    base: str = Field(description="The model that it was trained on.", examples=["pdc-tiny"])
    status: AdapterStatus = Field(description="`active` serves; `candidate` and `evaluated` never did; `retired` did once.")
    labels: list[str] = Field(description="The labels that it answers about; empty: not noted.")
    usable: bool = Field(description="Whether its folder is there and fits the present model.")
    parent: str | None = Field(description="The adapter that its training went on from.")
    created_at: datetime = Field(description="When it was made.", examples=[AT])


class Adapters(Shape):
    """The registry, oldest first."""

    adapters: list[Adapter] = Field(description="All of the present model.")


class Promotion(Shape):
    """A decision that an adapter is to serve."""

    model_config = STRICT

    reason: str = Field("", max_length=1000, description="Why; it is kept with the decision.", examples=["better on rods"])
    force: bool = Field(False, description="Whatever speaks against it. Takes the role admin, and a reason.")


class Rollback(Shape):
    """A decision to go back to who served before."""

    model_config = STRICT

    name: str | None = Field(None, description="The adapter whose promotion is undone; null: the one promoted last.")
    reason: str = Field("rolled back", max_length=1000, description="Why; it is kept with the decision.")


class Serving(Shape):
    """Who answers the next question."""

    base: str = Field(description="The model.", examples=["pdc-tiny"])
    adapters: list[Adapter] = Field(description="Those that serve; none: the base model answers alone.")


class State(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Shape):
    """A piece of long work, done beside requests."""

    id: int = Field(description="Its number.", examples=[12])
    kind: str = Field(description="What it does, such as `export`.", examples=["export"])
    state: State = Field(description="How it stands.")
    by: str = Field(description="Whose it is.", examples=["maria"])
    done: int = Field(description="How many of its pieces are done.", examples=[40])
    total: int | None = Field(description="How many there are; null while nobody knows.", examples=[120])
    words: str = Field(description="What is being done now.")
    error: str | None = Field(description="One sentence on why it failed; null where it did not.")
    result: dict[str, Any] = Field(description="What came of it, once it is done; its fields depend on the kind.")
    made: datetime = Field(description="When it was asked for.", examples=[AT])
    started: datetime | None = Field(description="When somebody took it up; null before.")
    ended: datetime | None = Field(description="When it ended; null before.")
    tries: int = Field(description="How often it was taken up.", examples=[1])
    parent: int | None = Field(description="The job that this one tries again; null: none.")

    @property
    def open(self) -> bool:
        """Whether it has still to end."""
        return self.state in (State.QUEUED, State.RUNNING)


class ExportAsked(Shape):
    """Which images of the list are to be written, and how. Without filters: all that you may see."""

    model_config = STRICT

    format: str = Field("coco", max_length=40, description="One of the formats of exports.", examples=["coco"])
    stage: str = Field("", max_length=200, description="Only this stage; `to do` for all that need work.", examples=["done"])
    label: str = Field("", max_length=200, description="Only images with a mark of this label.")
    name: str = Field("", max_length=200, description="Only images whose names contain this, in any case.")
    reader: str = Field("", max_length=200, description="Only images assigned to this reader; `-`: to nobody.")
    names: Literal["kept", "hashed"] = Field("kept", description="Whether names of images and groups go out as they are.")
    auto_accepted: bool = Field(False, description="Also what was accepted unseen.")


class Jobs(Shape):
    """Some jobs, the newest first."""

    jobs: list[Job] = Field(description="At most `limit` of them.")
    next: int | None = Field(description="Send it as `before` for older ones; null at the end.")


class LabelLine(Shape):
    """A label that can be asked for."""

    name: str = Field(description="Its name.", examples=["platelet"])
    known: bool | None = Field(description="Whether the model was taught it; null: the model does not say.")
    words: list[str] = Field(description="Every spelling that finds it.")


class Labels(Shape):
    """The dictionary of labels."""

    labels: list[LabelLine] = Field(description="All that are not retired.")


class Meant(Shape):
    """What a typed word means."""

    name: str | None = Field(description="The label that it means; null where it means none, or several.")
    candidates: list[str] = Field(description="Labels that it may mean.")


class Me(Shape):
    """Who is asking."""

    user: str = Field(description="The name under which reviews are saved.", examples=["maria"])
    role: Role = Field(description="The most that this request may do.")
    by_token: bool = Field(description="Whether an API token said so; else a cookie, or nobody has to log in.")
    version: str = Field(description="The version of PDC.", examples=["1.0.0"])


class MarksEvent(Shape):
    """A line of a streamed answer: what changed since the line before."""

    event: Literal["marks"] = Field(default="marks", description="Always `marks`.")
    added: list[Mark] = Field(description="Marks that are new, or changed: such a one takes the place of the one with its id.")
    removed: list[str] = Field(description="Ids of marks that are gone again, such as one found twice.")


class PredictionEvent(Shape):
    """The last line of a streamed answer: the whole."""

    event: Literal["prediction"] = Field(default="prediction", description="Always `prediction`.")
    prediction: Prediction = Field(description="As it was stored.")


class ErrorEvent(Error):
    """The last line of a streamed answer that failed after it had begun."""

    event: Literal["error"] = Field(default="error", description="Always `error`.")
