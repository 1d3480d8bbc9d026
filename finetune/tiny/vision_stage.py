"""Stage a: the vision tower learns to see, with a dense head on every visual token. No language model yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from finetune.tiny import LABELS, TOKEN_PX
from finetune.tiny.data import GRIDS, Mixture, Sample, batches, load_split
from finetune.tiny.loop import Log, Optimiser, load, save
from finetune.tiny.targets import dense_loss, dense_targets, patches
from finetune.tiny.teacher import Hint
from pdc.domain.geometry import match
from pdc.domain.values import Box, Mark
from pdc.inference.dense_head import DenseHead, dense_boxes

SEEN = Mixture({"blood_cells": 0.14, "nuclei": 0.22, "polyps": 0.48, "blank": 0.10, "drawn": 0.06}, GRIDS)
Look = Callable[[list[np.ndarray]], tuple[torch.Tensor, torch.Tensor]]  # equal-size images -> dense logits, boxes
SERVING_PIXELS = 280 * 280  # area to which whole images are resized when measured here


@dataclass(frozen=True, slots=True)
class SeeConfig:
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


def see(visual: nn.Module, head: DenseHead, hint: Hint, data: Path, out: Path, config: SeeConfig) -> None:
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
            log.write(step=step + 1, dev=measure(lambda images: head(_features(visual, images)), dev))


def _losses(visual: nn.Module, head: DenseHead, hint: Hint, samples: list[Sample]) -> dict[str, torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        seen = _features(visual, [s.image for s in samples])
        heat, box = dense_loss(*head(seen), dense_targets(samples))
        return {"heat": heat, "box": box, "hint": hint(seen, samples)}


def _features(visual: nn.Module, images: list[np.ndarray]) -> torch.Tensor:
    """[B, tokens, hidden] of equal-size images."""
    pixels, grid = patches(images)
    return visual(pixels, grid).pooler_output.view(len(images), int(grid[0].prod()) // 4, -1)


@torch.no_grad()
def measure(look: Look, dev: dict[str, list[Sample]], limit: int = 40) -> dict[str, float]:
    """F1 at IoU 0.5 of a dense head alone per source, on the first `limit` whole dev images of 60 objects or fewer."""
    scores = {}
    for source, samples in dev.items():
        hits = predicted = true = 0
        for sample in [s for s in samples if len(s.boxes) <= 60][:limit]:
            image, scale = fit(sample.image)
            with torch.autocast("cpu", torch.bfloat16):
                logits, boxes = (t[0] for t in look([image]))
            xyxy, labels, _ = dense_boxes(logits, boxes, (image.shape[0] // TOKEN_PX, image.shape[1] // TOKEN_PX))
            found = as_marks(xyxy.numpy(), labels.numpy())
            truth = as_marks(sample.boxes * scale, sample.classes)
            hits, predicted, true = hits + len(match(found, truth)), predicted + len(found), true + len(truth)
        scores[source] = round(2 * hits / max(predicted + true, 1), 3)
    return scores


def as_marks(boxes: np.ndarray, classes: np.ndarray) -> list[Mark]:
    return [Mark(str(i), Box(*map(float, b)), LABELS[c]) for i, (b, c) in enumerate(zip(boxes, classes, strict=True))]


def fit(image: np.ndarray, area: int = SERVING_PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """The image at about `area` pixels, both sides whole tokens, and the factors (x, y, x, y) that boxes grow by."""
    h, w = image.shape[:2]
    grow = (area / (h * w)) ** 0.5
    new_h, new_w = (max(1, round(side * grow / TOKEN_PX)) * TOKEN_PX for side in (h, w))
    resized = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_AREA if grow < 1 else cv2.INTER_CUBIC)
    return resized, np.array([new_w / w, new_h / h] * 2, np.float32)
