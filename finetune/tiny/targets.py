"""Training targets of the dense head: a heat map and boxes per visual token. What it learns by: the losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from finetune.tiny import LABELS, TOKEN_PX
from finetune.tiny.crops.views import View

FADING = 0.75  # how far crowded images are weighed down: 0 counts objects alike, 1 counts images alike (see dense_loss)
PEAK, INSIDE = 0.95, 0.4  # the heat of tokens that own nothing ends at PEAK; boxes are learnt where the Gaussian exceeds INSIDE


@dataclass(frozen=True, slots=True)
class DenseTargets:
    """The dense head's targets, per visual token of a batch [B, N].

    `heat` [B, N, C], 0 to 1, is 1 at owners; `box` [B, N, 4] is (x1, y1, x2, y2) relative to the token's centre, in tokens;
    `weight` [B, N] is that of the box loss, 0 outside objects.
    """

    heat: Tensor
    box: Tensor
    weight: Tensor


def padded(views: Sequence[View]) -> tuple[Tensor, Tensor]:
    """The boxes [B, K, 4] and classes [B, K] of views, padded with class -1 to the most objects of a view (K >= 1)."""
    most = max(1, *(len(v.boxes) for v in views))
    boxes, classes = torch.zeros(len(views), most, 4), torch.full((len(views), most), -1)
    for b, view in enumerate(views):
        boxes[b, : len(view.boxes)] = torch.from_numpy(view.boxes)
        classes[b, : len(view.classes)] = torch.from_numpy(view.classes)
    return boxes, classes


def dense_targets(boxes: Tensor, classes: Tensor, grid: tuple[int, int]) -> DenseTargets:
    """The dense targets of crops of one size, in the manner of CenterNet (Zhou et al. 2019, arXiv 1904.07850, section 3).

    boxes [B, K, 4] in pixels of the crop and classes [B, K], -1 where there is none. Around an object's centre (mx, my) the
    heat of its class is a Gaussian whose deviations are a sixth of its sides:

        heat = exp(-((cx - mx)^2 / sx^2 + (cy - my)^2 / sy^2) / 2),    sx = max(width / 6, 1/4 token), sy likewise

    Where objects overlap the larger heat stands. The box of a token is that of the smallest object it lies in.
    """
    h, w = grid
    device, there, boxes = boxes.device, classes >= 0, boxes / TOKEN_PX
    cy, cx = torch.meshgrid(torch.arange(h, device=device) + 0.5, torch.arange(w, device=device) + 0.5, indexing="ij")
    at = torch.stack([cx, cy], -1).view(-1, 2)  # [N, 2]
    middle, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    deviation = (sides / 6).clamp(min=0.25)
    near = torch.exp(-0.5 * (((at - middle[:, :, None]) / deviation[:, :, None]) ** 2).sum(-1))  # [B, K, N]
    cell = middle.floor().long()
    owner = cell[..., 1].clamp(0, h - 1) * w + cell[..., 0].clamp(0, w - 1)
    owns = torch.zeros_like(near, dtype=torch.bool).scatter_(2, owner[..., None], True) & there[..., None]
    near = torch.where(owns, 1.0, near.clamp(max=PEAK)) * there[..., None]
    heat = torch.stack([(near * (classes == c)[..., None]).amax(1) for c in range(len(LABELS))], -1)
    inside = (near > INSIDE) & there[..., None]
    smallest = torch.where(inside, sides.prod(-1)[..., None], torch.inf).argmin(1, keepdim=True)  # [B, 1, N]
    weight = (near * inside).gather(1, smallest)[:, 0]
    its = boxes.gather(1, smallest[:, 0, :, None].expand(-1, -1, 4))
    box = torch.where((weight > 0)[..., None], its - at.repeat(1, 2), 0.0)
    return DenseTargets(heat, box, weight)


def dense_loss(logits: Tensor, boxes: Tensor, targets: DenseTargets) -> tuple[Tensor, Tensor]:
    """(heat loss, box loss) of the head's logits [B, N, C] and boxes [B, N, 4].

    Heat is CenterNet's focal loss (arXiv 1904.07850, eq. 1), with p the sigmoid and y the target:

        -(1 - p)^2 log p  at owners,    -(1 - y)^4 p^2 log(1 - p)  elsewhere: near a centre a false alarm costs little

    Box is L1 in sides of the object, plus 1 - GIoU. An image's mean over its n objects weighs n^(1 - FADING): a lone polyp
    must not drown among images of 40 cells.
    """
    p = logits.sigmoid().clamp(1e-5, 1 - 1e-5)
    owner = targets.heat >= 1
    positive = -((1 - p) ** 2) * p.log() * owner
    negative = -((1 - targets.heat) ** 4) * p**2 * (1 - p).log() * ~owner
    n = owner.sum((1, 2)).clamp(min=1)
    share = n**-FADING / (n ** (1 - FADING)).sum()  # n^(1 - FADING) per image, shared by its n objects; sums to 1 over all
    heat = ((positive + negative).sum((1, 2)) * share).sum()
    w = targets.weight * (share * n / targets.weight.sum(1).clamp(min=1e-6))[:, None]
    size = (targets.box[..., 2:] - targets.box[..., :2]).clamp(min=0.1).repeat(1, 1, 2)
    l1 = ((boxes - targets.box).abs() / size).mean(-1)
    return heat, ((l1 + 1 - giou(boxes, targets.box)) * w).sum()


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of boxes [..., 4] pair by pair, -1 to 1 (Rezatofighi et al. 2019, arXiv 1902.09630).

    IoU - (hull - union) / hull, where hull is the smallest box around both: boxes that do not touch still get a gradient.
    """
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) - overlap
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1).clamp(min=1e-6)
    return overlap / union.clamp(min=1e-6) - (hull - union) / hull
