"""The image cache: encoded images, so that the next question about one skips the vision tower and the prefill.

This is prefix caching: every prompt starts with the system prompt and the image, so their keys and values are reused for
every question. They are those of one adapter. What the vision tower saw is kept beside them, for all that leave it as it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pdc.domain.geometry import Size
from pdc.domain.values import Likeness, Question
from pdc.inference.decoding.partial_answer import PartialMark
from pdc.inference.types import DenseOpinion, Proposal

if TYPE_CHECKING:
    import torch

    from pdc.inference.frame import Frame


class Sized(Protocol):
    """Anything that knows the bytes it takes."""

    @property
    def nbytes(self) -> int: ...


Kept = TypeVar("Kept", bound=Sized)


@dataclass(frozen=True, slots=True)
class VisualFeatures:
    """An image as the vision tower saw it: `features` [visual tokens, hidden], their `grid` [1, 3], and the dense head's
    proposals."""

    features: torch.Tensor
    grid: torch.Tensor
    proposals: tuple[Proposal, ...]

    @property
    def nbytes(self) -> int:
        return self.features.nbytes


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as the model encoded it: the KV cache of the prompt up to the image's end, and the dense head's proposals.

    `prefix`: keys and values [heads, length, width] per layer; `tokens`: number of visual tokens; `answer_wh`: width and
    height of the image in whose pixels the model states coordinates; `answers`: what was answered about it before, per label;
    `likeness`: how it compares with the images that the model was trained on.

    `offset` is the M-RoPE position of the next token minus its index (Qwen2-VL, arXiv 2409.12191, section 2.1). An image of
    r rows and c columns takes r * c indices but only max(r, c) positions, so the offset is max(r, c) - r * c.
    """

    prefix: list[tuple[torch.Tensor, torch.Tensor]]
    offset: int
    tokens: int
    answer_wh: Size
    proposals: tuple[Proposal, ...]
    answers: dict[str, tuple[Proposal, ...]] = field(default_factory=dict)
    likeness: Likeness = field(default_factory=dict)

    def drafts(self, question: Question) -> tuple[Proposal, ...]:
        """Marks to expect in an answer: those of an earlier answer that fit, else the dense head's; shaped for the task."""
        size, expected = (4 if question.task.has_boxes else 2), []
        for label in question.labels:
            before = self.answers.get(label)
            if before is None or any(len(p.numbers) < size for p in before):
                before = [p for p in self.proposals if p.label == label]
            expected += before
        return _as_shapes(expected, question)

    def opinion(self, question: Question, known: Collection[str]) -> DenseOpinion:
        """What the dense head, which knows the labels `known`, sees of the asked ones; shaped for the task."""
        return dense_opinion(self.proposals, question, known)

    def remember(self, question: Question, marks: Sequence[PartialMark]) -> None:
        """Keep the marks of an answer, as drafts for the next. Points do not replace boxes, which give points too."""
        for label in question.labels if question.task.has_marks else ():
            answered = tuple(Proposal(label, m.numbers, 1.0) for m in marks if m.label == label)
            if question.task.has_boxes or label not in self.answers:
                self.answers[label] = answered

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values; nothing else of it is large."""
        return sum(t.nbytes for pair in self.prefix for t in pair)


def proposals_in(frame: Frame, proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Proposals in pixels of the image as the model sees it, as the model would state them."""
    if frame.answer_wh == frame.model_wh:
        return tuple(proposals)
    x, y = (to / seen for to, seen in zip(frame.answer_wh, frame.model_wh, strict=True))
    return tuple(
        replace(p, numbers=tuple(round(n * s) for n, s in zip(p.numbers, (x, y, x, y), strict=False))) for p in proposals
    )


def dense_opinion(proposals: Sequence[Proposal], question: Question, known: Collection[str]) -> DenseOpinion:
    """The proposals per asked label, shaped for the task; of a label that the dense head does not know it has no opinion."""
    labels = [label for label in question.labels if label in known]
    return {label: _as_shapes([p for p in proposals if p.label == label], question) for label in labels}


def _as_shapes(proposals: Sequence[Proposal], question: Question) -> tuple[Proposal, ...]:
    """The proposals as the task wants them: boxes, or their centres."""
    return tuple(_center(p) if question.task.has_points else p for p in proposals)


def _center(p: Proposal) -> Proposal:
    if len(p.numbers) == 2:
        return p
    return Proposal(p.label, (round((p.numbers[0] + p.numbers[2]) / 2), round((p.numbers[1] + p.numbers[3]) / 2)), p.score)


class ImageCache(Generic[Kept]):
    """A least-recently-used cache of encoded images, or of their features, within `budget` bytes; none larger is kept."""

    def __init__(self, budget: int) -> None:
        self.budget, self.used = budget, 0
        self._images: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, key: Hashable) -> Kept | None:
        """The image under this key, or None; it counts as used now."""
        if key in self._images:
            self._images.move_to_end(key)
        return self._images.get(key)

    def put(self, key: Hashable, encoded: Kept) -> None:
        """Keep the image; those used longest ago make room for it."""
        self.forget(key)
        if encoded.nbytes > self.budget:
            return
        self._images[key] = encoded
        self.used += encoded.nbytes
        while self.used > self.budget:
            self.used -= self._images.popitem(last=False)[1].nbytes

    def forget(self, key: Hashable) -> None:
        if key in self._images:
            self.used -= self._images.pop(key).nbytes

    def clear(self) -> None:
        self._images.clear()
        self.used = 0

    def __len__(self) -> int:
        return len(self._images)
