"""Ordinal loss: label-smoothed coordinates, for which a near miss costs less than a far one.

Under one-hot cross entropy the number 119 is as wrong for 118 as 500 is. Here the target of a coordinate c is a Gaussian
over the number tokens, cut off at 0 and 999 and normalised:

    q(v) = exp(-(v - c)^2 / 2 d^2) / Z,    d = clamp(0.06 * side of the object, 1, 8) pixels
    loss = -sum over v of q(v) log p(v)

This is label distribution learning (Geng 2016, arXiv 1408.6027). All other tokens keep their one-hot target. Tokenizers that
write numbers digit by digit, Qwen2.5-VL's own among them, have no number tokens and keep the usual loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SHARE, LEAST, MOST = 0.06, 1.0, 8.0  # the Gaussian's deviation d: in sides of the object; least and most, in pixels
POINT_SIDE = 30.0  # pixels, assumed for a point's object, whose size is not known
STEP = 2  # tokens from one coordinate to the next: a comma lies between


class NumberTokens:
    """The number tokens 0, 1, ... 999 of a vocabulary: their `ids` [n]; `value` [vocabulary], -1 for every other token."""

    def __init__(self, ids: Tensor, vocabulary: int) -> None:
        self.ids = ids
        self.value = torch.full((vocabulary,), -1)
        self.value[ids] = torch.arange(len(ids))

    @classmethod
    def of(cls, tokenizer: Any, largest: int = 999) -> NumberTokens | None:
        """None when the tokenizer does not write each of these numbers as one token."""
        pieces = tokenizer([str(n) for n in range(largest + 1)], add_special_tokens=False).input_ids
        if any(len(piece) != 1 for piece in pieces):
            return None
        return cls(torch.tensor(pieces).flatten(), len(tokenizer))

    def sides(self, tokens: Tensor) -> Tensor:
        """Per token [n] of an answer, the side of its object in pixels; 0 where it is no coordinate.

        Read from the tokens alone: four numbers with one token between each are a box, two a point; one alone is a count.
        """
        values, sides = self.value[tokens.cpu()].tolist(), [0.0] * len(tokens)
        i = 0
        while i < len(values):
            end = i  # numbers stand at i, i + STEP, ... before `end`
            while end < min(len(values), i + 4 * STEP) and values[end] >= 0:
                end += STEP
            at = range(i, end, STEP)
            if len(at) in (2, 4):
                side = _side([values[k] for k in at])
                for k in at:
                    sides[k] = side
            i = max(i + 1, end - 1)  # end - 1 is the token after the last number
        return torch.tensor(sides)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross entropy [n] in nats of logits [n, vocabulary] float32 with target tokens [n], coordinates smoothed."""
        losses, device = nn.functional.cross_entropy(logits, target, reduction="none"), logits.device
        sides = self.sides(target).to(device)
        if not (soft := sides > 0).any():
            return losses
        # The softmax runs over the whole vocabulary: mass on other tokens than numbers is lost.
        log_p = logits[soft].log_softmax(-1)[:, self.ids.to(device)]
        q = gaussian_targets(self.value[target[soft].cpu()].to(device), deviation(sides[soft]), len(self.ids))
        return losses.masked_scatter(soft, -(q * log_p).sum(-1))


def _side(numbers: list[int]) -> float:
    """The side of a square of the object's area, in pixels."""
    if len(numbers) == 2:
        return POINT_SIDE
    x1, y1, x2, y2 = numbers
    return float(max(1, x2 - x1) * max(1, y2 - y1)) ** 0.5


def deviation(side: Tensor, share: float = SHARE, least: float = LEAST) -> Tensor:
    """The Gaussians' standard deviations d in pixels, for objects of these sides."""
    return (share * side).clamp(least, MOST)


def gaussian_targets(center: Tensor, deviation: Tensor, numbers: int) -> Tensor:
    """The targets q [n, numbers] around whole numbers `center` [n]; each row sums to 1."""
    z = (torch.arange(numbers, device=center.device) - center[:, None]) / deviation[:, None]
    weights = torch.exp(-0.5 * z**2)
    return weights / weights.sum(-1, keepdim=True)
