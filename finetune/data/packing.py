"""Sequence packing: several questions about one view in one row, so that the image runs through the model once.

A batch is one row of tokens. For each view it holds the prefix (system line and image), then each question with its answer:

    [prefix A][question 1][question 2] [prefix B][question 3]

A token attends, causally, to its own question and to its view's prefix; so the mask is block-diagonal by view and a shared
column inside. Every question's M-RoPE positions go on from its prefix, as if it stood there alone. The results are those of a
row per question: prefix sharing as in SGLang (Zheng et al. 2024, arXiv 2312.07104), with gradients. Nothing is padded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from finetune.data.loss_weights import weigh_tokens
from pdc.domain.values import Task

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

IMAGE_END = "<|vision_end|>"
TASKS = tuple(Task)
IGNORED = -100  # the label of a token that is no part of an answer: it has no loss


@dataclass(frozen=True, slots=True)
class Packer:
    """TRL's collator for prompts that begin with their one image: examples -> one packed batch.

    `input_ids` and `labels` [1, tokens], `position_ids` [3, 1, tokens], `attention_mask` [1, 1, tokens, tokens] (true:
    attends), and the distinct images' `pixel_values` and `image_grid_thw`. Examples that follow each other and hold the
    very same image object share its prefix. `weights` [1, tokens] is what each token weighs in the loss, and `tasks`
    [1, tokens] the place of its question's task in `Task`.
    """

    qwen: Qwen

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        views: list[tuple[PilImage, list[_Question]]] = []
        for example in examples:
            (image,) = example["images"]
            if not views or views[-1][0] is not image:
                views.append((image, []))
            views[-1][1].append(self._question(example))
        pixels = self.qwen.processor.image_processor(images=[image for image, _ in views], return_tensors="pt")
        grids = pixels["image_grid_thw"]
        packed = [self._view(grid[None], questions) for grid, (_, questions) in zip(grids, views, strict=True)]
        return {
            "input_ids": torch.cat([p.ids for p in packed])[None],
            "labels": torch.cat([p.labels for p in packed])[None],
            "weights": torch.cat([p.weights for p in packed])[None],
            "tasks": torch.cat([p.tasks for p in packed])[None],
            "position_ids": torch.cat([p.positions for p in packed], -1),
            "attention_mask": torch.block_diag(*(p.attends for p in packed)).bool()[None, None],
            "pixel_values": pixels["pixel_values"],
            "image_grid_thw": grids,
        }

    def _question(self, example: Mapping[str, Any]) -> _Question:
        """The example's tokens behind the image, as TRL writes them."""
        from trl.data_utils import apply_chat_template

        texts = apply_chat_template({key: example[key] for key in ("prompt", "completion")}, self.qwen.processor)
        before, after = texts["prompt"].split(IMAGE_END)
        prompt = self.qwen.tokenizer.encode(after, add_special_tokens=False)
        answer = self.qwen.tokenizer(texts["completion"], add_special_tokens=False, return_offsets_mapping=True)
        start = texts["completion"].index(example["completion"][0]["content"][0]["text"])
        tokens, spans = answer["input_ids"], answer["offset_mapping"]
        unjudged = [(start + a, start + b) for a, b in example["unjudged"]]
        weights = weigh_tokens(spans, [(start + a, start + b, weight) for a, b, weight in example["weights"]])
        task = TASKS.index(example["task"])
        return _Question(before, prompt, tokens, _labels(tokens, spans, unjudged), weights, task)

    def _view(self, grid: Tensor, questions: Sequence[_Question]) -> _Packed:
        """One view's prefix with its questions behind it; `grid` [1, 3] of its image."""
        prefix = self._prefix(questions[0].before, grid)
        prefix_positions, offset = self.qwen.positions(prefix, grid.to(self.qwen.device))
        ids, labels, positions, lengths = [*prefix], [IGNORED] * len(prefix), [prefix_positions.cpu()], [len(prefix)]
        weights, tasks = [0.0] * len(prefix), [0] * len(prefix)
        for q in questions:
            ids += q.prompt + q.answer
            labels += [IGNORED] * len(q.prompt) + q.labels
            weights += [0.0] * len(q.prompt) + q.weights
            tasks += [q.task] * (len(q.prompt) + len(q.answer))
            lengths.append(len(q.prompt) + len(q.answer))
            # Not the index in the row: the position right behind the prefix, the same on all three axes for text.
            positions.append((len(prefix) + offset + torch.arange(lengths[-1])).expand(3, 1, -1))
        return _Packed(
            torch.tensor(ids),
            torch.tensor(labels),
            torch.tensor(weights),
            torch.tensor(tasks),
            torch.cat(positions, -1),
            packed_attention_mask(lengths),
        )

    def _prefix(self, before: str, grid: Tensor) -> list[int]:
        """Tokens up to the image's end, with one <|image_pad|> per visual token."""
        processor = self.qwen.processor
        tokens = int(grid.prod()) // processor.image_processor.merge_size**2
        text = before.replace(processor.image_token, processor.image_token * tokens) + IMAGE_END
        return self.qwen.tokenizer.encode(text, add_special_tokens=False)


@dataclass(frozen=True, slots=True)
class _Question:
    """One example: its text before the image, the tokens of the prompt behind the image and of the answer, the answer's labels
    and weights, and the place of its task."""

    before: str
    prompt: list[int]
    answer: list[int]
    labels: list[int]
    weights: list[float]
    task: int


@dataclass(frozen=True, slots=True)
class _Packed:
    """One view with its questions: `ids`, `labels`, `weights` and `tasks` [n], `positions` [3, 1, n], `attends` [n, n]."""

    ids: Tensor
    labels: Tensor
    weights: Tensor
    tasks: Tensor
    positions: Tensor
    attends: Tensor


def _labels(tokens: Sequence[int], spans: Sequence[tuple[int, int]], unjudged: Sequence[tuple[int, int]]) -> list[int]:
    """The tokens, but IGNORED where one has a character of an unjudged part. `spans`: each token's characters."""
    return [
        IGNORED if any(a < end and start < b for start, end in unjudged) else token
        for token, (a, b) in zip(tokens, spans, strict=True)
    ]


def packed_attention_mask(lengths: Sequence[int]) -> Tensor:
    """[n, n] of 0 and 1: whether a token (row) sees another; `lengths` of the prefix and of each question behind it.

    Part 0 is the prefix: a token sees the prefix and its own part, up to itself.
    """
    part = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return ((part[:, None] == part) | (part == 0)).tril().byte()
