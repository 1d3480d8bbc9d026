"""PDC's questions and answers as an OpenAI-compatible chat, both ways: what is sent to a server, and what a server reads.

Only what every such server knows is needed: one user message of an image and words, `response_format` with a JSON schema,
`logprobs`. In the entries of `logprobs` PDC's own server adds `more`, which is `continues` of a `TokenStep`, and its
`logprob` is that of the step: for a coordinate the mass near it. From other servers both are put together from
`top_logprobs`.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from pdc.domain.errors import BadQuestion
from pdc.domain.geometry import Size
from pdc.domain.prompts import STYLES, json_schema, words
from pdc.domain.values import Question, Task
from pdc.inference.types import Decoded, DenseOpinion, TokenStep

MAX_TOKENS = 3072
TOP = 20  # alternatives asked for per token: the most that servers give
NEAR = 6  # a coordinate is as sure as the mass within this many model pixels of it
END = "<|im_end|>"  # some servers list the end of the turn among the tokens
_ANOTHER = re.compile(r",\s?\[$|^\s?,$|\],$|\},\s?\{$|\[\s?\[$|^\s?\[$")  # tokens that go on with a list of shapes
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,")


@dataclass(frozen=True, slots=True)
class Request:
    """What a server was asked: `image` is the file's bytes."""

    model: str
    image: bytes
    question: Question
    limit: int
    logprobs: bool
    stream: bool


def request(model: str, png: bytes, question: Question, style: str, answer_wh: Size) -> dict[str, Any]:
    """The body of a chat completion about an image the client has resized itself; coordinates end at `answer_wh`."""
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": words(question, style)}]
    schema = {"name": "answer", "strict": True, "schema": json_schema(question, *answer_wh, style)}
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
        "response_format": {"type": "json_schema", "json_schema": schema},
        "logprobs": True,
        "top_logprobs": TOP,
    }


def read_request(body: Mapping[str, Any]) -> Request:
    """What a chat completion asks, or BadQuestion: only PDC's five questions about one image are answered."""
    try:
        (message,) = (m for m in body["messages"] if m["role"] != "system")
        (text,) = (p["text"] for p in message["content"] if p["type"] == "text")
        (url,) = (p["image_url"]["url"] for p in message["content"] if p["type"] == "image_url")
        limit = int(body.get("max_completion_tokens") or body.get("max_tokens") or MAX_TOKENS)
        model, schema = str(body["model"]), (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadQuestion("Ask with one user message that holds one image_url and one text, and name a model.") from None
    question = question_of(text, tuple(dict.fromkeys(_labels_in(schema))) if schema else None)
    limit = min(max(limit, 1), MAX_TOKENS)
    return Request(model, _image(url), question, limit, bool(body.get("logprobs")), bool(body.get("stream")))


def _image(url: str) -> bytes:
    if not isinstance(url, str) or not (start := _DATA_URL.match(url)):
        raise BadQuestion("Send the image itself, as a data URL; this server fetches nothing.")
    try:
        return base64.b64decode(url[start.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise BadQuestion("The image's data URL is damaged.") from None


def question_of(text: str, labels: tuple[str, ...] | None = None) -> Question:
    """The question that these words put, in any style; without `labels` the words are split at commas."""
    for task in Task:
        for style in STYLES:
            before, after = words(Question(task, ("x",)), style).split(" x.", 1)
            if text.startswith(before + " ") and text.endswith("." + after):
                named = labels or tuple(text[len(before) + 1 : len(text) - len(after) - 1].split(", "))
                if words(Question(task, named), style) == text:
                    return Question(task, named)
    raise BadQuestion(f"This server answers PDC's questions only, such as: {words(Question(Task.COUNT_AND_BOX, ('polyp',)))}")


def _labels_in(schema: Any) -> Iterable[str]:
    """Every label that a schema allows, in its order."""
    if isinstance(schema, Mapping):
        label = schema.get("label")
        if isinstance(label, Mapping):
            yield from (v for v in label.get("enum", [label.get("const")]) if isinstance(v, str))
        for value in schema.values():
            yield from _labels_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _labels_in(value)


def logprob_entries(steps: Sequence[TokenStep]) -> list[dict[str, Any]]:
    """Steps as the `content` of `logprobs`."""
    return [
        {
            "token": s.text,
            "logprob": log(max(s.probability, 1e-12)),
            "bytes": list(s.text.encode()),
            "top_logprobs": [],
            "more": s.continues,
        }
        for s in steps
    ]


def read_answer(text: str, said: Sequence[Mapping[str, Any]], finished: bool, opinion: DenseOpinion | None) -> Decoded:
    """A server's answer as our own decoder would give it.

    Where `logprobs` are missing or do not spell the text there are no steps: marks get no score but the second opinion's.
    """
    try:
        steps = _steps(said)
    except (KeyError, TypeError, ValueError, AttributeError):
        steps = []
    spelt = "".join(s.text for s in steps).removesuffix(END) == text
    return Decoded(text, tuple(steps) if spelt else (), finished, second_opinion=opinion)


def _steps(said: Sequence[Mapping[str, Any]]) -> list[TokenStep]:
    utf8, steps = codecs.getincrementaldecoder("utf-8")("replace"), []
    for entry in said:
        piece = utf8.decode(bytes(entry["bytes"])) if entry.get("bytes") is not None else entry["token"]
        steps.append(TokenStep(piece, _probability(entry), 1.0, _more(entry)))
    return steps


def _probability(entry: Mapping[str, Any]) -> float:
    token, own = entry["token"].strip(), exp(min(float(entry["logprob"]), 0.0))
    if not token.isdecimal() or int(token) < 10:
        return own
    near = [o for o in entry.get("top_logprobs") or () if o["token"].strip().isdecimal()]
    near = [o for o in near if abs(int(o["token"]) - int(token)) <= NEAR]
    return min(max(own, sum(exp(o["logprob"]) for o in near)), 1.0)


def _more(entry: Mapping[str, Any]) -> float:
    if "more" in entry:
        return float(entry["more"])
    return min(sum(exp(o["logprob"]) for o in entry.get("top_logprobs") or () if _ANOTHER.search(o["token"])), 1.0)


def event(part: Mapping[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(part, ensure_ascii=False)}\n\n"
