"""A crop becomes a question and its answer, token by token, with the object that each token speaks of."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from finetune.tiny import LABELS
from finetune.tiny.crops.views import View, order_and_owners
from finetune.tiny.spellings import respell
from pdc.domain.prompts import COMPACT, answer
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.qwen import messages

TASKS = {Task.COUNT_AND_BOX: 0.60, Task.BOUNDING: 0.20, Task.CNT_AND_POINT: 0.07, Task.POINTING: 0.07, Task.COUNTING: 0.06}
OWN = {"blood_cells": LABELS[:3], "nuclei": LABELS[3:4], "polyps": LABELS[4:], "blank": ()}
SHAPE = re.compile(r"\[\d+,\d+(?:,\d+,\d+)?\]")
NONE, END = -1, -2  # `about` of a token that speaks of no object, and of one that ends a list


@dataclass(frozen=True, slots=True)
class TokenizedAnswer:
    """Token ids up to and with <|vision_start|>, from <|vision_end|> to the model's turn, and of the answer with its end.

    Per answer token: `number` its value if it is a coordinate, else -1; `about` the index of the box it speaks of, NONE or END.
    """

    before: list[int]
    after: list[int]
    answer: list[int]
    number: list[int]
    about: list[int]


def tokenize_answer(tokenizer, view: View, rng: np.random.Generator) -> TokenizedAnswer:
    """A random question about the crop, its labels spelled as a user might, and the answer under the same words."""
    asked = ask(view, rng)
    question = replace(asked, labels=respell(asked.labels, rng))
    word = dict(zip(LABELS, LABELS, strict=True)) | dict(zip(asked.labels, question.labels, strict=True))
    order, _ = order_and_owners(view)
    marks = tuple(Mark(str(k), Box(*map(float, view.boxes[k])), word[LABELS[view.classes[k]]]) for k in order)
    text = answer(question, Findings(marks)) + "<|im_end|>"
    tokens = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    listed = [int(m.id) for label in question.labels for m in marks if m.label == label]
    before, after = _prompt(tokenizer, question)
    return TokenizedAnswer(before, after, tokens.input_ids, *_meaning(text, tokens.offset_mapping, listed))


@lru_cache(maxsize=4096)
def _prompt(tokenizer, question: Question) -> tuple[list[int], list[int]]:
    text = tokenizer.apply_chat_template(messages(None, question, COMPACT), tokenize=False, add_generation_prompt=True)
    before, after = text.split("<|image_pad|>")
    return tokenizer(before).input_ids, tokenizer(after).input_ids


def _meaning(text: str, offsets: list[tuple[int, int]], listed: list[int]) -> tuple[list[int], list[int]]:
    """(number, about) per token. A shape is spoken of from the bracket that opens it; a list ends with the next bracket."""
    about_char = [NONE] * len(text)
    for found, k in zip(SHAPE.finditer(text), listed, strict=False):
        about_char[found.start() : found.end() - 1] = [k] * (found.end() - 1 - found.start())
    number, about = [], []
    for a, b in offsets:
        piece = text[a:b]
        spoken = [k for k in about_char[a:b] if k != NONE]
        number.append(int(piece) if spoken and piece.isdigit() else -1)
        ends = piece.startswith("]]") or ":[]" in piece
        about.append(spoken[-1] if spoken else END if ends else NONE)
    return number, about


def ask(view: View, rng: np.random.Generator) -> Question:
    """A random question: usually the labels of that kind of image, sometimes some of them or the rarest alone (or a list of
    platelets goes on with the red cells), sometimes absent ones."""
    task = rng.choice(list(TASKS), p=list(TASKS.values()))
    own, seen = list(OWN[view.source]), Counter(LABELS[c] for c in view.classes)
    foreign = [label for label in LABELS if label not in own]
    dice = rng.random()
    if not own or dice < 0.14:
        labels = list(rng.choice(foreign, rng.integers(1, 3), replace=False))
    elif dice < 0.24:
        labels = [*own, *rng.choice(foreign, rng.integers(1, len(foreign) + 1), replace=False)]
    elif dice < 0.42 and len(seen) > 1:
        labels = [min(seen, key=lambda label: seen[label])]
    elif dice < 0.6 and len(own) > 1:
        labels = list(rng.choice(own, rng.integers(1, len(own)), replace=False))
    else:
        labels = own
    if rng.random() < 0.3:
        rng.shuffle(labels)
    return Question(Task(task), tuple(map(str, labels)))
