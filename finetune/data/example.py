"""One example for TRL: an image, a question and the answer a perfect model gives; or two answers, of which one is preferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finetune.data.loss_weights import LossWeights
from finetune.data.unjudged import PartlyJudged, judged, partly_judged
from finetune.data.windows import TOKEN_PX
from pdc.domain.geometry import Size, reading_order
from pdc.domain.values import Findings, Question, Task

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

UNWEIGHTED = LossWeights()


def target(qwen: Qwen, question: Question, findings: Findings, wh: tuple[int, int]) -> PartlyJudged:
    """The answer's text: marks as the model states them, in reading order by visual token. `wh`: pixels of the image."""
    frame = qwen.frame(*wh)
    seen = frame.to_model(findings)
    ordered = reading_order(seen.marks, frame.answer_wh, TOKEN_PX)
    return partly_judged(question, replace(seen, marks=tuple(ordered)), qwen.prompt_style)


def example(
    qwen: Qwen,
    image: PilImage,
    question: Question,
    findings: Findings,
    rejected: Findings | None = None,
    wh: Size | None = None,
    weights: LossWeights = UNWEIGHTED,
    text: str | None = None,
) -> dict[str, Any]:
    """One TRL example: an answer to learn, its task, the parts of it that nobody judged, and what its parts weigh; or with
    `rejected` an answer to prefer to that. The prompt is the very chat that inference sends, with the image beside it, as TRL
    wants it; `text` takes the place of the usual words. `wh`: the size in whose pixels the findings are, where the image is
    resized already."""
    resized = image if wh else qwen.resize(image)
    answers = {"completion": findings} if rejected is None else {"chosen": judged(findings), "rejected": judged(rejected)}
    said = {name: target(qwen, question, found, wh or image.size) for name, found in answers.items()}
    return {
        "images": [resized],
        "prompt": _prompt(qwen, resized, question, text),
        **{name: [{"role": "assistant", "content": [{"type": "text", "text": a.text}]}] for name, a in said.items()},
        **(_weighed(question.task, said["completion"], weights) if rejected is None else {}),
    }


def _weighed(task: Task, answer: PartlyJudged, weights: LossWeights) -> dict[str, Any]:
    return {"task": str(task), "unjudged": answer.unjudged, "weights": weights.parts(task, answer.text)}


def _prompt(qwen: Qwen, image: PilImage, question: Question, text: str | None) -> list[dict[str, Any]]:
    chat = qwen.messages(image, question)
    return [{**turn, "content": [_in_words(_without_image(part), text) for part in turn["content"]]} for turn in chat]


def _in_words(part: dict[str, Any], text: str | None) -> dict[str, Any]:
    return {**part, "text": text} if text is not None and part["type"] == "text" else part


def _without_image(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "image"} if part["type"] == "image" else dict(part)
