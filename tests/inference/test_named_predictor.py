"""The model is asked in the words it was taught, and answers under the names that labels have in the store."""

from __future__ import annotations

from datetime import UTC, datetime

from PIL import Image

from pdc.domain.label_changes import LabelChange, LabelEvent, fold
from pdc.domain.labels import LabelDictionary
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.named import NamedPredictor
from pdc.store.label_queries import vocabulary

PICTURE = Image.new("RGB", (40, 30))
TAUGHT = frozenset({"red blood cell", "platelet", "polyp"})


class Taught:
    """A predictor that marks one object of each label it is asked for, and remembers how it was asked."""

    loaded, adapter = True, None

    def __init__(self, labels: frozenset[str] | None = TAUGHT) -> None:
        self.labels, self.asked = labels, []
        self.warm_up = self.load = lambda *_: None

    def predict_many(self, asked):
        return [self._answer(question) for _, question in asked]

    def stream(self, image, question, cancelled=lambda: False):
        yield SoFar(Findings(self._answer(question).findings.marks[:1]), self._answer(question).likeness)
        yield self._answer(question)

    def _answer(self, question: Question) -> Answer:
        self.asked.append(question.labels)
        marks = tuple(Mark(f"m{i}", Box(0, 0, 9, 9), n, score=0.9) for i, n in enumerate(question.labels))
        stated, sure = {n: 1 for n in question.labels}, {n: {1: 1.0} for n in question.labels}
        below = {n: 0.3 for n in question.labels}
        return Answer(Findings(marks, stated), "[]", "taught", None, "compact-1", 0.1, sure, thresholds=below, likeness=below)


def renamed(*changes: tuple[str, str, str], names: tuple[str, ...] = tuple(sorted(TAUGHT))) -> LabelDictionary:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return fold(names, [LabelEvent(label, LabelChange(c), to, "ada", at) for c, label, to in changes], vocabulary())


def ask(*labels: str) -> Question:
    return Question(Task.COUNT_AND_BOX, labels)


def test_a_renamed_label_is_asked_by_the_name_the_model_was_taught_and_answered_under_the_new_one():
    model = Taught()
    predictor = NamedPredictor(model, lambda: renamed(("renamed", "red blood cell", "Erythrozyt")))
    answer = predictor.predict(PICTURE, ask("platelet", "Erythrozyt"))
    assert model.asked == [("platelet", "red blood cell")]
    assert [m.label for m in answer.findings.marks] == ["platelet", "Erythrozyt"] and answer.findings.stated["Erythrozyt"] == 1
    assert set(answer.thresholds) == set(answer.counts) == {"platelet", "Erythrozyt"}
    *parts, last = predictor.stream(PICTURE, ask("Erythrozyt"))
    assert set(answer.likeness) == {"platelet", "Erythrozyt"} and set(parts[0].likeness) == {"Erythrozyt"}
    assert parts[0].findings.marks[0].label == "Erythrozyt" and last.findings.marks[0].label == "Erythrozyt"


def test_a_label_of_ones_own_that_is_another_word_for_a_taught_one_is_asked_as_that_one():
    model = Taught()
    predictor = NamedPredictor(model, lambda: renamed(names=("RBC",)))
    assert predictor.untaught(ask("RBC")) == () and "RBC" in predictor.labels
    assert predictor.predict(PICTURE, ask("RBC")).findings.marks[0].label == "RBC" and model.asked == [("red blood cell",)]


def test_two_labels_never_stand_for_one_word_of_the_model():
    predictor = NamedPredictor(Taught(), lambda: renamed(names=("RBC", "red blood cell")))
    assert predictor.untaught(ask("RBC", "red blood cell")) == ("RBC",)


def test_what_the_model_was_never_taught_is_named():
    predictor = NamedPredictor(Taught(), lambda: renamed(names=("ring form", *TAUGHT)))
    assert predictor.untaught(ask("polyp", "ring form", "dog")) == ("ring form", "dog")
    assert predictor.labels == TAUGHT


def test_a_model_that_does_not_say_what_it_was_taught_may_be_asked_for_anything():
    model = Taught(None)
    predictor = NamedPredictor(model, lambda: renamed())
    assert predictor.untaught(ask("dog")) == () and predictor.labels is None
    predictor.predict(PICTURE, ask("dog"))
    assert model.asked == [("dog",)]
