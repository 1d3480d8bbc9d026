"""A predictor that is asked in the words its model was taught, and answers under the names that labels have here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pdc.domain.label_changes import findings_now
from pdc.domain.labels import LabelDictionary
from pdc.domain.values import Question
from pdc.inference.predictors.base import Answer, SoFar

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PilImage

    from pdc.inference.openai.remote import RemotePredictor
    from pdc.inference.predictors.experts import ExpertPredictor
    from pdc.inference.predictors.local import LocalPredictor

V = TypeVar("V")


class NamedPredictor:
    """As the predictor inside. A label that was renamed, or is another word for one it was taught, is asked as that one;
    labels that it was never taught are `untaught`, and go to it as they are only if somebody asks all the same."""

    def __init__(
        self, inside: ExpertPredictor | LocalPredictor | RemotePredictor, dictionary: Callable[[], LabelDictionary]
    ) -> None:
        self.inside, self.dictionary = inside, dictionary
        self.warm_up, self.load = inside.warm_up, inside.load
        self._kept: tuple[LabelDictionary, frozenset[str], frozenset[str]] | None = None

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
        if known is None:
            return None
        names, kept = self.dictionary(), self._kept
        if kept is None or kept[0] is not names or kept[1] != known:
            here = names.also(sorted(known))
            kept = self._kept = names, known, frozenset(name for name in here.labels if here.taught((name,), known))
        return kept[2]

    def untaught(self, question: Question) -> tuple[str, ...]:
        words = self._words(question)
        return () if words is None else tuple(label for label in question.labels if label not in words)

    def put(self, question: Question) -> Question:
        """The question in the model's own words."""
        words = self._words(question) or {}
        return replace(question, labels=tuple(words.get(label, label) for label in question.labels))

    def predict(self, image: PilImage, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        put = [(image, self.put(question)) for image, question in asked]
        answers = self.inside.predict_many(put)
        return [_answer(a, _names(p, q)) for a, (_, p), (_, q) in zip(answers, put, asked, strict=True)]

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        put = self.put(question)
        names = _names(put, question)
        with closing(self.inside.stream(image, put, cancelled)) as parts:  # type: ignore[type-var]
            for part in parts:
                yield _so_far(part, names) if isinstance(part, SoFar) else _answer(part, names)

    def describe(self, image: PilImage) -> np.ndarray | None:
        """As the predictor inside."""
        return self.inside.describe(image)

    def _words(self, question: Question) -> dict[str, str] | None:
        """Label -> the model's word for it, of those that it was taught; None where it does not say."""
        known = self.inside.labels
        return None if known is None else self.dictionary().taught(question.labels, known)


def _names(put: Question, question: Question) -> dict[str, str]:
    """The model's word -> the label here, where they differ."""
    return {word: label for word, label in zip(put.labels, question.labels, strict=True) if word != label}


def _so_far(part: SoFar, names: Mapping[str, str]) -> SoFar:
    return SoFar(findings_now(part.findings, names), _renamed(part.likeness, names))


def _answer(answer: Answer, names: Mapping[str, str]) -> Answer:
    return replace(
        answer,
        findings=answer.findings and findings_now(answer.findings, names),
        counts=_renamed(answer.counts, names),
        thresholds=_renamed(answer.thresholds, names),
        more=_renamed(answer.more, names),
        count_models=_renamed(answer.count_models, names),
        likeness=_renamed(answer.likeness, names),
    )


def _renamed(by_label: Mapping[str, V], names: Mapping[str, str]) -> dict[str, V]:
    return {names.get(label, label): value for label, value in by_label.items()}
