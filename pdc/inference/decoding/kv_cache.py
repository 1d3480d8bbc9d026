"""The KV cache: keys and values of the tokens read so far, so that a pass computes the new tokens only.

Speculation needs one more thing of it: rejected tokens must be taken back. Each row has its own length, and everything
behind that length is scratch. A pass writes its tokens there; `advance` keeps the accepted ones by moving the length over
them. The rest is masked out and overwritten by the next pass, so taking back costs nothing.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

LayerKV = tuple[Tensor, Tensor]  # keys and values of one layer
GROWTH, FIRST_ROOM = 256, 384  # tokens of room beyond what is needed now


class KVCache:
    """Padded rows: keys and values [rows, heads, capacity, width] per layer; row b holds `lengths[b]` tokens.

    It stands in for transformers' cache (`update` is what its attention calls), and the CPU model writes here too.
    """

    def __init__(self, rows: int, layers: int) -> None:
        self.lengths = [0] * rows
        self._layers: list[LayerKV | None] = [None] * layers

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> LayerKV:
        """Write [rows, heads, n, width] behind each row's length; give back everything up to the longest row's end."""
        n = keys.shape[2]
        end = max(self.lengths) + n
        stored = self._with_room(layer, keys, values, end)
        for whole, new in zip(stored, (keys, values), strict=True):
            for b, length in enumerate(self.lengths):
                whole[b, :, length : length + n] = new[b]
        return stored[0][:, :, :end], stored[1][:, :, :end]

    def _with_room(self, layer: int, keys: Tensor, values: Tensor, end: int) -> LayerKV:
        """The layer's tensors with a capacity of at least `end`; at least doubled when they grow, so copies stay rare."""
        old = self._layers[layer]
        if old is not None and old[0].shape[2] >= end:
            return old
        capacity, grown = max(end + GROWTH, 2 * (old[0].shape[2] if old else 0)), []
        for i, like in enumerate((keys, values)):
            room = like.new_zeros(len(self.lengths), like.shape[1], capacity, like.shape[3])
            if old is not None:
                room[:, :, : old[i].shape[2]] = old[i]
            grown.append(room)
        self._layers[layer] = new = grown[0], grown[1]
        return new

    def mask(self, n: int, device: str) -> Tensor | None:
        """[rows, 1, n, keys] True where a row's i-th new token may attend; None when it may attend everywhere.

        Row b's i-th new token has index lengths[b] + i and attends to all keys up to that index. That is the causal mask,
        and it hides what shorter rows have behind their own end.
        """
        if n == 1 and len(set(self.lengths)) == 1:
            return None
        index = torch.arange(n, device=device)[None, :, None] + torch.tensor(self.lengths, device=device)[:, None, None]
        return (torch.arange(max(self.lengths) + n, device=device) <= index)[:, None]

    def copy_row(self, row: int = 0) -> list[LayerKV]:
        """A copy of one row's keys and values, [heads, length, width] per layer."""
        n = self.lengths[row]
        return [(k[row, :, :n].clone(), v[row, :, :n].clone()) for k, v in filter(None, self._layers)]

    def advance(self, row: int, n: int) -> None:
        """Keep the first `n` of the tokens that the last pass wrote behind the row."""
        self.lengths[row] += n

    @classmethod
    def of(cls, prefixes: Sequence[list[LayerKV]]) -> KVCache:
        """A row per prefix, each beginning with a copy of it."""
        cache = cls(len(prefixes), len(prefixes[0]))
        lengths = [prefix[0][0].shape[1] for prefix in prefixes]
        for layer in range(len(prefixes[0])):
            like = prefixes[0][layer][0]
            pair = [like.new_zeros(len(prefixes), like.shape[0], max(lengths) + FIRST_ROOM, like.shape[2]) for _ in range(2)]
            for b, prefix in enumerate(prefixes):
                for whole, part in zip(pair, prefix[layer], strict=True):
                    whole[b, :, : lengths[b]] = part
            cache._layers[layer] = (pair[0], pair[1])
        cache.lengths = lengths
        return cache


class PackedKVCache:
    """Packed rows: each has tensors of its own, and the new tokens of all run one behind the other, without padding."""

    def __init__(self, rows: Sequence[KVCache]) -> None:
        self.rows = list(rows)

    @property
    def lengths(self) -> list[int]:
        return [row.lengths[0] for row in self.rows]

    def advance(self, row: int, n: int) -> None:
        """Keep the first `n` of the tokens that the last pass wrote behind the row."""
        self.rows[row].lengths[0] += n

    @classmethod
    def of(cls, prefixes: Sequence[list[LayerKV]]) -> PackedKVCache:
        """A row per prefix, each beginning with a copy of it."""
        return cls([KVCache.of([prefix]) for prefix in prefixes])
