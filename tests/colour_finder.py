"""A predictor that finds plain rectangles by their colour, wherever they are: what it says of a mirror image is mirrored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageColor

from pdc.domain.values import Box, Findings, Mark, Question
from pdc.inference.predictors.base import Answer, SoFar

Change = Callable[[Answer], Answer]


class ColourFinder:
    """A label begins with the name of a colour, or nothing is found of it. `changes`: what becomes of the first answer, of the
    second, and so on; None: nothing."""

    labels: frozenset[str] | None = None

    def __init__(self, *changes: Change | None) -> None:
        self.changes, self.asked = changes, 0

    def untaught(self, question: Question) -> tuple[str, ...]:
        return ()

    def predict(self, image: Image.Image, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def predict_many(self, asked: Sequence[tuple[Image.Image, Question]]) -> list[Answer]:
        return [self._changed(self._answer(image, question)) for image, question in asked]

    def stream(
        self, image: Image.Image, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        """One mark, then the answer, unless it is cancelled."""
        answer = self.predict(image, question)
        yield SoFar(Findings(answer.findings.marks[:1] if answer.findings else ()))
        if not cancelled():
            yield answer

    def _changed(self, answer: Answer) -> Answer:
        change = self.changes[self.asked] if self.asked < len(self.changes) else None
        self.asked += 1
        return change(answer) if change else answer

    def _answer(self, image: Image.Image, question: Question) -> Answer:
        boxes = [(label, box) for label in question.labels if (box := found(image, label))]
        marks = tuple(Mark(f"m{i}", box, label, score=0.8) for i, (label, box) in enumerate(boxes, start=1))
        if question.task.has_points:
            marks = tuple(replace(m, shape=m.shape.center, extent=m.shape) for m in marks)
        stated = {label: sum(m.label == label for m in marks) for label in question.labels}
        shown = marks if question.task.has_marks else ()
        return Answer(Findings(shown, stated if question.task.states_count else {}), "said", "finder", None, "compact-1", 0.5)


def found(image: Image.Image, label: str) -> Box | None:
    """The box around all pixels of a label's colour."""
    colour = label.split()[0]
    if colour not in ImageColor.colormap:
        return None
    ys, xs = np.nonzero((np.asarray(image) == ImageColor.getrgb(colour)).all(-1))
    return Box(float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)) if len(xs) else None


def painted(boxes: dict[str, tuple[int, int, int, int]], size: tuple[int, int] = (60, 40)) -> Image.Image:
    image = Image.new("RGB", size, "gray")
    for colour, box in boxes.items():
        image.paste(colour, box)
    return image
