"""The dense head: one look at every visual token on its own proposes all marks at once, before a word is said.

It trains the embedded model's vision tower and ships with it; the language model checks what it proposes.
Imports torch: import it late.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pdc.domain.errors import BadModel
from pdc.domain.geometry import Size
from pdc.domain.matching import DENSE_HEAD, suppress
from pdc.domain.values import Box
from pdc.inference.types import Proposal

TOKEN_PX = 28  # one visual token covers patch 14 x merge 2 pixels of the resized image
WEIGHTS = "dense_head.safetensors"
WEAK = 0.08  # scores below are noise


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
def dense_boxes(logits: Tensor, boxes: Tensor, grid: tuple[int, int], threshold: float = 0.3):
    """Decode one image's dense output ([N, C], [N, 4]) on a grid of (rows, columns) visual tokens, after NMS.

    Returns xyxy [n, 4] in pixels of the image the model sees, classes [n] and scores [n], surest first.
    """
    score, label = logits.sigmoid().max(-1)
    xyxy = placed(boxes, grid)
    ranked = [i for i in score.argsort(descending=True).tolist() if score[i] >= threshold]
    classes, shapes = label.tolist(), [Box(*corners) for corners in xyxy.tolist()]
    keep = suppress(ranked, lambda i, j: classes[i] == classes[j] and DENSE_HEAD.same(shapes[i], shapes[j]))
    return xyxy[keep], label[keep], score[keep]


def placed(boxes: Tensor, grid: tuple[int, int]) -> Tensor:
    """Boxes [N, 4] relative to the centres of a grid's (rows, columns) tokens, in pixels of the image that the model sees."""
    h, w = grid
    ys, xs = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    at = torch.stack([xs, ys, xs, ys], -1).view(-1, 4)
    xyxy = ((boxes + at) * TOKEN_PX).clamp(min=0)
    return torch.minimum(xyxy, torch.tensor([w, h, w, h]) * TOKEN_PX)


@dataclass(frozen=True, slots=True)
class Head:
    """A trained dense head and the labels of its classes."""

    module: DenseHead
    labels: tuple[str, ...]


def load_head(folder: str | Path, device: str = "cpu") -> Head | None:
    """The dense head that a model folder ships, or None when it ships none. Raises BadModel when it is damaged."""
    from safetensors.torch import load_file

    weights = Path(folder) / WEIGHTS
    if not weights.is_file():
        return None
    try:
        state = load_file(weights)
        labels = tuple(json.loads((Path(folder) / "pdc.json").read_text("utf-8"))["labels"])
        module = DenseHead(state["inner.weight"].shape[1], len(labels))
        module.load_state_dict(state)
    except Exception as error:  # safetensors errors share no base class
        raise BadModel(f"{weights} is damaged ({type(error).__name__}); download the model again.") from error
    return Head(module.eval().to(device), labels)


@torch.inference_mode()
def proposals(head: Head, features: Tensor, model_wh: Size) -> tuple[Proposal, ...]:
    """Every mark the head finds on an image the model sees at `model_wh` pixels, surest first; weak ones too."""
    w, h = model_wh
    features = features.to(head.module.inner.weight.dtype)
    logits, boxes = head.module(features)
    found = dense_boxes(logits.cpu(), boxes.cpu(), (h // TOKEN_PX, w // TOKEN_PX), threshold=WEAK)
    rows = zip(*(t.tolist() for t in found), strict=True)
    return tuple(Proposal(head.labels[c], tuple(map(round, xyxy)), round(score, 4)) for xyxy, c, score in rows)
