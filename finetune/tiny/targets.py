"""What the model should see and say about a crop: dense targets per visual token, and the answer with its owners.

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
FADING = 0.75  # see dense_loss


@dataclass(frozen=True, slots=True)
class DenseTargets:
    """Per visual token of a batch [B, N]: heat [B, N, C] in 0..1 (1 at owners), box [B, N, 4] relative to the token in
    tokens, and weight [B, N] of the box loss (0 outside objects)."""

    heat: Tensor
    box: Tensor
    weight: Tensor


def patches(images: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Equal-size uint8 images [h, w, 3] -> (patches [B * gh * gw, 1176], grid_thw [B, 3]) as the image processor gives them."""
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
            heat[b, :, c] = np.maximum(heat[b, :, c], np.minimum(near, 0.95))
            heat[b, owner, c] = 1
            inside = near > 0.4
            box[b, inside] = np.stack([x1 - cx, y1 - cy, x2 - cx, y2 - cy], 1)[inside]
            weight[b, inside] = near[inside]
    return DenseTargets(torch.from_numpy(heat), torch.from_numpy(box), torch.from_numpy(weight))


def dense_loss(logits: Tensor, boxes: Tensor, targets: DenseTargets) -> tuple[Tensor, Tensor]:
    """(heat loss, box loss). Heat: CenterNet's focal loss (Zhou 2019, eq. 1). Box: L1 in object sizes, and GIoU.

    An image of n objects weighs n^(1 - FADING): a lone polyp must not drown among images of 40 cells.
    """
    p = logits.sigmoid().clamp(1e-5, 1 - 1e-5)
    owner = targets.heat >= 1
    found = -((1 - p) ** 2) * p.log() * owner
    other = -((1 - targets.heat) ** 4) * p**2 * (1 - p).log() * ~owner
    n = owner.sum((1, 2)).clamp(min=1)
    share = n**-FADING / (n ** (1 - FADING)).sum()
    heat = ((found + other).sum((1, 2)) * share).sum()
    w = targets.weight * (share * n / targets.weight.sum(1).clamp(min=1e-6))[:, None]
    size = (targets.box[..., 2:] - targets.box[..., :2]).clamp(min=0.1).repeat(1, 1, 2)
    l1 = ((boxes - targets.box).abs() / size).mean(-1)
    return heat, ((l1 + 1 - giou(boxes, targets.box)) * w).sum()


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi 2019) of boxes [..., 4] pair by pair, -1 to 1."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) - overlap
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1).clamp(min=1e-6)
    return overlap / union.clamp(min=1e-6) - (hull - union) / hull
