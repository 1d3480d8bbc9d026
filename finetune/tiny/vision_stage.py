"""Stage a: the vision tower learns to see, with a dense head on every visual token. No language model yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from finetune.tiny.crops.batch import Crops, cut, described, features
from finetune.tiny.crops.pixels import ImageStore, as_crops
from finetune.tiny.crops.sources import load_split
from finetune.tiny.crops.views import SEEN, Catalogue, batch_of_views
from finetune.tiny.dense_scores import measure_dense
from finetune.tiny.loop import Budget, Log, Machine, Optimiser, load, moved, prepared, save
from finetune.tiny.targets import dense_loss
from finetune.tiny.teacher import HINTED, Distillation
from pdc.inference.dense_head import DenseHead


@dataclass(frozen=True, slots=True)
class VisionStageConfig:
    steps: int = 2600
    """optimiser steps"""
    seconds: float | None = None
    """of training, where they run out before the steps"""
    batch: int = 16
    """crops per step"""
    muon_lr: float = 4e-3
    """learning rate of Muon"""
    adam_lr: float = 2e-3
    """learning rate of AdamW"""
    decay: float = 0.8
    """share of the training over which the rates fall to zero"""
    hint: float = 1.0
    """weight of the teacher's knowledge in the loss"""
    hints: int | None = None
    """crops of a batch that the teacher sees; None: all of its kinds"""
    blends: bool = False
    """learn from the teacher on blends of crops too"""
    seed: int = 1
    """seeds the crops; the weights are seeded where the model is built"""
    checkpoint_every: int = 250
    """steps"""


def train_vision(
    visual: nn.Module,
    head: DenseHead,
    distillation: Distillation,
    store: ImageStore,
    catalogue: Catalogue,
    data: Path,
    out: Path,
    config: VisionStageConfig,
    machine: Machine,
) -> None:
    """Train `visual`, `head` and `distillation` in place; checkpoints and log go to `out`."""
    modules = {"visual": visual, "head": head, "hint": distillation}
    optimiser = Optimiser(modules.values(), config.muon_lr, config.adam_lr, config.decay)
    start, spent = load(out / "see.pt", modules, optimiser)
    budget, log, dev = Budget(config.steps, config.seconds, spent), Log(out / "see.jsonl"), load_split(data, "dev")

    def make(step: int) -> dict[str, Tensor]:
        views = batch_of_views(catalogue, config.batch, config.seed, step, SEEN)
        return described(views, (config.seed, step), HINTED, config.hints)

    def look(images: list) -> tuple[Tensor, Tensor]:
        return head(features(visual, as_crops(images, machine.device)))

    made, step = prepared(make, start, machine.workers, machine.on_gpu), start
    while (progress := budget.progress(step)) < 1:
        crops = cut(store, moved(next(made), machine.device))
        losses = _losses(visual, head, distillation, crops, config.blends)
        (losses["heat"] + losses["box"] + config.hint * losses["hint"]).backward()
        norm = optimiser.step(step, progress)
        step += 1
        log.add(step, **{k: v.detach() for k, v in losses.items()}, norm=norm)
        if step % config.checkpoint_every == 0:
            save(out / "see.pt", step, budget.elapsed, modules, optimiser)
    if step > start:
        save(out / "see.pt", step, budget.elapsed, modules, optimiser)
        log.write(step=step, dev=measure_dense(look, dev))


def _losses(visual: nn.Module, head: DenseHead, distillation: Distillation, crops: Crops, blends: bool) -> dict[str, Tensor]:
    with torch.autocast(crops.images.device.type, torch.bfloat16):
        seen = features(visual, crops.images)
        logits, boxes = head(seen)
        heat, box = dense_loss(logits.float(), boxes.float(), crops.dense)
        hint = distillation(seen, logits, boxes, crops)
        if blends:
            hint = hint + distillation.of_blends(visual, head, crops)
    return {"heat": heat, "box": box, "hint": hint}
