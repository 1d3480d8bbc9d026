"""Memory that runs out is a sentence and a smaller retry, in this process and at a server, and costs nobody their draft."""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue

import pytest
import torch
from desk import ASK, Desk, a_mark
from large_models import write_model
from model_servers import ANSWER, Played, chat, models, serving
from PIL import Image

from pdc.domain.errors import BadModel, OutOfMemory
from pdc.domain.values import Findings, Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.memory import TOO_LITTLE, is_out_of_memory
from pdc.inference.openai.http import HttpClient
from pdc.inference.openai.protocol import read_request
from pdc.inference.openai.remote import RemotePredictor
from pdc.inference.openai.server import ModelServer
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import Qwen, load

POLYP = Question(Task.BOUNDING, ("polyp",))
PHOTO = Image.effect_noise((1500, 1200), 60).convert("RGB")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "large")


class SmallCard:
    """A model on a card with room for so many pixels: CUDA's own exception comes of more."""

    def __init__(self, qwen: Qwen, room: int) -> None:
        self.shown: list[int] = []
        see, self.room = qwen.pixels, room

        def pixels(image: Image.Image) -> dict[str, torch.Tensor]:
            w, h = qwen.frame(*image.size).model_wh
            self.shown.append(w * h)
            if w * h > self.room:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.51 GiB.")
            return see(image)

        qwen.pixels = pixels  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def qwen(large: Path) -> Qwen:
    return load(str(large), quantization="none", device="cpu")


def test_what_is_told_from_other_errors():
    for error in (
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    ):
        assert is_out_of_memory(error)
    assert not any(map(is_out_of_memory, (RuntimeError("shapes do not match"), ValueError("out of memory"), OSError("no space"))))


def test_the_image_is_shown_smaller_until_memory_suffices_and_the_answer_says_so(qwen: Qwen):
    card, predictor = SmallCard(qwen, 300_000), LocalPredictor(lambda: qwen, limit=8)
    *_, streamed = predictor.stream(PHOTO, POLYP)
    assert isinstance(streamed, Answer) and streamed.short_of_memory and streamed.max_pixels == 250_000
    assert "at most 250000 pixels" in streamed.notes[0] and [n > 300_000 for n in card.shown] == [True, True, False]
    assert replace(predictor.predict(PHOTO, POLYP), seconds=0) == replace(streamed, seconds=0)
    card.room = 2_000_000
    again = predictor.predict(PHOTO, POLYP)
    assert not again.short_of_memory and again.max_pixels == 1_000_000 and again.notes == ()


def test_a_batch_that_is_too_large_is_asked_one_by_one(qwen: Qwen):
    SmallCard(qwen, 300_000)
    small = PHOTO.resize((500, 400))
    answers = LocalPredictor(lambda: qwen, limit=8).predict_many([(small, POLYP), (PHOTO, POLYP), (small, POLYP)])
    assert [a.short_of_memory for a in answers] == [False, True, False]


def test_no_memory_at_all_is_a_sentence_and_the_next_question_is_asked(qwen: Qwen):
    card, predictor = SmallCard(qwen, 0), LocalPredictor(lambda: qwen, limit=8)
    for ask in (lambda: predictor.predict(PHOTO, POLYP), lambda: list(predictor.stream(PHOTO, POLYP))):
        with pytest.raises(OutOfMemory, match=r"Memory ran out, even .* PDC_MAX_PIXELS lower\. Your marks are as they were\."):
            ask()
    assert min(card.shown) >= 20_000
    card.room = 2_000_000
    assert not predictor.predict(PHOTO, POLYP).short_of_memory


def test_another_error_is_not_taken_for_one_of_memory(qwen: Qwen, monkeypatch: pytest.MonkeyPatch):
    def broken(image: Image.Image) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(qwen, "pixels", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        LocalPredictor(lambda: qwen).predict(PHOTO, POLYP)


@pytest.mark.slow
def test_the_garbage_collector_passes_over_a_model_once_it_is_loaded(qwen: Qwen, monkeypatch: pytest.MonkeyPatch):
    predictor, said, frozen = LocalPredictor(lambda: qwen), SimpleQueue[str](), []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(predictor.loaded))
    predictor.warm_up(said.put)
    while not said.get(timeout=60).startswith("The model is loaded"):
        pass
    assert frozen == [True]


def test_a_model_that_does_not_fit_says_so(large: Path, monkeypatch: pytest.MonkeyPatch):
    from transformers import Qwen2_5_VLForConditionalGeneration

    def full(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Qwen2_5_VLForConditionalGeneration, "from_pretrained", full)
    with pytest.raises(BadModel, match="needs more memory than is free"):
        load(str(large), quantization="none", device="cpu")


