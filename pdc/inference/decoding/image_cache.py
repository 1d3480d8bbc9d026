"""What was seen of an image, kept for the next question about it within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdc.domain.geometry import Size
from pdc.domain.values import Question
from pdc.inference.decoding.partial_answer import PartialMark
from pdc.inference.types import DenseOpinion, Proposal

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """The prompt up to the end of the image, already read.

    `kept`: keys and values per layer; `offset`: rope position of the next token minus its index; `tokens`: visual tokens.
    `proposals` are the dense head's; `answers` what was answered about this image before, per label.
    """

    kept: list[tuple[torch.Tensor, torch.Tensor]]
    offset: int
    tokens: int
    model_wh: Size
    proposals: tuple[Proposal, ...]
    answers: dict[str, tuple[Proposal, ...]] = field(default_factory=dict)

    def drafts(self, question: Question) -> tuple[Proposal, ...]:
        """Marks to expect in an answer: those of an earlier answer that fit, else the dense head's; shaped for the task."""
        size, found = (4 if question.task.has_boxes else 2), []
        for label in question.labels:
            before = self.answers.get(label)
            if before is None or any(len(p.numbers) < size for p in before):
                before = [p for p in self.proposals if p.label == label]
            found += before
        return _shaped(found, question)

    def opinion(self, question: Question, known: Collection[str]) -> DenseOpinion:
        """What the dense head, which knows those labels, found for this question, shaped for the task."""
        return dense_opinion(self.proposals, question, known)

    def remember(self, question: Question, marks: Sequence[PartialMark]) -> None:
        """Keep what was answered, for the drafts of the next answer. Points do not replace boxes."""
        for label in question.labels if question.task.has_marks else ():
            said = tuple(Proposal(label, s.numbers, 1.0) for s in marks if s.label == label)
            if question.task.has_boxes or label not in self.answers:
                self.answers[label] = said

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for pair in self.kept for t in pair)


def dense_opinion(proposals: Sequence[Proposal], question: Question, known: Collection[str]) -> DenseOpinion:
    """The proposals per asked label, shaped for the task; of a label that the dense head does not know it has no opinion."""
    asked = [label for label in question.labels if label in known]
    return {label: _shaped([p for p in proposals if p.label == label], question) for label in asked}


def _shaped(found: Sequence[Proposal], question: Question) -> tuple[Proposal, ...]:
    return tuple(_centered(p) if question.task.has_points else p for p in found)


def _centered(p: Proposal) -> Proposal:
    if len(p.numbers) == 2:
        return p
    return Proposal(p.label, (round((p.numbers[0] + p.numbers[2]) / 2), round((p.numbers[1] + p.numbers[3]) / 2)), p.score)


class ImageCache:
    """The most recently used, as many as fit into `budget` bytes; one larger than that is not kept at all."""

    def __init__(self, budget: int) -> None:
        self.budget, self.used = budget, 0
        self._kept: OrderedDict[Hashable, EncodedImage] = OrderedDict()

    def get(self, key: Hashable) -> EncodedImage | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, seen: EncodedImage) -> None:
        self.forget(key)
        if seen.nbytes > self.budget:
            return
        self._kept[key] = seen
        self.used += seen.nbytes
        while self.used > self.budget:
            self.used -= self._kept.popitem(last=False)[1].nbytes

    def forget(self, key: Hashable) -> None:
        if key in self._kept:
            self.used -= self._kept.pop(key).nbytes

    def clear(self) -> None:
        self._kept.clear()
        self.used = 0

    def __len__(self) -> int:
        return len(self._kept)
