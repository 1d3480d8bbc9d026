"""Any predictor with experts beside it: each label is asked of whoever stands for it, and one answer is made of all.

An adapter that was corrected on a label goes before the label's expert. An expert takes one look at the whole picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pdc.domain.certainty.counts import CountModels, count_chances
from pdc.domain.doubt import Thresholds, with_doubts
from pdc.domain.matching import DENSE_HEAD, suppress
from pdc.domain.prompts import COMPACT, answer, as_task
from pdc.domain.values import Box, Findings, Likeness, Mark, Question, Status, Task
from pdc.inference.adapter_ref import AdapterRef, Wanted, routed
from pdc.inference.experts.base import Expert, ExpertManifest, Mode
from pdc.inference.experts.registry import NOBODY, Experts
from pdc.inference.predictors.base import Answer, SoFar, untaught
from pdc.inference.predictors.content import content_box

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PilImage

    from pdc.inference.openai.remote import RemotePredictor
    from pdc.inference.predictors.local import LocalPredictor

Asked = tuple["PilImage", Question]
NOT_KNOWN: Likeness = {}


@dataclass(frozen=True, slots=True)
class SharedQuestion:
    """A question, the expert of each label that has one, and what the model is asked of it (None: nothing)."""

    question: Question
    by: Mapping[str, ExpertManifest]
    put: Question | None

    @property
    def experts(self) -> tuple[str, ...]:
        return tuple(sorted({m.name for m in self.by.values()}))

    @property
    def thresholds(self) -> Thresholds:
        return {label: m.thresholds[label] for label, m in self.by.items() if label in m.thresholds}

    @property
    def count_models(self) -> CountModels:
        return {label: m.count_models[label] for label, m in self.by.items() if label in m.count_models}

    def findings(self, boxes: Sequence[Mark], model: Findings | None = None) -> Findings:
        """What the experts found (boxes) and the model, in the order of the asked labels, as the reader's task states it.

        Of an object that both found the surer mark stays. Without the model's part, where it was asked, it is incomplete.
        """
        stated_as = self.put.task if self.put else self.question.task
        alone = Question(Task.COUNT_AND_BOX, tuple(self.by))
        mine = as_task(with_doubts(Findings(tuple(boxes)), self.thresholds), alone, stated_as)
        theirs = model or Findings(complete=self.put is None)
        marks = _in_order(_once([*mine.marks, *theirs.marks]), self.question.labels)
        whole = Findings(marks, dict(theirs.stated), complete=theirs.complete)
        if stated_as.states_count:
            counted = whole.counts(stated_as) if stated_as.has_marks else mine.stated
            numbers = {**theirs.stated} | {label: counted.get(label, 0) for label in self.by}
            whole = replace(whole, stated={label: numbers[label] for label in self.question.labels if label in numbers})
        return as_task(whole, replace(self.question, task=stated_as), self.question.task)

    def answer(
        self, boxes: Sequence[Mark], model: Answer | None, name: str, seconds: float, likeness: Likeness = NOT_KNOWN
    ) -> Answer:
        """One answer out of what the experts found and the model's answer; `name` is the model's, and `likeness` says how the
        image compares with the model's training images of the experts' labels."""
        said = "\n".join(f"{who}: {_text(self.by, boxes, who)}" for who in self.experts)
        if model is None:
            most = max(m.pixels for m in self.by.values())
            model = Answer(None, "", name, None, COMPACT, seconds, max_pixels=most)
        # A label of an expert's alone has no list that could go on.
        more = {**dict.fromkeys(self.by, 0.0), **model.more}
        models = {**{n: m for n, m in model.count_models.items() if n not in self.by}, **self.count_models}
        theirs = model.findings.marks if model.findings else ()
        said_all = model.findings is not None or self.put is None
        chances = count_chances(_once([*boxes, *theirs]), more, self.count_models) if said_all and not model.cut else {}
        return replace(
            model,
            findings=self.findings(boxes, model.findings),
            raw="\n".join(filter(None, (said, model.raw))),
            seconds=round(seconds, 3),
            counts={**{label: p for label, p in model.counts.items() if label not in self.by}, **chances},
            thresholds={**model.thresholds, **self.thresholds},
            experts=self.experts,
            more=more,
            count_models=models,
            likeness={**model.likeness, **likeness},
        )


def share(question: Question, wanted: Wanted, experts: Experts) -> SharedQuestion:
    """Who is asked for what: an adapter for what it was corrected on, or for all where it does not say; an expert for its
    labels; the model for the rest, and for those that an expert is asked about beside it: in boxes then."""
    route = routed(wanted)
    by = experts.about([label for label in question.labels if not route.who(label).folder])
    left = tuple(label for label in question.labels if label not in by or by[label].mode is Mode.BESIDE)
    task = Task.COUNT_AND_BOX if any(label in by for label in left) else question.task
    return SharedQuestion(question, by, Question(task, left) if left else None)


class ExpertPredictor:
    """As the predictor inside, with experts beside it. `wanted` names the adapter that serves, as for the one inside; `model`
    is the name that answers carry."""

    def __init__(
        self,
        inside: LocalPredictor | RemotePredictor,
        experts: Experts = NOBODY,
        wanted: Callable[[], Wanted] = AdapterRef,
        model: str = "",
    ) -> None:
        self.inside, self.experts, self._wanted, self._model = inside, experts, wanted, model

    def warm_up(self, say: Callable[[str], None] = lambda line: None) -> None:
        """As the predictor inside; experts are loaded when first asked."""
        self.inside.warm_up(say)

    def load(self) -> None:
        """Load the experts and the model now. Raises BadModel when the model cannot be used."""
        self.experts.load()
        self.inside.load()

    @property
    def loaded(self) -> bool:
        return self.inside.loaded

    @property
    def adapter(self) -> str | None:
        return self.inside.adapter

    @property
    def lora_layers(self) -> int | None:
        return self.inside.lora_layers

    @property
    def labels(self) -> frozenset[str] | None:
        known = self.inside.labels
        return None if known is None else known | self.experts.labels

    def untaught(self, question: Question) -> tuple[str, ...]:
        return untaught(question, self.labels)

    def describe(self, image: PilImage) -> np.ndarray | None:
        """As the predictor inside."""
        return self.inside.describe(image)

    def predict(self, image: PilImage, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def predict_many(self, asked: Sequence[Asked]) -> list[Answer]:
        """Several answers; the experts look at all images first, then the model is asked what is left to it."""
        started = time.perf_counter()
        shared = [self._share(question) for _, question in asked]
        boxes = self._found([image for image, _ in asked], shared)
        left = [(i, (image, s.put)) for i, ((image, _), s) in enumerate(zip(asked, shared, strict=True)) if s.put]
        answers = self.inside.predict_many([one for _, one in left]) if left else []
        by_model = dict(zip((i for i, _ in left), answers, strict=True))
        seconds = time.perf_counter() - started
        return [
            s.answer(boxes[i], by_model.get(i), self._model, seconds, self._compared(asked[i][0], s))
            if s.by
            else replace(by_model[i], seconds=round(seconds, 3))
            for i, s in enumerate(shared)
        ]

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        """As `LocalPredictor.stream`; what the experts found comes first."""
        started, shared = time.perf_counter(), self._share(question)
        if not shared.by:
            yield from self.inside.stream(image, question, cancelled)
            return
        boxes, likeness = self._found([image], [shared])[0], self._compared(image, shared)
        if shared.put is None:
            yield shared.answer(boxes, None, self._model, time.perf_counter() - started, likeness)
            return
        yield SoFar(shared.findings(boxes), likeness)
        with closing(self.inside.stream(image, shared.put, cancelled)) as parts:  # type: ignore[type-var]
            for part in parts:
                if isinstance(part, SoFar):
                    told = {**part.likeness, **likeness}
                    yield replace(part, findings=shared.findings(boxes, part.findings), likeness=told)
                else:
                    yield shared.answer(boxes, part, self._model, time.perf_counter() - started, likeness)

    def _share(self, question: Question) -> SharedQuestion:
        shared = share(question, self._wanted(), self.experts)
        if not shared.by:
            return shared
        self.experts.load()  # one that turns out to be damaged stands for nothing any more
        return share(question, self._wanted(), self.experts)

    def _compared(self, image: PilImage, shared: SharedQuestion) -> Likeness:
        """The image beside the training images of the experts' labels: the model learnt from the same."""
        return self.inside.compared(image, Question(Task.COUNT_AND_BOX, tuple(shared.by))) if shared.by else NOT_KNOWN

    def _found(self, images: Sequence[PilImage], shared: Sequence[SharedQuestion]) -> list[list[Mark]]:
        """Per image what its question's experts found, with ids that no mark of the model has."""
        found: list[list[Mark]] = [[] for _ in images]
        for manifest in self.experts.manifests:
            expert = self.experts.expert(manifest)
            rows = [i for i, s in enumerate(shared) if manifest in s.by.values()]
            marks = _look(expert, [images[i] for i in rows]) if expert and rows else []
            for i, some in zip(rows, marks, strict=True):
                found[i] += [m for m in some if shared[i].by.get(m.label) == manifest]
        return [[replace(m, id=f"e{n}") for n, m in enumerate(some, start=1)] for some in found]


