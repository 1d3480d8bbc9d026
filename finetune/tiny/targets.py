"""Training targets of a crop: a heat map and boxes per visual token for the dense head, and the order of the answer.

A visual token *owns* an object when the object's centre lies in it. Objects are listed in reading order of their owners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from finetune.data.drawings import Sample
from finetune.tiny import LABELS, TOKEN_PX

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])  # CLIP's, as in Qwen2-VL's image processor
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
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


def patches(images: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """(patches [n, 1176], grid_thw [B, 3]) of equal-size uint8 images [h, w, 3], as Qwen2-VL's image processor gives them.

    1176 = 3 colours * 2 frames * 14 * 14 pixels. The 2 x 2 patches of a visual token follow each other.
    """
    x = (torch.from_numpy(np.stack(images)).float() / 255 - MEAN) / STD
    b, h, w, _ = x.shape
    gh, gw = h // TOKEN_PX, w // TOKEN_PX
    x = x.view(b, gh, 2, 14, gw, 2, 14, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)  # b, gh, gw, mh, mw, c, ph, pw
    x = x.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)  # the still image twice in time
    return x.reshape(b * gh * gw * 4, -1), torch.tensor([[1, gh * 2, gw * 2]] * b)


def order_and_owners(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """(indices of the boxes in reading order, owner token of each in that order)."""
    h, w = (s // TOKEN_PX for s in sample.image.shape[:2])
    center = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2
    col = np.clip(center[:, 0] // TOKEN_PX, 0, w - 1).astype(int)
    row = np.clip(center[:, 1] // TOKEN_PX, 0, h - 1).astype(int)
    order = np.lexsort((center[:, 0], center[:, 1], row * w + col))
    return order, (row * w + col)[order]


def dense_targets(samples: list[Sample]) -> DenseTargets:
    """The dense targets of crops of one size, in the manner of CenterNet (Zhou et al. 2019, arXiv 1904.07850, section 3).

    Around an object's centre (mx, my) the heat of its class is a Gaussian whose deviations are a sixth of its sides:

        heat = exp(-((cx - mx)^2 / sx^2 + (cy - my)^2 / sy^2) / 2),    sx = max(width / 6, 1/4 token), sy likewise

    Where objects overlap the larger heat stands. The box of a token is that of the smallest object it lies in.
    """
    h, w = (s // TOKEN_PX for s in samples[0].image.shape[:2])
    heat = np.zeros((len(samples), h * w, len(LABELS)), np.float32)
    box = np.zeros((len(samples), h * w, 4), np.float32)
    weight = np.zeros((len(samples), h * w), np.float32)
    cy, cx = (np.mgrid[0:h, 0:w].reshape(2, -1) + 0.5).astype(np.float32)
    for b, sample in enumerate(samples):
        boxes = sample.boxes / TOKEN_PX
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        for k in np.argsort(-area):  # small objects last: they keep their tokens
            x1, y1, x2, y2 = boxes[k]
            mx, my = (x1 + x2) / 2, (y1 + y2) / 2
            sx, sy = max((x2 - x1) / 6, 0.25), max((y2 - y1) / 6, 0.25)
            near = np.exp(-0.5 * (((cx - mx) / sx) ** 2 + ((cy - my) / sy) ** 2))
            owner = min(int(my), h - 1) * w + min(int(mx), w - 1)
            near[owner] = 1
            c = sample.classes[k]
            heat[b, :, c] = np.maximum(heat[b, :, c], np.minimum(near, PEAK))
            heat[b, owner, c] = 1
            inside = near > INSIDE
            box[b, inside] = np.stack([x1 - cx, y1 - cy, x2 - cx, y2 - cy], 1)[inside]
            weight[b, inside] = near[inside]
    return DenseTargets(torch.from_numpy(heat), torch.from_numpy(box), torch.from_numpy(weight))


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
