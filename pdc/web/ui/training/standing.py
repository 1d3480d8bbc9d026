"""What the Training tab says at its top, and the one or two buttons below it, by how things stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pdc.adapters.saved_work import saved_work
from pdc.domain.message import Message, joined
from pdc.domain.values import Adapter, RunStatus
from pdc.store.learnt.sums import MOST_NEW
from pdc.training.fresh import FIRST, HELD_OUT, Fresh
from pdc.training.process import TrainingProgress
from pdc.web.ui.training.plain import plain

FEW = 8  # new reviews: with fewer, little can be expected
FEW_HELD_OUT = 10  # images: on fewer, a change may be chance
ONE_YET = "1 review; {more} more make a first training worth while (about {held} of them are held out to measure)."
ONE_TO_GO = "{n} reviews; one more makes a first training worth while (about {held} of them are held out to measure)."
TO_GO = "{n} reviews; {more} more make a first training worth while (about {held} of them are held out to measure)."
NONE_YET = "No reviews yet; {more} make a first training worth while (about {held} of them are held out to measure)."
FIRST_TIME = "{n} reviews to learn from."
NOTHING_NEW = Message("Nothing was reviewed since the last training.")
ONE_NEW = Message("1 review since the last training.")
NEW = "{n} reviews since the last training."
IS_FEW = Message("That is few; expect little.")
MINUTES = "Training takes about {n} minutes."
A_MINUTE = Message("Training takes about a minute.")
AT_MOST = "It trains for at most {n} minutes, then it is measured."
WAS_STOPPED = Message("The last training was stopped.")
FAILED = "The last training failed: {reason}"
STARTING = Message("Training is getting ready.")
STOPPING = Message("The training was asked to stop; it ends at its next step.")
STEPS = "Training: {n} of {all} steps, about {minutes} minutes left."
LAST_STEPS = "Training: {n} of {all} steps, less than a minute left."
LAST_THEN_MEASURED = "Training: {n} of {all} steps, less than a minute left; then it is measured."
THEN_MEASURED = "Training: {n} of {all} steps, about {minutes} minutes left; then it is measured."
MEASURING = Message("The steps are done. It is being measured on images that were held out.")
COMPARED = "The new one is better on {better} of {n} held-out images, worse on {worse}, alike on the others."
AS_BEFORE = "The new one is as good as the old one on each of the {n} held-out images."
MEASURED_ON = "It was measured on {n} held-out images."
FINDS = "Of {missed} objects that were missed it finds {found}."
MISSES = "It misses {lost} that were found."
MAY_BE_CHANCE = Message("On so few images this may be chance.")
REFUSED = "Better not used: {reason}"
IN_USE = Message("The new one answers from the next question on.")
OLD_STAYS = Message("The old one stays in use. The new one is kept under Details.")


class Can(StrEnum):
    """What can be done about it."""

    TRAIN = "train"
    STOP = "stop"
    USE = "use"
    KEEP = "keep"
    WHY = "why"


@dataclass(frozen=True, slots=True)
class Standing:
    """The sentence and the buttons. `share` of the steps is done, 0 to 1, while they are; `about` is the adapter that waits for a
    decision."""

    sentence: Message
    can: tuple[Can, ...] = ()
    share: float | None = None
    about: str | None = None


def standing(
    progress: TrainingProgress | None,
    fresh: Fresh,
    most_seconds: float,
    waiting: Adapter | None = None,
    against: Sequence[str] = (),
) -> Standing:
    """Of the newest run, the reviews, and the adapter that waits for a decision with what speaks `against` it. `most_seconds`
    is how long a training's steps take at most."""
    status = progress.status if progress else None
    if progress and status is RunStatus.RUNNING:
        return _running(progress, fresh)
    if progress and status is RunStatus.FAILED:
        return Standing(Message(FAILED, reason=Message(progress.message)), (Can.TRAIN,))
    if waiting:
        return _decision(waiting, against)
    said = _offer(fresh, most_seconds)
    stopped = [WAS_STOPPED] if status is RunStatus.STOPPED else []
    return Standing(joined([*stopped, *said]), (Can.TRAIN,) if len(said) > 1 else ())


def _offer(fresh: Fresh, most_seconds: float) -> list[Message]:
    """How many reviews there are to learn from; and what a training takes, where one is worth while."""
    if fresh.missing:
        return [_too_few(fresh)]
    if not fresh.new:
        return [NOTHING_NEW]
    counted = f"{fresh.new}+" if fresh.trained and fresh.new >= MOST_NEW else fresh.new
    new = Message(NEW, n=counted) if fresh.new > 1 else ONE_NEW
    few = [IS_FEW] if fresh.new < FEW else []
    return [new if fresh.trained else Message(FIRST_TIME, n=fresh.new), *few, _takes(fresh, most_seconds)]


def _too_few(fresh: Fresh) -> Message:
    """How many more reviews make a first training worth while."""
    n, more, held = fresh.reviews, fresh.missing, round(FIRST * HELD_OUT)
    if not n:
        return Message(NONE_YET, more=more, held=held)
    if n == 1:
        return Message(ONE_YET, more=more, held=held)
    return Message(ONE_TO_GO, n=n, held=held) if more == 1 else Message(TO_GO, n=n, more=more, held=held)


def _takes(fresh: Fresh, most_seconds: float) -> Message:
    if fresh.seconds is None:
        return Message(AT_MOST, n=max(1, round(most_seconds / 60)))
    return Message(MINUTES, n=round(fresh.seconds / 60)) if fresh.seconds >= 90 else A_MINUTE


def _running(progress: TrainingProgress, fresh: Fresh) -> Standing:
    if progress.stopping:
        return Standing(STOPPING)
    if not progress.step or progress.share >= 1:
        return Standing(MEASURING if progress.step else STARTING, (Can.STOP,))
    n, planned = progress.step, progress.planned
    if minutes := round(((progress.seconds_left or 0.0) + fresh.measuring) / 60):
        said = Message(STEPS if fresh.measuring else THEN_MEASURED, n=n, all=planned, minutes=minutes)
    else:
        said = Message(LAST_STEPS if fresh.measuring else LAST_THEN_MEASURED, n=n, all=planned)
    return Standing(said, (Can.STOP,), progress.share)


def _decision(waiting: Adapter, against: Sequence[str]) -> Standing:
    if against:
        return Standing(Message(REFUSED, reason=plain(against[0])), (Can.KEEP, Can.WHY), about=waiting.name)
    return Standing(joined(_compared(waiting.metrics)), (Can.USE, Can.KEEP), about=waiting.name)


def _compared(metrics: Mapping[str, Any]) -> Iterator[Message]:
    """On how many held-out images it is better than what served, and which objects it finds that were missed."""
    found = (metrics.get("images") or {}).get("active") or {}
    n = found.get("n") or metrics.get("n", 0)
    if found.get("n"):
        alike = not found["better"] and not found["worse"]
        yield Message(AS_BEFORE, n=n) if alike else Message(COMPARED, n=n, better=found["better"], worse=found["worse"])
    else:
        yield work.sentence() if (work := saved_work(metrics)) else Message(MEASURED_ON, n=n)
    missed, finds, lost = (sum(found.get(name, {}).values()) for name in ("missed", "found", "lost"))
    if missed:
        yield Message(FINDS, missed=missed, found=finds)
    if lost:
        yield Message(MISSES, lost=lost)
    if n < FEW_HELD_OUT:
        yield MAY_BE_CHANCE
