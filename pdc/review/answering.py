"""The model's answers: the stored one where there is one, else a new one, all at once or mark by mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from pdc.domain.values import Findings, Image, Origin, Prediction, Question
from pdc.images.intake import ImageFiles
from pdc.inference.predictors.base import Answer, Predictor
from pdc.review.blind_reading import beside
from pdc.review.turns import Turns
from pdc.store.store import Store

Step = Findings | Prediction  # an answer in the making, and the whole one
Cancelled = Callable[[], bool]


class Answers:
    """Every method may be called from any thread. `serving` says which model and adapter would answer a question now; an
    answer they gave before is not asked for again. Without it any stored answer will do. `later` answers what nobody waits
    for.
    """

    def __init__(
        self,
        store: Store,
        files: ImageFiles,
        predictor: Predictor,
        serving: Callable[[Question], tuple[str, str | None]] | None,
        later: Predictor | None = None,
    ) -> None:
        self.store, self.files, self.predictor, self.serving = store, files, predictor, serving
        self.later = later or predictor
        self.turns = Turns()

    def known(self, sha256: str, question: Question) -> Prediction | None:
        """The stored answer of the model and adapter that serve now."""
        if self.serving is None:
            return self.store.newest_prediction(sha256, question)
        return self.store.latest_prediction(sha256, question, *self.serving(question))

    def answer(self, image: Image, question: Question, *, ahead: bool = False) -> Prediction:
        """The stored answer, or a new one, all at once. Whoever asks the same meanwhile waits for this one."""
        predictor = self.later if ahead else self.predictor
        with self.turns.alone((image.sha256, question)):
            known = self.known(image.sha256, question)
            return known or self._stored(image, question, predictor.predict(self.files.open(image.sha256), question))

    def steps(self, image: Image, question: Question, cancelled: Cancelled, *, own: Findings, again: bool) -> Iterator[Step]:
        """What the model found so far, each time there is more, then the stored answer; that alone where it is known, and
        where the predictor can only answer at once. Ends without it once `cancelled` says so.

        `own` are the marks that the answer will stand beside: its ids are none of theirs. `again`: a known one will not do.
        """
        with self.turns.alone((image.sha256, question)):
            known = None if again else self.known(image.sha256, question)
            if known:
                yield known
                return
            pixels, tail = self.files.open(image.sha256), _tail(beside(own, Findings(), question.task))
            stream = getattr(self.predictor, "stream", None)
            said = stream(pixels, question, cancelled) if stream else [self.predictor.predict(pixels, question)]
            for step in said:
                yield _renamed(step, tail) if isinstance(step, Findings) else self._stored(image, question, step, tail)

    def _stored(self, image: Image, question: Question, answer: Answer, tail: str = "") -> Prediction:
        """An answer as a prediction, stored."""
        found = _renamed(answer.findings, tail) if answer.findings else None
        prediction = Prediction(
            uuid4().hex,
            image.sha256,
            question,
            found,
            answer.raw,
            answer.model,
            answer.adapter,
            answer.prompt_version,
            answer.seconds,
            datetime.now(UTC),
        )
        self.store.add_prediction(prediction)
        return prediction


def _tail(kept: Findings) -> str:
    """What to add to the ids of an answer's marks, so that no mark that is left of an older answer has the same."""
    return f"-{uuid4().hex[:4]}" if any(m.origin is not Origin.HUMAN for m in kept.marks) else ""


def _renamed(findings: Findings, tail: str) -> Findings:
    return replace(findings, marks=tuple(replace(m, id=m.id + tail) for m in findings.marks)) if tail else findings