def _look(expert: Expert, images: Sequence[PilImage]) -> list[tuple[Mark, ...]]:
    """What an expert finds in each image, without the plain frame around its picture; in pixels of the image."""
    corners = [box.xyxy if (box := content_box(image)) else (0.0, 0.0, *image.size) for image in images]
    pictures = [
        image.crop((round(x1), round(y1), round(x2), round(y2))) for image, (x1, y1, x2, y2) in zip(images, corners, strict=True)
    ]
    found = expert.find(pictures, expert.manifest.labels)
    return [tuple(_moved(m, x, y) for m in some) for some, (x, y, _, _) in zip(found, corners, strict=True)]


def _moved(mark: Mark, x: float, y: float) -> Mark:
    box = mark.shape
    return replace(mark, shape=Box(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y)) if isinstance(box, Box) else mark


def _text(by: Mapping[str, ExpertManifest], boxes: Sequence[Mark], who: str) -> str:
    """What an expert found, written as a model would answer; doubtful marks too."""
    labels = tuple(label for label, manifest in by.items() if manifest.name == who)
    return answer(Question(Task.COUNT_AND_BOX, labels), Findings(tuple(m for m in boxes if m.label in labels)))


def _once(marks: Sequence[Mark]) -> list[Mark]:
    """Of the marks of two sources the surer one of each object, and rather one that counts; a lone source's as they are."""
    if len({m.expert for m in marks}) < 2:
        return list(marks)
    ranked = sorted(marks, key=lambda m: (m.status is Status.DOUBTFUL, -(m.score or 0.0)))
    return suppress(ranked, lambda m, k: m.label == k.label and m.expert != k.expert and DENSE_HEAD.same(m.shape, k.shape))


def _in_order(marks: Sequence[Mark], labels: Sequence[str]) -> tuple[Mark, ...]:
    """By the order of the asked labels; within a label as they are."""
    return tuple(m for label in labels for m in marks if m.label == label)
