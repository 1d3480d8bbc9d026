"""Reviews that chance does not explain, as a fold found them before it trained: sentences, objections, and who confirmed them.

`metrics["suspicions"]` is what `finetune` wrote: "at", when the reviews were compared, how many, and "found". Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pdc.domain.message import Message, joined

if TYPE_CHECKING:
    from pdc.store.records import Event

Metrics = Mapping[str, Any]

SENTENCES: Mapping[str, str] = {
    "relabelled": "Reader {reader} calls '{label}' '{other}': {done} of {seen} marks of which the model is sure were renamed. "
    "At most about {usual} would be usual.",
    "removed": "Reader {reader} removes '{label}': {done} of {seen} marks of the model. About {usual} would be usual.",
    "added": "Reader {reader} adds '{label}' where the model finds nothing: {done} on {seen} images. "
    "About {usual} would be usual.",
    "unchanged": "Reader {reader} left the model's answer as it was on {done} of {seen} images. About {usual} would be usual.",
    "smaller": "Reader {reader} draws boxes smaller than the model does, on {done} of {seen} images.",
    "larger": "Reader {reader} draws boxes larger than the model does, on {done} of {seen} images.",
    "shifted": "Reader {reader} draws boxes to one side of the model's, on {done} of {seen} images.",
    "relabelled unlike others": "Reader {reader} renames '{label}' more often than the other readers: {done} of {seen} marks of "
    "the model, where they would have renamed {usual}.",
    "removed unlike others": "Reader {reader} removes '{label}' more often than the other readers: {done} of {seen} marks of "
    "the model, where they would have removed {usual}.",
    "other labels in the same image": "Readers {reader} and {other} say different things about the same images or near copies: "
    "'{label}' are {done} of {seen} marks of {reader}. By what {other} says it would be {usual}.",
    "other counts in the same image": "Readers {reader} and {other} say different things about the same images or near copies: "
    "{reader} marks {done} of '{label}', and {other} {usual}.",
}
"""kind of suspicion -> how it is told; the kinds are those of finetune, and a test compares them"""
UNKNOWN = "Reader {reader} reviews unlike the model or other readers, on {n} images."
WHAT_TO_DO = (
    "Look at the {n} images of {reader}. Then confirm that the reviews are right, or train again without them "
    "(`--without-reader`)."
)
COMPARED = "{n} reviews by {readers} reader(s) were compared, {compared} of them with what the model says."
NOBODY = "Nobody stands out."
UNJUDGED = "The model does not know {labels} on these images, so only near copies and readers could be compared there."


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One line of the report. `images` (sha256) are those to look at; `usual` is what honest reading would have given."""

    kind: str
    reader: str
    label: str
    other: str
    done: int
    seen: int
    usual: float
    images: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Suspicion:
        names = ("kind", "reader", "label", "other", "done", "seen", "usual")
        return cls(*(value[name] for name in names), images=tuple(value["images"]))

    def sentence(self) -> Message:
        """Who does what, how often, and what would be usual."""
        said = SENTENCES.get(self.kind)
        if said is None:
            return Message(UNKNOWN, reader=self.reader, n=len(self.images))
        usual = f"{self.usual:.0f}" if self.usual >= 1 or not self.usual else "1"
        fields = {"reader": self.reader, "label": self.label, "other": self.other, "done": self.done, "seen": self.seen}
        return Message(said, **{name: value for name, value in {**fields, "usual": usual}.items() if f"{{{name}}}" in said})


def suspicions(metrics: Metrics) -> list[Suspicion]:
    """Those that nobody has confirmed, the least likely first."""
    return [Suspicion.from_json(found) for found in _report(metrics).get("found", ()) if not found.get("confirmed")]


def objections(metrics: Metrics) -> Iterator[Message]:
    """One for each suspicion that nobody has confirmed."""
    for found in suspicions(metrics):
        yield joined([found.sentence(), Message(WHAT_TO_DO, n=len(found.images), reader=found.reader)])


def with_confirmations(metrics: Metrics, confirmed: Iterable[Event]) -> Metrics:
    """The metrics with each suspicion marked of which every image was looked at, of this reader, after it was raised."""
    report = _report(metrics)
    if not report.get("found"):
        return metrics
    raised = datetime.fromisoformat(report["at"])
    known = {(event.reader, event.image_sha256) for event in confirmed if event.at >= raised}
    found = [{**f, "confirmed": all((f["reader"], image) in known for image in f["images"])} for f in report["found"]]
    return {**metrics, "suspicions": {**report, "found": found}}


def suspected(metrics: Metrics) -> frozenset[str]:
    """Every image that is to be looked at, confirmed or not."""
    return frozenset(image for found in _report(metrics).get("found", ()) for image in found["images"])


def told(report: Metrics) -> list[Message]:
    """The whole report in sentences: how much was compared, what was found, and what could not be judged."""
    numbers = Message(COMPARED, n=report["reviews"], readers=report["readers"], compared=report["compared"])
    found = [Suspicion.from_json(one).sentence() for one in report["found"]] or [Message(NOBODY)]
    labels = ", ".join(report["unjudged"])
    return [numbers, *found, *([Message(UNJUDGED, labels=labels)] if labels else [])]


def images_of(found: Sequence[Suspicion], reader: str) -> list[str]:
    """The images to look at for one reader, each once."""
    return list(dict.fromkeys(image for s in found if s.reader == reader for image in s.images))


def _report(metrics: Metrics) -> Metrics:
    return metrics.get("suspicions") or {}
