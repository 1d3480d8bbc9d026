"""What a model is asked about when it is measured: images and pieces of them, as they are or changed; each question once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.evaluate.pieces import Piece, painted_over
from pdc.domain.doubt import Thresholds, opened, with_doubts
from pdc.domain.prompts import as_task
from pdc.domain.values import Findings, Mark, Question, Task
from pdc.inference.experts.registry import Experts
from pdc.inference.predictors.base import Answer, Predictor
from pdc.inference.predictors.experts import ExpertPredictor

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

DEFOCUS = 8  # a picture out of focus is blurred by its longer side over this: no object is left to see


class Change(StrEnum):
    """What is done to an image before a piece of it is cut."""

    NONE = "as it is"
    PAINTED = "painted over"
    DEFOCUSED = "out of focus"


@dataclass(frozen=True, slots=True)
class View:
    """An image, or a piece of it in whole pixels, as it is or changed."""

    path: Path
    window: Piece | None = None
    change: Change = Change.NONE

    def image(self) -> PilImage:
        """What is shown, RGB, read now."""
        from PIL import Image

        with Image.open(self.path) as file:
            shown = _changed(file.convert("RGB"), self.change)
        return shown.crop(self.window) if self.window else shown


class Answers:
    """Asks a predictor, each question about each view once. `lists`: the task by which the model answers all five. Marks are
    doubtful below `thresholds`; None: below those that the predictor has."""

    def __init__(self, predictor: Predictor, lists: Task | None = None) -> None:
        self.predictor, self.lists = predictor, lists
        self.thresholds: Thresholds | None = None
        self._known: dict[tuple[View, Question], Answer] = {}

    def ask(self, view: View, task: Task, labels: Sequence[str]) -> Answer:
        put = Question(self.lists or task, tuple(labels))
        if (view, put) not in self._known:
            self._known[view, put] = self.predictor.predict(view.image(), put)
        answer = self._known[view, put]
        return replace(answer, findings=answer.findings and as_task(self._doubted(answer.findings), put, task))

    def beside(self, experts: Experts) -> Answers:
        """The same with experts beside the model; what was said about labels that have none is not asked again."""
        if not experts.manifests:
            return self
        inside: Any = self.predictor  # whatever it is, it is only asked
        found = Answers(ExpertPredictor(inside, experts), self.lists)
        if self.thresholds is not None:
            found.thresholds = {**self.thresholds, **{n: t for m in experts.manifests for n, t in m.thresholds.items()}}
        found._known = {key: a for key, a in self._known.items() if experts.labels.isdisjoint(key[1].labels)}
        return found

    def look(self, image: PilImage, question: Question) -> Findings:
        """What is found in a picture that is no file; nothing where the answer cannot be read."""
        return self._doubted(self.predictor.predict(image, question).findings or Findings())

    def _doubted(self, findings: Findings) -> Findings:
        return findings if self.thresholds is None else with_doubts(opened(findings), self.thresholds)

    def marks(self, view: View, task: Task, labels: Sequence[str]) -> tuple[Mark, ...]:
        """All that was found, doubtful marks too."""
        found = self.ask(view, task, labels).findings
        return found.marks if found else ()

    def counted(self, view: View, task: Task, labels: Sequence[str]) -> tuple[Mark, ...]:
        return tuple(m for m in self.marks(view, task, labels) if m.counts)


def _changed(image: PilImage, change: Change) -> PilImage:
    import numpy as np
    from PIL import Image, ImageFilter

    if change is Change.PAINTED:
        return Image.fromarray(painted_over(np.array(image)))
    if change is Change.DEFOCUSED:
        return image.filter(ImageFilter.GaussianBlur(max(image.size) / DEFOCUS))
    return image
