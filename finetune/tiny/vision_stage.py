"""Stage a: the vision tower learns to see, with a dense head on every visual token. No language model yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from finetune.data.drawings import Sample
from finetune.tiny.data import GRIDS, Mixture, batches, load_split
from finetune.tiny.dense_scores import measure_dense
from finetune.tiny.loop import Log, Optimiser, load, save
from finetune.tiny.targets import dense_loss, dense_targets, patches
from finetune.tiny.teacher import DistillationHint
from pdc.inference.dense_head import DenseHead

SEEN = Mixture({"blood_cells": 0.14, "nuclei": 0.22, "polyps": 0.48, "blank": 0.10, "drawn": 0.06}, GRIDS)


@dataclass(frozen=True, slots=True)
class VisionStageConfig:
    steps: int = 2600
    """optimiser steps"""
    batch: int = 16
    """crops per step"""
    muon_lr: float = 4e-3
    """learning rate of Muon"""
    adam_lr: float = 2e-3
    """learning rate of AdamW"""
    decay: float = 0.8
    """share of the steps over which the rates fall to zero"""
    hint: float = 1.0
    """weight of the teacher's features in the loss"""
    seed: int = 1
    """seeds the crops; the weights are seeded where the model is built"""
    checkpoint_every: int = 250
    """steps"""


def train_vision(
    visual: nn.Module, head: DenseHead, hint: DistillationHint, data: Path, out: Path, config: VisionStageConfig
) -> None:
    """Train `visual`, `head` and `hint` in place; checkpoints and log go to `out`."""
    modules = {"visual": visual, "head": head, "hint": hint}
    optimiser = Optimiser(modules.values(), config.steps, config.muon_lr, config.adam_lr, config.decay)
    start = load(out / "see.pt", modules, optimiser)
    if start >= config.steps:
        return
    log, train = Log(out / "see.jsonl"), load_split(data, "train")
    dev = load_split(data, "dev")
    for step, samples in batches(train, config.batch, config.seed, start, config.steps, SEEN):
        losses = _losses(visual, head, hint, samples)
        (losses["heat"] + losses["box"] + config.hint * losses["hint"]).backward()
        norm = optimiser.step(step)
        log.add(step + 1, **{k: float(v.detach()) for k, v in losses.items()}, norm=norm)
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            save(out / "see.pt", step + 1, modules, optimiser)
        if (step + 1) % (2 * config.checkpoint_every) == 0 or step + 1 == config.steps:
            log.write(step=step + 1, dev=measure_dense(lambda images: head(_features(visual, images)), dev))


def _losses(visual: nn.Module, head: DenseHead, hint: DistillationHint, samples: list[Sample]) -> dict[str, torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        seen = _features(visual, [s.image for s in samples])
        logits, boxes = head(seen)
        heat, box = dense_loss(logits, boxes, dense_targets(samples))
        return {"heat": heat, "box": box, "hint": hint(seen, samples)}


def _features(visual: nn.Module, images: list[np.ndarray]) -> torch.Tensor:
    """[B, tokens, hidden] of equal-size images."""
    pixels, grid = patches(images)
    return visual(pixels, grid).pooler_output.view(len(images), int(grid[0].prod()) // 4, -1)
