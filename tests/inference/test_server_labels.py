"""The model server understands spellings of the labels its model was taught, and refuses the others with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from starlette.testclient import TestClient

from pdc.domain.label_changes import fold
from pdc.domain.prompts import COMPACT
from pdc.domain.values import Question, Task
from pdc.inference.openai.protocol import request
from pdc.inference.openai.server import ModelServer
from pdc.inference.types import Decoded
from pdc.store.label_queries import vocabulary

TAUGHT = frozenset({"red blood cell", "platelet"})


class Heard:
    """A model that only remembers what it was asked."""

    def __init__(self, labels: frozenset[str] | None) -> None:
        self.labels, self.asked = labels, []

    def taught(self, wanted) -> frozenset[str] | None:
        return self.labels

    def complete(self, image, question, wanted, limit) -> Iterator[Decoded]:
        self.asked.append(question.labels)
        yield Decoded("[]", (), True)


def ask(labels: tuple[str, ...], known: frozenset[str] | None) -> tuple[Heard, int, str]:
    Image.new("RGB", (28, 28)).save(png := BytesIO(), "PNG")
    model = Heard(known)
    server = ModelServer(model, "tiny", dict, dictionary=lambda: fold((), (), vocabulary()))
    body = request("tiny", png.getvalue(), Question(Task.COUNT_AND_BOX, labels), COMPACT, (28, 28))
    answer = TestClient(server.app()).post("/v1/chat/completions", json=body)
    return model, answer.status_code, answer.text


def test_a_spelling_is_asked_as_the_label_the_model_was_taught():
    model, status, _ = ask(("RBC", "Thrombozyten"), TAUGHT)
    assert status == 200 and model.asked == [("red blood cell", "platelet")]


@pytest.mark.parametrize("label", ["dog", "none", "cell"])
def test_a_label_the_model_was_never_taught_is_refused_with_those_it_knows(label: str):
    model, status, said = ask(("platelet", label), TAUGHT)
    assert status == 400 and f"does not know {label}; ask it for platelet, red blood cell." in said and model.asked == []


def test_a_model_that_does_not_say_is_asked_as_it_stands():
    model, status, _ = ask(("dog", "RBC"), None)
    assert status == 200 and model.asked == [("dog", "RBC")]
