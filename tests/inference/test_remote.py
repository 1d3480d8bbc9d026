"""A model behind a server gives the marks of the same model in this process, whatever the server and the network do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from adapter_files import old_with_vision, write
from model_servers import ANSWER, Played, chat, models, serving
from PIL import Image

from pdc.domain.errors import BadModel, BadQuestion, BadSetting, Unreachable
from pdc.domain.prompts import COMPACT, STYLES, words
from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import AdapterRef, Route
from pdc.inference.frame import read_processor_config
from pdc.inference.openai.http import HttpClient
from pdc.inference.openai.protocol import question_of, read_answer, read_request, request
from pdc.inference.openai.remote import RemotePredictor
from pdc.inference.openai.server import ModelServer
from pdc.inference.predictors.base import Answer, SoFar
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import load
from pdc.settings import EMBEDDED_MODEL

LABELS = ("red blood cell", "white blood cell")
SHIPPED = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]
ADAPTER = AdapterRef(SHIPPED.name, str(SHIPPED))
POLYP, RODS = (Question(Task.COUNT_AND_BOX, (label,)) for label in ("polyp", "bacterium"))


@pytest.fixture(scope="module")
def ours(embedded) -> Iterator[str]:
    """The address of our own server over the embedded model, with its shipped adapter and the key "secret"."""
    with serving(ModelServer(embedded, "pdc-tiny", lambda: {SHIPPED.name: str(SHIPPED)}, key="secret").app()) as url:
        yield url


def remote(url: str, wanted: AdapterRef = ADAPTER, key: str = "secret", **options) -> RemotePredictor:
    return RemotePredictor(HttpClient(url, key, 60, pause=0.01), str(EMBEDDED_MODEL), "pdc-tiny", lambda: wanted, **options)


def same(a: Answer, b: Answer) -> bool:
    shapes = ([(m.shape, m.label) for m in x.findings.marks] for x in (a, b))
    first, second = ((x.raw, x.model, x.adapter, x.prompt_version, next(shapes)) for x in (a, b))
    scores = zip(a.findings.marks, b.findings.marks, strict=True)
    return first == second and all(m.score == pytest.approx(k.score, abs=2e-4) for m, k in scores)


@pytest.mark.parametrize("task", [Task.COUNT_AND_BOX, Task.POINTING, Task.COUNTING])
def test_remote_and_local_give_the_same_marks_and_scores(embedded, smears, ours: str, task: Task):
    question = Question(task, LABELS)
    local = embedded.predict(smears[0][0], question)
    answer = remote(ours).predict(smears[0][0], question)
    assert same(answer, local) and (answer.findings.marks or answer.findings.stated)
    assert {k: pytest.approx(v, abs=1e-4) for k, v in answer.more.items()} == local.more and answer.more


def test_a_field_for_tiles_is_tiled_by_the_client_as_by_the_model_itself(embedded, smears, ours: str):
    field = Image.new("RGB", (1280, 960))
    for i in range(4):
        field.paste(smears[i][0], (640 * (i % 2), 480 * (i // 2)))
    question = Question(Task.BOUNDING, LABELS[:1])
    local = embedded.predict(field, question)
    assert "\n" in local.raw and same(remote(ours).predict(field, question), local)


def test_marks_stream_in_and_the_answer_comes_last(embedded, smears, ours: str):
    question = Question(Task.COUNT_AND_BOX, LABELS[:1])
    *parts, answer = remote(ours).stream(smears[2][0], question)
    assert same(answer, embedded.predict(smears[2][0], question))
    counts = [len(p.findings.marks) for p in parts if isinstance(p, SoFar)]
    assert counts and counts == sorted(counts) and counts[0] < len(answer.findings.marks)
    assert list(remote(ours).stream(smears[2][0], question, lambda: True)) == []


def test_several_are_asked_at_once_and_come_back_in_order(embedded, smears, ours: str):
    asked = [(smears[i][0], Question(Task.COUNTING, LABELS[:1])) for i in range(3)]
    answers = remote(ours).predict_many(asked)
    assert all(same(a, b) for a, b in zip(answers, embedded.predict_many(asked), strict=True))


def test_base_and_adapter_are_asked_by_name(smears, ours: str):
    wanted = [AdapterRef()]
    predictor = RemotePredictor(HttpClient(ours, "secret"), str(EMBEDDED_MODEL), "pdc-tiny", lambda: wanted[0])
    question = Question(Task.COUNTING, ("bacterium",))
    assert predictor.predict(smears[0][0], Question(Task.COUNTING, LABELS[:1])).adapter is None
    assert predictor.untaught(question) == ("bacterium",)
    with pytest.raises(BadModel, match=r"does not know bacterium; ask it for nucleus, platelet"):
        predictor.predict(smears[0][0], question)
    wanted[0] = ADAPTER
    assert predictor.predict(smears[0][0], question).adapter == SHIPPED.name and predictor.untaught(question) == ()
    wanted[0] = AdapterRef("another-1", str(SHIPPED))
    with pytest.raises(BadModel, match="does not serve the adapter another-1"):
        predictor.predict(smears[0][0], question)


def test_a_wrong_key_or_model_is_told(ours: str, smears):
    with pytest.raises(BadSetting, match="PDC_SERVER_KEY"):
        remote(ours, key="wrong").load()
    with pytest.raises(BadModel, match="serves pdc-tiny"):
        RemotePredictor(HttpClient(ours, "secret"), str(EMBEDDED_MODEL), "another").load()
    with pytest.raises(BadModel, match="no model 'named'"):
        remote(ours, AdapterRef(), model="named").predict(smears[0][0], POLYP)


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://x", "nonsense"])
def test_an_address_that_is_none_is_told(url: str):
    with pytest.raises(BadSetting, match="PDC_SERVER_URL"):
        remote(url).load()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"messages": []},
        {"messages": [{"role": "user", "content": "hi"}], "model": "pdc-tiny"},
        {
            "model": "pdc-tiny",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "http://example.org/a.png"}},
                        {"type": "text", "text": "Count every polyp. Answer in JSON."},
                    ],
                }
            ],
        },
        {
            "model": "pdc-tiny",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!!"}},
                        {"type": "text", "text": "Count every polyp. Answer in JSON."},
                    ],
                }
            ],
        },
        {
            "model": "pdc-tiny",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                        {"type": "text", "text": "Count every polyp. Answer in JSON."},
                    ],
                }
            ],
        },
        {
            "model": "pdc-tiny",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                        {"type": "text", "text": "Write a poem."},
                    ],
                }
            ],
        },
    ],
)
def test_our_server_refuses_what_it_cannot_answer_with_a_sentence(ours: str, body: object):
    import httpx

    said = httpx.post(f"{ours}/v1/chat/completions", json=body, headers={"Authorization": "Bearer secret"})
    assert said.status_code == 400 and said.json()["error"]["message"].endswith((".", "GIF.", "JSON."))
    assert httpx.post(f"{ours}/v1/chat/completions", json=body).status_code == 401


def test_our_server_takes_no_endless_request(embedded):
    import httpx

    with serving(ModelServer(embedded, "pdc-tiny", dict, max_bytes=1000).app()) as url:
        assert httpx.post(f"{url}/v1/chat/completions", content=b"x" * 5000).status_code == 400


def test_our_server_opens_images_over_the_limit_of_pillow(smears, ours: str, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert remote(ours, AdapterRef()).predict(smears[0][0], POLYP).findings is not None


def test_a_client_that_leaves_in_the_midst_of_an_answer_frees_the_model_at_once(embedded, smears, ours: str):
    import gc

    import httpx

    smears[2][0].save(png := BytesIO(), "PNG")
    body = request("pdc-tiny", png.getvalue(), Question(Task.COUNT_AND_BOX, LABELS), COMPACT, smears[2][0].size)
    ask = {"url": f"{ours}/v1/chat/completions", "headers": {"Authorization": "Bearer secret"}, "timeout": 20}
    gc.disable()  # it may come by hours later
    try:
        with httpx.stream("POST", json={**body, "stream": True}, **ask) as response:
            next(response.iter_lines())
            assert embedded._lock.locked()
        assert httpx.post(json=body, **ask).status_code == 200
    finally:
        gc.enable()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("labels", [("polyp",), ("red blood cell", "platelet"), ("cell, dividing", "debris")])
def test_a_request_is_read_as_it_was_written(task: Task, labels: tuple[str, ...], style: str):
    question = Question(task, labels)
    body = json.loads(json.dumps(request("m", b"png", question, style, (280, 252))))
    read = read_request(body)
    assert (read.model, read.image, read.question, read.logprobs, read.stream) == ("m", b"png", question, True, False)
    if "," not in labels[0]:
        assert question_of(words(question, style)) == question


def test_words_that_are_no_question_of_ours_are_refused():
    with pytest.raises(BadQuestion, match="PDC's questions only"):
        question_of("Count every polyp, please.")


# Servers of another kind, played by one that speaks as they do


def test_a_broken_answer_is_asked_for_again(smears):
    trouble = [b"", b'HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"choi', (503, {"error": {"message": "overloaded"}})]
    with Played(lambda path, _: models(path) or (trouble.pop(0) if trouble else chat(ANSWER))) as server:
        answer = remote(server.url, AdapterRef()).predict(smears[0][0], POLYP)
    assert not trouble and len(answer.findings.marks) == 1


def test_a_server_that_is_gone_for_good_is_told_and_found_again(smears):
    gone = [False]
    with Played(lambda path, _: b"" if gone[0] else models(path) or chat(ANSWER)) as server:
        predictor = remote(server.url, AdapterRef())
        predictor.load()
        gone[0] = True
        with pytest.raises(Unreachable, match="Nothing is lost"):
            predictor.predict(smears[0][0], POLYP)
        gone[0] = False
        assert predictor.predict(smears[0][0], POLYP).findings.marks
    with pytest.raises(Unreachable, match="PDC_SERVER_URL"):
        predictor.predict(smears[0][0], POLYP)


def test_an_answer_that_breaks_off_in_its_stream_is_asked_again(smears):
    piece = json.dumps({"choices": [{"delta": {"content": ANSWER[:50]}}]})
    half = f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\ndata: {piece}\n\n".encode()
    with Played(lambda path, body: models(path) or (half if body.get("stream") else chat(ANSWER))) as server:
        *_, answer = remote(server.url, AdapterRef()).stream(smears[0][0], POLYP)
    assert len(answer.findings.marks) == 1


def test_what_a_server_refuses_is_left_out_from_then_on(smears):
    def say(path: str, body: dict) -> tuple[int, object]:
        if "logprobs" in body:
            return 400, {"error": {"message": "logprobs are not supported"}}
        return models(path) or chat(ANSWER)

    with Played(say) as server:
        predictor = remote(server.url, AdapterRef())
        answers = [predictor.predict(smears[0][0], POLYP) for _ in range(2)]
    assert [m.score for a in answers for m in a.findings.marks] == [None, None] and answers[0].counts == {}
    assert ["logprobs" in body for _, body in server.asked[1:]] == [True, False, False]
    assert all("response_format" in body for _, body in server.asked[1:])


def test_what_one_thread_found_to_be_refused_another_does_not_forget(smears):
    slow, learnt = threading.Event(), threading.Event()

    def say(path: str, body: dict) -> tuple[int, object]:
        if "logprobs" in body and not slow.is_set():
            slow.set()
            assert learnt.wait(20)
            return chat(ANSWER)  # asked before the server stopped giving them
        return (400, {"error": {"message": "no logprobs"}}) if "logprobs" in body else models(path) or chat(ANSWER)

    with Played(say) as server:
        predictor = remote(server.url, AdapterRef())
        first = threading.Thread(target=predictor.predict, args=(smears[0][0], POLYP))
        first.start()
        assert slow.wait(20)
        predictor.predict(smears[0][0], POLYP)
        learnt.set()
        first.join()
        predictor.predict(smears[0][0], POLYP)
    assert ["logprobs" in body for path, body in server.asked if path != "/v1/models"] == [True, True, False, False]


def test_an_adapter_that_two_threads_ask_for_at_once_is_loaded_once(smears, language_only):
    another = threading.Event()

    def say(path: str, body: dict) -> tuple[int, object]:
        if path != "/v1/load_lora_adapter":
            return models(path) or chat(ANSWER.replace("polyp", "bacterium"))
        if sum(path == "/v1/load_lora_adapter" for path, _ in server.asked) > 1:
            another.set()
            return 400, {"error": {"message": "The lora adapter 'language-1' has already been loaded."}}
        another.wait(0.5)  # so long may a second thread ask too
        return 200, "Success"

    with Played(say) as server, ThreadPoolExecutor(2) as pool:
        predictor = remote(server.url, language_only)
        answers = [pool.submit(predictor.predict, smears[0][0], RODS) for _ in range(2)]
        assert {answer.result().adapter for answer in answers} == {"language-1"}
    assert not another.is_set()


def test_a_refusal_of_the_question_itself_is_told(smears):
    refusing = Played(lambda path, _: models(path) or (400, {"detail": "The image is too large."}))
    with refusing as server, pytest.raises(BadModel, match="too large"):
        remote(server.url, AdapterRef()).predict(smears[0][0], POLYP)


@pytest.mark.parametrize("text", [None, "", "I see one polyp.", "```json\n" + ANSWER + "\n```", ANSWER[:-1], ["x"]])
def test_what_does_not_follow_the_schema_is_unreadable_and_not_none(smears, text):
    with Played(lambda path, _: models(path) or chat(text)) as server:
        assert remote(server.url, AdapterRef()).predict(smears[0][0], POLYP).findings is None


@pytest.mark.parametrize(("end", "cut"), [("length", True), ("stop", False), (None, False)])
def test_what_a_server_cut_by_its_length_is_told_from_what_cannot_be_read(smears, end: str | None, cut: bool):
    text = ANSWER.replace("]]", "],[200,28,252,84],[30")[: -len(',"counts":1}]')]
    with Played(lambda path, _: models(path) or chat(text, end=end)) as server:
        answer = remote(server.url, AdapterRef()).predict(smears[0][0], POLYP)
    assert answer.cut is cut and (answer.findings is not None) is cut
    assert not cut or len(answer.findings.marks) == 2


def test_an_answer_that_our_server_cuts_is_the_one_that_is_cut_in_this_process(smears):
    image, cells = smears[2][0].crop((0, 0, 320, 240)), Question(Task.COUNT_AND_BOX, LABELS[:1])
    short = LocalPredictor(lambda: load(str(EMBEDDED_MODEL), device="cpu"), limit=30)
    local = short.predict(image, cells)
    with serving(ModelServer(short, "pdc-tiny", dict).app()) as url:
        predictor = remote(url, AdapterRef())
        (*_, streamed), asked = predictor.stream(image, cells), predictor.predict(image, cells)
    assert local.cut and local.findings.marks and local.counts == {}
    assert all(a.cut and same(a, local) for a in (streamed, asked))


@pytest.mark.parametrize("said", [[], {}, {"choices": []}, {"choices": [{"message": None}]}, "hello", None])
def test_an_answer_of_another_shape_is_unreadable(smears, said):
    with Played(lambda path, _: models(path) or (200, said)) as server:
        assert remote(server.url, AdapterRef()).predict(smears[0][0], POLYP).findings is None


@pytest.mark.parametrize("said", ["hello", {"data": 5}, [], {"data": [{"name": "x"}]}])
def test_a_server_of_another_kind_is_told(said):
    with Played(lambda *_: (200, said)) as server, pytest.raises(BadModel, match="not an OpenAI-compatible"):
        remote(server.url, AdapterRef()).load()


@pytest.fixture
def language_only(tmp_path) -> AdapterRef:
    """The shipped adapter without its vision weights."""
    folder = write(tmp_path / "language-1")
    manifest = json.loads((SHIPPED / "pdc.json").read_text())
    (folder / "pdc.json").write_text(json.dumps({**manifest, "name": folder.name, "in_process_only": False}))
    return AdapterRef(folder.name, str(folder))


def test_a_question_about_base_and_two_adapters_becomes_a_request_for_each(smears, language_only, tmp_path):
    second = json.loads(Path(language_only.folder, "pdc.json").read_text()) | {"name": "second", "serves": ["platelet"]}
    folder = write(tmp_path / "second")
    (folder / "pdc.json").write_text(json.dumps(second))
    route = Route((AdapterRef("second", str(folder)), language_only))
    question = Question(Task.COUNT_AND_BOX, ("polyp", "bacterium", "platelet"))

    def say(path: str, body: dict) -> tuple[int, object]:
        asked = {"pdc-tiny": "polyp", "language-1": "bacterium", "second": "platelet"}
        return models(path) or ((200, "Success") if "lora" in path else chat(ANSWER.replace("polyp", asked[body["model"]])))

    with Played(say) as server:
        answer = remote(server.url, route).predict(smears[0][0], question)
    assert [m.label for m in answer.findings.marks] == list(question.labels) and answer.adapter == "second + language-1"
    assert [line.split(":")[0] for line in answer.raw.split("\n")] == ["pdc-tiny", "language-1", "second"]


def test_an_adapter_is_loaded_by_name_where_a_server_offers_that(smears, language_only):
    answer = ANSWER.replace("polyp", "bacterium")
    with Played(lambda path, _: models(path) or ((200, "Success") if "lora" in path else chat(answer))) as server:
        predictor = remote(server.url, language_only)
        assert {predictor.predict(smears[0][0], RODS).adapter for _ in range(2)} == {"language-1"}
    loads = [body for path, body in server.asked if path == "/v1/load_lora_adapter"]
    assert loads == [{"lora_name": "language-1", "lora_path": language_only.folder}]
    assert server.asked[-1][1]["model"] == "language-1"


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_an_adapter_with_vision_weights_never_goes_to_a_server_that_would_drop_them(smears, tmp_path, described, listed):
    folder = SHIPPED if described else write(tmp_path / "foreign", old_with_vision)
    offered = [{"id": name, "owned_by": "vllm"} for name in ("pdc-tiny", *[folder.name] * listed)]

    def say(path: str, _: dict) -> tuple[int, object]:
        return (200, {"data": offered}) if path == "/v1/models" else (200, "Success") if "lora" in path else chat(ANSWER)

    with Played(say) as server:
        predictor = remote(server.url, AdapterRef(folder.name, str(folder)))
        with pytest.raises(BadModel, match=f"{folder.name} has weights in the vision tower"):
            predictor.predict(smears[0][0], RODS)
        assert [path for path, _ in server.asked] == ["/v1/models"]
        assert not described or predictor.predict(smears[0][0], POLYP).adapter is None  # the base's own question


def test_our_server_says_how_many_pixels_each_of_its_models_sees_and_is_sent_no_more(embedded, tmp_path):
    (tmp_path / "pdc.json").write_text(json.dumps({**json.loads((SHIPPED / "pdc.json").read_text()), "max_pixels": 70_000}))
    with serving(ModelServer(embedded, "pdc-tiny", lambda: {"seventy": str(tmp_path)}, max_pixels=80_000).app()) as url:
        cards = {m["id"]: m["max_pixels"] for m in HttpClient(url).get("/v1/models")["data"]}
        assert cards == {"pdc-tiny": 80_000, "seventy": 70_000}
        alone = remote(url, AdapterRef()).predict(Image.new("RGB", (900, 900)), POLYP)
    assert alone.max_pixels == 80_000


def test_the_image_is_sent_at_the_size_at_which_the_model_sees_it(smears):
    with Played(lambda path, _: models(path) or chat(ANSWER)) as server:
        remote(server.url, AdapterRef()).predict(smears[0][0], POLYP)
    sent = Image.open(BytesIO(read_request(server.asked[-1][1]).image))
    eyes = read_processor_config(str(EMBEDDED_MODEL))
    assert sent.width % 28 == sent.height % 28 == 0 and eyes.least <= sent.width * sent.height <= eyes.most


def test_no_image_is_sent_with_more_pixels_than_the_settings_allow():
    with Played(lambda path, _: models(path) or chat(ANSWER)) as server:
        predictor = RemotePredictor(HttpClient(server.url), "Qwen/Qwen2.5-VL-7B-Instruct", "pdc-tiny", most=300_000)
        answer = predictor.predict(Image.new("RGB", (800, 600)), POLYP)
    sent = Image.open(BytesIO(read_request(server.asked[-1][1]).image))
    assert sent.width * sent.height <= 300_000 == answer.max_pixels
    assert answer.findings.marks[0].shape.x2 == pytest.approx(112 * 800 / sent.width)


def test_probabilities_of_any_server_become_scores():
    digits = [(c, -0.1) for c in ANSWER]
    plain = [{"token": t, "logprob": p, "bytes": list(t.encode()), "top_logprobs": []} for t, p in digits]
    decoded = read_answer(ANSWER, plain, True, None)
    assert len(decoded.steps) == len(ANSWER)
    others = [{"token": t, "logprob": -1.0} for t in ("112", "115", "400", "x")]
    number = {"token": "112", "logprob": -1.0, "top_logprobs": others}
    (step,) = read_answer("112", [number], True, None).steps
    assert step.probability == pytest.approx(2 * 0.3679, abs=1e-3)
    assert read_answer("113", [number], True, None).steps == ()
    assert read_answer("112", [{"token": 5}], True, None).steps == ()
