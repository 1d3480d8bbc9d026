"""What was seen of an image, kept for the next question about it within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdc.decoding.values import Proposal
from pdc.geometry import Size

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Seen:
    """The prompt up to the end of the image, already read.

    `kept`: keys and values per layer; `offset`: rope position of the next token minus its index; `tokens`: visual tokens.
    """

    kept: list[tuple[torch.Tensor, torch.Tensor]]
    offset: int
    tokens: int
    model_wh: Size
    proposals: tuple[Proposal, ...]

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for pair in self.kept for t in pair)


class Memory:
    """The most recently used, as many as fit into `budget` bytes; one larger than that is not kept at all."""

    def __init__(self, budget: int) -> None:
        self.budget, self.used = budget, 0
        self._kept: OrderedDict[Hashable, Seen] = OrderedDict()

    def get(self, key: Hashable) -> Seen | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, seen: Seen) -> None:
        self.forget(key)
        if seen.nbytes > self.budget:
            return
        self._kept[key] = seen
        self.used += seen.nbytes
        while self.used > self.budget:
            self.used -= self._kept.popitem(last=False)[1].nbytes

    def forget(self, key: Hashable) -> None:
        if key in self._kept:
            self.used -= self._kept.pop(key).nbytes

    def clear(self) -> None:
        self._kept.clear()
        self.used = 0

    def __len__(self) -> int:
        return len(self._kept)
