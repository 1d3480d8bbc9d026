"""A batch of training crops on the device, with the dense targets: what every stage learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from finetune.tiny.crops.pixels import ImageStore, patches, places, recolour
from finetune.tiny.crops.views import View
from finetune.tiny.targets import DenseTargets, dense_targets, padded


@dataclass(frozen=True, slots=True)
class Crops:
    """B crops of one grid: `images` [B, h, w, 3] RGB 0 to 1, their dense targets, and the grid (rows, columns) of visual tokens.

    `hinted` are the indices of crops from which a teacher's knowledge is learnt.
    """

    images: Tensor
    dense: DenseTargets
    grid: tuple[int, int]
    hinted: Tensor

    def __len__(self) -> int:
        return len(self.images)


def described(
    views: Sequence[View], seed: Sequence[int], hinted: Sequence[str] = (), most: int | None = None
) -> dict[str, Tensor]:
    """Everything about a batch but its pixels, as tensors that a loader's process can send.

    `hinted` are sources; with `most`, exactly so many crops of them, some twice where there are fewer: a GPU tunes its
    convolutions for each number.
    """
    boxes, classes = padded(views)
    chosen = [i for i, v in enumerate(views) if v.source in hinted]
    if most is not None and chosen:
        chosen = np.resize(chosen, most).tolist()
    return places(views, np.random.default_rng([*seed, 1])) | {
        "boxes": boxes,
        "classes": classes,
        "hinted": torch.tensor(chosen, dtype=torch.long),
        "seed": torch.tensor(list(seed)),
    }


def cut(store: ImageStore, batch: dict[str, Tensor]) -> Crops:
    """The crops that `described` describes."""
    rng = np.random.default_rng([*batch["seed"].tolist(), 2])
    rows, columns = batch["grid"].tolist()
    images = recolour(store.cut(batch), rng)
    return Crops(images, dense_targets(batch["boxes"], batch["classes"], (rows, columns)), (rows, columns), batch["hinted"])


def features(visual: torch.nn.Module, images: Tensor) -> Tensor:
    """[B, tokens, hidden] of crops."""
    pixels, grid = patches(images)
    return visual(pixels, grid).pooler_output.view(len(images), int(grid[0].prod()) // 4, -1)
