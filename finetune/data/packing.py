"""Several questions about one view in one sequence, so that the image's tokens go through the language model once.

A batch is one row of tokens: for each view its prefix (system line and image), then each question with its answer. A token
attends to those before it in its own question and to its view's prefix, and every question's positions go on from
there: the numbers are those of a row per question (the prefix sharing of SGLang, Zheng et al. 2024, with gradients).
Nothing is padded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen

IMAGE_END = "<|vision_end|>"
IGNORED = -100  # a label that is no part of the answer


@dataclass(frozen=True, slots=True)
class Packer:
    """TRL's collator for prompts that begin with their one image: examples -> one packed batch.

    `input_ids` and `labels` [1, tokens], `position_ids` [3, 1, tokens], `attention_mask` [1, 1, tokens, tokens] (true:
    attends), and the distinct images' `pixel_values` and `image_grid_thw`. Examples that follow each other and hold the
    very same image object share its prefix.
    """

    qwen: Qwen

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        views: list[tuple[PilImage, list[_Asked]]] = []
        for example in examples:
            (image,) = example["images"]
            if not views or views[-1][0] is not image:
                views.append((image, []))
            views[-1][1].append(self._asked(example))
        pixels = self.qwen.processor.image_processor(images=[image for image, _ in views], return_tensors="pt")
        grids = pixels["image_grid_thw"]
        packed = [self._view(grid[None], asked) for grid, (_, asked) in zip(grids, views, strict=True)]
        return {
            "input_ids": torch.cat([p.ids for p in packed])[None],
            "labels": torch.cat([p.labels for p in packed])[None],
            "position_ids": torch.cat([p.positions for p in packed], -1),
            "attention_mask": torch.block_diag(*(p.attends for p in packed)).bool()[None, None],
            "pixel_values": pixels["pixel_values"],
            "image_grid_thw": grids,
        }

    def _asked(self, example: Mapping[str, Any]) -> _Asked:
        """The tokens behind the image, as TRL writes them."""
        from trl.data_utils import apply_chat_template

        texts = apply_chat_template({key: example[key] for key in ("prompt", "completion")}, self.qwen.processor)
        before, after = texts["prompt"].split(IMAGE_END)
        words, answer = (self.qwen.tokenizer.encode(t, add_special_tokens=False) for t in (after, texts["completion"]))
        return _Asked(before, words, answer)

    def _view(self, grid: Tensor, asked: Sequence[_Asked]) -> _Packed:
        prefix = self._prefix(asked[0].before, grid)
        at, offset = self.qwen.positions(prefix, grid.to(self.qwen.device))
        ids, labels, positions, lengths = [*prefix], [IGNORED] * len(prefix), [at.cpu()], [len(prefix)]
        for one in asked:
            ids += one.words + one.answer
            labels += [IGNORED] * len(one.words) + one.answer
            lengths.append(len(one.words) + len(one.answer))
            positions.append((len(prefix) + offset + torch.arange(lengths[-1])).expand(3, 1, -1))
        return _Packed(torch.tensor(ids), torch.tensor(labels), torch.cat(positions, -1), packed_attention_mask(lengths))

    def _prefix(self, before: str, grid: Tensor) -> list[int]:
        processor = self.qwen.processor
        tokens = int(grid.prod()) // processor.image_processor.merge_size**2
        text = before.replace(processor.image_token, processor.image_token * tokens) + IMAGE_END
        return self.qwen.tokenizer.encode(text, add_special_tokens=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    before: str
    words: list[int]
    answer: list[int]


@dataclass(frozen=True, slots=True)
class _Packed:
    ids: Tensor
    labels: Tensor
    positions: Tensor
    attends: Tensor


def packed_attention_mask(lengths: Sequence[int]) -> Tensor:
    """[n, n] of 0 and 1: whether a token (row) sees another; `lengths` of the prefix and of each question behind it."""
    part = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return ((part[:, None] == part) | (part == 0)).tril().byte()