LIMITED = """
import resource, sys
from PIL import Image
from pdc.domain.values import Question, Task
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import load

predictor = LocalPredictor(lambda: load(sys.argv[1], quantization="none", device="cpu", max_pixels=12_000_000), limit=8)
question = Question(Task.BOUNDING, ("polyp",))
predictor.predict(Image.new("RGB", (500, 400)), question)
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[2]) * 2**20,) * 2)
answer = predictor.predict(Image.effect_noise((4000, 3000), 60).convert("RGB"), question)
print(answer.short_of_memory, answer.max_pixels)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a process's memory is Linux's")
def test_a_process_that_may_take_no_more_memory_answers_about_a_smaller_image(large: Path):
    command = [sys.executable, "-c", LIMITED, str(large), "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    short, pixels = done.stdout.split()
    assert short == "True" and int(pixels) < 12_000_000


# Behind a server

TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 4348 tokens."
FULL = "CUDA out of memory. Tried to allocate 3.51 GiB."


def told(room: int, status: int, why: str):
    """A server that has no room for more visual tokens, and says it in these words."""

    def say(path: str, body: dict) -> tuple[int, object]:
        if found := models(path):
            return found
        w, h = Image.open(BytesIO(read_request(body).image)).size
        return (status, {"error": {"message": why}}) if w * h > room else chat(ANSWER)

    return say


@pytest.mark.parametrize(("status", "why"), [(400, TOO_LONG), (500, FULL), (503, FULL), (507, "Memory ran out.")])
def test_what_is_too_much_for_a_server_is_asked_smaller_and_said(status: int, why: str):
    with Played(told(300_000, status, why)) as server:
        predictor = RemotePredictor(HttpClient(server.url, pause=0.01), "Qwen/Qwen2.5-VL-7B-Instruct", "pdc-tiny")
        answer = predictor.predict(PHOTO, POLYP)
    asked = [body for path, body in server.asked if path != "/v1/models"]
    assert len(asked) == 3 and all("logprobs" in body and "response_format" in body for body in asked)
    assert answer.short_of_memory and answer.max_pixels == 250_000 and answer.notes
    width = Image.open(BytesIO(read_request(asked[-1]).image)).width
    assert answer.findings and answer.findings.marks[0].shape.x2 == pytest.approx(112 * 1500 / width)


@pytest.mark.parametrize(("status", "why"), [(400, TOO_LONG), (503, FULL)])
def test_a_server_with_no_room_at_all_is_a_sentence_with_its_own_words(status: int, why: str):
    with Played(told(0, status, why)) as server, pytest.raises(BadModel, match=why[:20]):
        RemotePredictor(HttpClient(server.url, pause=0.01), "Qwen/Qwen2.5-VL-7B-Instruct", "pdc-tiny").predict(PHOTO, POLYP)
    assert 3 <= len(server.asked) <= 8


def test_our_own_server_says_that_memory_ran_out_and_leaves_it_to_the_client_to_ask_smaller(qwen: Qwen, large: Path):
    card = SmallCard(qwen, 300_000)
    with serving(ModelServer(LocalPredictor(lambda: qwen, limit=40), "large", dict).app()) as url:
        answers = [RemotePredictor(HttpClient(url, pause=0.01), str(large), "large").predict(PHOTO, POLYP)]
        *_, streamed = RemotePredictor(HttpClient(url, pause=0.01), str(large), "large").stream(PHOTO, POLYP)
        card.room = 2_000_000
        roomy = RemotePredictor(HttpClient(url), str(large), "large", AdapterRef).predict(PHOTO, POLYP)
    assert isinstance(streamed, Answer)
    assert all(a.short_of_memory and a.max_pixels == 250_000 for a in (*answers, streamed)) and not roomy.short_of_memory


def test_a_reader_whose_question_ran_out_of_memory_keeps_the_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> Answer:
        raise OutOfMemory(TOO_LITTLE, n=25_000)

    desk = Desk(tmp_path)
    monkeypatch.setattr(desk.model, "predict", full)
    draft = desk.service.open(desk.image("a.png"), ASK, "ada")
    kept = desk.service.edit(draft, Findings((a_mark("h1", 1),)))
    with pytest.raises(OutOfMemory):
        desk.service.predict(kept)
    assert desk.service.open(draft.image.sha256, ASK, "ada").findings == kept.findings
