"""The dense head: one look at every visual token on its own proposes all marks at once, before a word is said.

It trains the embedded model's vision tower and ships with it; the language model checks what it proposes.
Imports torch: import it late.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

TOKEN_PX = 28  # one visual token covers patch 14 x merge 2 pixels of the resized image


class DenseHead(nn.Module):
    """Reads every visual token on its own: which object has its centre here, and its box.

    Input [..., hidden] features of the merger. Output: class logits [..., C] that the centre of an object of class c lies
    in this token, and boxes [..., 4] as (x1, y1, x2, y2) relative to the token's centre, in tokens.
    """

    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        self.inner = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, classes + 4)
        self.classes = classes
        nn.init.constant_(self.out.bias[:classes], -3.0)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.out(nn.functional.gelu(self.inner(features))).float()
        logits, box = raw[..., : self.classes], raw[..., self.classes :]
        center, size = box[..., :2], box[..., 2:].clamp(-4, 4).exp()
        return logits, torch.cat([center - size / 2, center + size / 2], -1)


@torch.no_grad()
def dense_boxes(logits: Tensor, boxes: Tensor, grid: tuple[int, int], threshold: float = 0.3, max_iou: float = 0.5):
    """Decode one image's dense output ([N, C], [N, 4]) on a grid of (rows, columns) visual tokens, after NMS.

    Returns xyxy [n, 4] in pixels of the image the model sees, classes [n] and scores [n], surest first.
    """
    h, w = grid
    score, label = logits.sigmoid().max(-1)
    ys, xs = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    at = torch.stack([xs, ys, xs, ys], -1).view(-1, 4)
    xyxy = ((boxes + at) * TOKEN_PX).clamp(min=0)
    xyxy = torch.minimum(xyxy, torch.tensor([w, h, w, h]) * TOKEN_PX)
    keep: list[int] = []
    for i in score.argsort(descending=True).tolist():
        if score[i] < threshold:
            break
        if all(label[i] != label[j] or _iou(xyxy[i], xyxy[j]) < max_iou for j in keep):
            keep.append(i)
    return xyxy[keep], label[keep], score[keep]


def _iou(a: Tensor, b: Tensor) -> float:
    overlap = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
    return float(overlap / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - overlap).clamp(min=1e-6))
