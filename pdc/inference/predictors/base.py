"""The seam between the app and any model that can answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pdc.domain.certainty.counts import CountChances, CountModels
from pdc.domain.doubt import Thresholds
from pdc.domain.values import Findings, Likeness, Question

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage


@dataclass(frozen=True, slots=True)
class Answer:
    """`findings` in pixels of the image asked about, None when `raw` could not be read.

    `counts`: per label the probability of each count; a label without one: unknown. They follow from the marks, doubtful ones
    among them, from `more` (per label the list's own probability of going on, summed over the looks) and from `count_models`.
    `notes`: sentences that whoever reads the answer should be told.
    `thresholds`: the scores per label below which its marks are doubtful.
    `cut`: it ended at its longest length, so that the findings are a part of what the model would have said.
    `max_pixels`: the most pixels of one look that the model was shown; None where that is not known. `short_of_memory`:
    memory ran out, and these are fewer than the settings allow. `experts`: the names of those that answered for some labels.
    `likeness` compares the image with those that the model was trained on; empty where that is not known. `looks`: how many the
    answer was voted from; `lost_looks` of them were cut or could not be read, and had no vote.
    """

    findings: Findings | None
    raw: str
    model: str
    adapter: str | None
    prompt_version: str
    seconds: float
    counts: CountChances = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=dict)
    cut: bool = False
    max_pixels: int | None = None
    short_of_memory: bool = False
    experts: tuple[str, ...] = ()
    more: Mapping[str, float] = field(default_factory=dict)
    count_models: CountModels = field(default_factory=dict)
    likeness: Likeness = field(default_factory=dict)
    looks: int = 1
    lost_looks: int = 0


@dataclass(frozen=True, slots=True)
class SoFar:
    """What is known of an answer in the making: the marks written out, in pixels of the image, and `likeness` as in `Answer`.
    `look`: which look is being taken, of how many."""

    findings: Findings = field(default_factory=Findings)
    likeness: Likeness = field(default_factory=dict)
    look: tuple[int, int] = (1, 1)


def untaught(question: Question, known: Set[str] | None) -> tuple[str, ...]:
    """Asked labels that are not among the known ones; None: every label may be asked."""
    return () if known is None else tuple(label for label in question.labels if label not in known)


class Predictor(Protocol):
    def predict(self, image: PilImage, question: Question) -> Answer:
        """Answer one question about one upright RGB image. Raises PdcError when there is no model to answer."""
        ...

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """Several answers, faster than one by one; `seconds` of each is the time for all of them."""
        ...

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        """What is known so far, each time another mark is complete; the answer last. Of an image unlike those that the model was
        trained on the first part says so, before any mark.

        Ends without an answer once `cancelled` says so, after at most one more pass of the model.
        """
        ...

    @property
    def labels(self) -> frozenset[str] | None:
        """The labels that the serving model was taught; None where it does not say, and may be asked for any."""
        ...

    def untaught(self, question: Question) -> tuple[str, ...]:
        """Asked labels that the serving model was never taught: it is not asked about them."""
        ...
