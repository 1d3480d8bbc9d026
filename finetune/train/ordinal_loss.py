"""The loss of answers whose coordinates are whole-number tokens: a near miss costs less than a far one.

A coordinate's target is a Gaussian over the numbers around it, as wide as a share of its object's side, in the manner of
label distribution learning (Geng 2016, arXiv 1408.6027). Everything else keeps its one-hot target. Tokenizers that
write numbers digit by digit, Qwen2.5-VL's own among them, have no such tokens and keep TRL's loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

SHARE, LEAST, MOST = 0.06, 1.0, 8.0  # the Gaussian's deviation: in sides of the object, least and most, in pixels
POINT_SIDE = 30.0  # pixels; of a point the object's size is not known
STEP = 2  # tokens from one coordinate to the next: a comma lies between


class NumberTokens:
    """The tokens of 0, 1, ... 999: `ids` [n], and `value` [vocabulary], -1 for every other token."""

    def __init__(self, ids: Tensor, vocabulary: int) -> None:
        self.ids = ids
        self.value = torch.full((vocabulary,), -1)
        self.value[ids] = torch.arange(len(ids))

    @classmethod
    def of(cls, tokenizer: Any, most: int = 999) -> NumberTokens | None:
        """None when the tokenizer does not write each of these numbers as one token."""
        pieces = tokenizer([str(n) for n in range(most + 1)], add_special_tokens=False).input_ids
        if any(len(piece) != 1 for piece in pieces):
            return None
        return cls(torch.tensor(pieces).flatten(), len(tokenizer))

    def sides(self, said: Tensor) -> Tensor:
        """Of each token [n] of an answer the side of its object in pixels; 0 where it is no coordinate. Four numbers with a
        token between them are a box, two a point, one alone is a count."""
        values, sides = self.value[said.cpu()].tolist(), [0.0] * len(said)
        i = 0
        while i < len(values):
            end = i
            while end < min(len(values), i + 4 * STEP) and values[end] >= 0:
                end += STEP
            at = range(i, end, STEP)
            if len(at) in (2, 4):
                side = _side([values[k] for k in at])
                for k in at:
                    sides[k] = side
            i = max(i + 1, end - 1)
        return torch.tensor(sides)

    def loss(self, logits: Tensor, said: Tensor) -> Tensor:
        """Cross entropy [n] of each token, in nats; logits [n, vocabulary] float32."""
        losses, place = nn.functional.cross_entropy(logits, said, reduction="none"), logits.device
        sides = self.sides(said).to(place)
        if not (soft := sides > 0).any():
            return losses
        likely = logits[soft].log_softmax(-1)[:, self.ids.to(place)]
        wanted = gaussian_targets(self.value[said[soft].cpu()].to(place), deviation(sides[soft]), len(self.ids))
        return losses.masked_scatter(soft, -(wanted * likely).sum(-1))


def _side(numbers: list[int]) -> float:
    if len(numbers) == 2:
        return POINT_SIDE
    x1, y1, x2, y2 = numbers
    return float(max(1, x2 - x1) * max(1, y2 - y1)) ** 0.5


def deviation(side: Tensor, share: float = SHARE, least: float = LEAST) -> Tensor:
    """Of the Gaussians, in pixels, for objects of that side."""
    return (share * side).clamp(least, MOST)


def gaussian_targets(center: Tensor, deviation: Tensor, numbers: int) -> Tensor:
    """[n, numbers] weights around whole numbers [n]; each row sums to 1."""
    away = (torch.arange(numbers, device=center.device) - center[:, None]) / deviation[:, None]
    weights = torch.exp(-0.5 * away**2)
    return weights / weights.sum(-1, keepdim=True)


def ordinal_loss(trainer_class: type, numbers: NumberTokens) -> type:
    """TRL's SFT trainer with this loss; the projection to the vocabulary is done for the answers' tokens only."""

    class Ordinal(trainer_class):  # type: ignore[misc, valid-type]
        def compute_loss(
            self, model: nn.Module, inputs: Mapping[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            """Mean over the answers' tokens; in a packed batch, the only row's."""
            said = inputs["labels"][:, 1:]
            answered = said >= 0
            keep = answered.any(0).nonzero()[:, 0]
            rest = {k: v for k, v in inputs.items() if k != "labels"}
            outputs = model(**rest, use_cache=False, logits_to_keep=keep)
            chosen = answered[:, keep]
            logits, target = outputs.logits[chosen].float(), said[:, keep][chosen]
            total = len(target) if num_items_in_batch is None else num_items_in_batch
            loss = numbers.loss(logits, target).sum() / max(int(total), 1)
            if self.args.average_tokens_across_devices and num_items_in_batch is not None:
                loss = loss * self.accelerator.num_processes  # DDP takes the mean of what is already shared out
            right = (logits.argmax(-1) == target).float().mean()
            self._metrics["train"]["mean_token_accuracy"].append(float(right))
            return (loss, outputs) if return_outputs else loss

    return Ordinal
