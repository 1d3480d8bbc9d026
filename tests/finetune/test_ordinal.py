"""The loss of coordinates that are tokens: how far off matters, and nothing else about the answer changes."""

from __future__ import annotations

import pytest
import torch

from finetune.train.ordinal_loss import NumberTokens
from pdc.domain.prompts import answer
from pdc.domain.values import Box, Findings, Mark, Point, Question, Task
from pdc.settings import EMBEDDED_MODEL


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(EMBEDDED_MODEL)


@pytest.fixture(scope="module")
def numbers(tokenizer) -> NumberTokens:
    return NumberTokens.of(tokenizer)


def said(tokenizer, task: Task, *shapes) -> torch.Tensor:
    marks = tuple(Mark(str(i), shape, "rod") for i, shape in enumerate(shapes))
    text = answer(Question(task, ("rod", "7 up")), Findings(marks))
    return torch.tensor(tokenizer.encode(text, add_special_tokens=False))


def test_coordinates_and_nothing_else_are_told_from_other_numbers(tokenizer, numbers):
    tokens = said(tokenizer, Task.COUNT_AND_BOX, Box(10, 20, 50, 120), Box(200, 30, 203, 42))
    sides = numbers.sides(tokens)
    found = [(tokenizer.decode([t]), float(s)) for t, s in zip(tokens.tolist(), sides, strict=True) if s > 0]
    assert [text for text, _ in found] == ["10", "20", "50", "120", "200", "30", "203", "42"]
    assert found[0][1] == pytest.approx((40 * 100) ** 0.5) and found[-1][1] == pytest.approx(6)


def test_points_are_coordinates_and_counts_are_not(tokenizer, numbers):
    points = said(tokenizer, Task.CNT_AND_POINT, Point(10, 20), Point(200, 30))
    assert [tokenizer.decode([t]) for t in points[numbers.sides(points) > 0].tolist()] == ["10", "20", "200", "30"]
    assert not numbers.sides(said(tokenizer, Task.COUNTING)).any()


def test_a_near_miss_costs_less_than_a_far_one(tokenizer, numbers):
    tokens = said(tokenizer, Task.BOUNDING, Box(100, 100, 140, 140))
    first = int((numbers.sides(tokens) > 0).nonzero()[0])

    def cost(value: int) -> float:
        logits = torch.zeros(len(tokens), len(numbers.value))
        logits[first, numbers.ids[value]] = 5.0
        return float(numbers.loss(logits, tokens)[first])

    assert cost(100) < cost(102) < cost(105) < cost(300)


def test_words_and_counts_keep_their_one_hot_target(tokenizer, numbers):
    tokens = said(tokenizer, Task.COUNT_AND_BOX, Box(100, 100, 140, 140))
    logits = torch.randn(len(tokens), len(numbers.value), generator=torch.Generator().manual_seed(1))
    words = numbers.sides(tokens) == 0
    plain = torch.nn.functional.cross_entropy(logits, tokens, reduction="none")
    ours = numbers.loss(logits, tokens)
    assert torch.allclose(ours[words], plain[words]) and not torch.allclose(ours[~words], plain[~words])


def test_numbers_written_digit_by_digit_keep_the_usual_loss():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    digits = Tokenizer(models.WordLevel({str(d): d for d in range(10)}, unk_token="0"))
    digits.pre_tokenizer = pre_tokenizers.Digits(individual_digits=True)
    assert NumberTokens.of(PreTrainedTokenizerFast(tokenizer_object=digits)) is None
