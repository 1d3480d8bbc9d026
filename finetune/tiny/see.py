"""Stage a: the vision tower learns to see, with a dense head on every visual token. No language model yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from finetune.tiny import LABELS, TOKEN_PX
from finetune.tiny.data import Sample, batches, load_split
from finetune.tiny.loop import Log, Optimiser, load, save
from finetune.tiny.targets import dense_loss, dense_targets, patches
from pdc.dense import DenseHead, dense_boxes
from pdc.domain import Box, Mark
from pdc.geometry import match

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
    seed: int = 1
    """seeds the crops; the weights are seeded where the model is built"""
    checkpoint_every: int = 250
    """steps"""


def see(visual: nn.Module, head: DenseHead, data: Path, out: Path, config: SeeConfig) -> None:
    """Train `visual` and `head` in place; checkpoints and log go to `out`."""
    modules = {"visual": visual, "head": head}
    optimiser = Optimiser(modules.values(), config.steps, config.muon_lr, config.adam_lr)
    start = load(out / "see.pt", modules, optimiser)
    if start >= config.steps:
        return
    log, train = Log(out / "see.jsonl"), load_split(data, "train")
    dev = load_split(data, "dev")
    for step, samples in batches(train, config.batch, config.seed, start, config.steps):
        heat, box = _losses(visual, head, samples)
        (heat + box).backward()
        norm = optimiser.step(step)
        log.add(step + 1, heat=float(heat), box=float(box), norm=norm)
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            save(out / "see.pt", step + 1, modules, optimiser)
        if (step + 1) % (2 * config.checkpoint_every) == 0 or step + 1 == config.steps:
            log.write(step=step + 1, dev=measure(visual, head, dev))


def _losses(visual: nn.Module, head: DenseHead, samples: list[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, grid = patches([s.image for s in samples])
    with torch.autocast("cpu", torch.bfloat16):
        logits, boxes = head(visual(pixels, grid).pooler_output.view(len(samples), -1, head.inner.in_features))
    return dense_loss(logits, boxes, dense_targets(samples))


@torch.no_grad()
def measure(visual: nn.Module, head: DenseHead, dev: dict[str, list[Sample]], limit: int = 40) -> dict[str, float]:
    """F1 at IoU 0.5 of the dense head alone per source, on the first `limit` whole dev images of 60 objects or fewer."""
    scores = {}
    for source, samples in dev.items():
        hits = predicted = true = 0
        for sample in [s for s in samples if len(s.boxes) <= 60][:limit]:
            image, scale = fit(sample.image)
            pixels, grid = patches([image])
            with torch.autocast("cpu", torch.bfloat16):
                logits, boxes = head(visual(pixels, grid).pooler_output)
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
