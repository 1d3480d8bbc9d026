"""Keys and values of the tokens that a language model has read, kept so that more can follow and some be taken back.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class KVCache:
    """Keys and values [B, heads, capacity, width] per layer; row b holds `lengths[b]` tokens. Both ways write here."""

    def __init__(self, rows: int, layers: int) -> None:
        self.lengths = [0] * rows
        self._kept: list[tuple[Tensor, Tensor] | None] = [None] * layers

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write [B, heads, n, width] behind each row's length; give back everything up to the longest row's end."""
        n = keys.shape[2]
        end = max(self.lengths) + n
        kept = self._room(layer, keys, values, end)
        for whole, new in zip(kept, (keys, values), strict=True):
            for b, length in enumerate(self.lengths):
                whole[b, :, length : length + n] = new[b]
        return kept[0][:, :, :end], kept[1][:, :, :end]

    def _room(self, layer: int, keys: Tensor, values: Tensor, end: int) -> tuple[Tensor, Tensor]:
        old = self._kept[layer]
        if old is not None and old[0].shape[2] >= end:
            return old
        capacity, grown = max(end + 256, 2 * (old[0].shape[2] if old else 0)), []
        for i, like in enumerate((keys, values)):
            room = like.new_zeros(len(self.lengths), like.shape[1], capacity, like.shape[3])
            if old is not None:
                room[:, :, : old[i].shape[2]] = old[i]
            grown.append(room)
        self._kept[layer] = new = grown[0], grown[1]
        return new

    def mask(self, n: int, device: str) -> Tensor | None:
        """[B, 1, n, keys] True where token i of a row's `n` new ones may look; None when it may look everywhere."""
        if n == 1 and len(set(self.lengths)) == 1:
            return None
        at = torch.arange(n, device=device)[None, :, None] + torch.tensor(self.lengths, device=device)[:, None, None]
        return (torch.arange(max(self.lengths) + n, device=device) <= at)[:, None]

    def kept(self, row: int = 0) -> list[tuple[Tensor, Tensor]]:
        """A copy of one row's keys and values, [heads, length, width] per layer."""
        n = self.lengths[row]
        return [(k[row, :, :n].clone(), v[row, :, :n].clone()) for k, v in filter(None, self._kept)]

    def move(self, row: int, n: int) -> None:
        """Keep the `n` tokens that were last written behind the row."""
        self.lengths[row] += n

    @classmethod
    def of(cls, kept: Sequence[list[tuple[Tensor, Tensor]]]) -> KVCache:
        """Rows that begin with what was kept of each."""
        rows = cls(len(kept), len(kept[0]))
        lengths = [row[0][0].shape[1] for row in kept]
        for layer in range(len(kept[0])):
            like = kept[0][layer][0]
            pair = [like.new_zeros(len(kept), like.shape[0], max(lengths) + 384, like.shape[2]) for _ in range(2)]
            for b, row in enumerate(kept):
                for whole, part in zip(pair, row[layer], strict=True):
                    whole[b, :, : lengths[b]] = part
            rows._kept[layer] = (pair[0], pair[1])
        rows.lengths = lengths
        return rows


class PackedKVCache:
    """Rows of their own, whose new tokens run one behind the other instead of padded to the longest."""

    def __init__(self, rows: Sequence[KVCache]) -> None:
        self.rows = list(rows)

    @property
    def lengths(self) -> list[int]:
        return [row.lengths[0] for row in self.rows]

    def move(self, row: int, n: int) -> None:
        """Keep the `n` tokens that were last written behind the row."""
        self.rows[row].lengths[0] += n

    @classmethod
    def of(cls, kept: Sequence[list[tuple[Tensor, Tensor]]]) -> PackedKVCache:
        """Rows that begin with what was kept of each."""
        return cls([KVCache.of([row]) for row in kept])
