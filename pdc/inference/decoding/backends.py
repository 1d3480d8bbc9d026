"""Runs the language model of a Qwen2.5-VL on rows of tokens whose keys and values are kept, and can be taken back.

Two ways with one result: the model's own modules, or, for a small model on a CPU, the copy of it that `copies` makes.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdc.inference.decoding.cpu_model import CpuLanguageModel, CpuVisionTower, fits_cpu_model
from pdc.inference.decoding.kv_cache import KVCache, PackedKVCache

if TYPE_CHECKING:
    from pdc.inference.qwen import Qwen


class LanguageBackend:
    """Reads tokens behind rows of kept ones, several rows together. Lengths of rows are the caller's to move on."""

    def __init__(self, base: Any, way: TransformersBackend | CpuLanguageModel) -> None:
        self._base, self._way = base, way
        self.settles = isinstance(way, CpuLanguageModel)
        self.layers = base.config.get_text_config().num_hidden_layers
        self.device = str(base.device)

    def rows(self, kept: Sequence[list[tuple[Tensor, Tensor]]]) -> KVCache | PackedKVCache:
        """Rows that begin with what was kept of each; as `extend` wants them."""
        return self._way.rows(kept)

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> Tensor:
        """[n, hidden]"""
        return self._base.get_input_embeddings()(torch.tensor(ids, dtype=torch.long, device=self.device))

    @torch.inference_mode()
    def read(self, embedded: Tensor, positions: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What to keep of one row of embedded tokens [n, hidden] at rope positions [3, 1, n]; nothing comes before it."""
        rows = KVCache(1, self.layers)
        self._way(embedded[None], positions.to(self.device), rows, rows.mask(len(embedded), self.device))
        rows.move(0, len(embedded))
        return rows.kept()

    @torch.inference_mode()
    def extend(self, ids: Sequence[Sequence[int]], offsets: Sequence[int], rows: KVCache | PackedKVCache) -> list[Tensor]:
        """Float32 logits [n, V] of each row's new text tokens; a row may have none. Offset = rope position minus length."""
        return self._way.extend(self, ids, [n + o for n, o in zip(rows.lengths, offsets, strict=True)], rows)

    def settle(self, kept: list[tuple[Tensor, Tensor]], offset: int, ids: Sequence[int]) -> Tensor:
        """Logits [V] after `ids` behind what was kept, in float64 and from scratch: they depend on nothing else.

        Decides between tokens so close that in float32 the company a token was run in would decide.
        """
        exact = LanguageBackend(self._base, CpuLanguageModel(self._base, torch.float64))
        rows = exact.rows([[(k.double(), v.double()) for k, v in kept]])
        return exact.extend([list(ids)], [offset], rows)[0][-1].float()


def select_backend(base: Any) -> LanguageBackend:
    """The faster way that gives the same answers for this model, on its device, with its adapter as it is now."""
    copied = fits_cpu_model(base.model.language_model) and fits_cpu_model(base.lm_head)
    return LanguageBackend(base, CpuLanguageModel(base) if copied else TransformersBackend(base))


def select_vision_tower(qwen: Qwen) -> Callable[[dict[str, Tensor]], Tensor]:
    """What makes [visual tokens, hidden] of an image's `qwen.pixels`: the faster way, likewise, of a tower in float32.

    One in bfloat16 is left alone: what adapters learnt to answer, they learnt from its rounding, and it is no slower.
    """
    visual = qwen.base.model.visual
    return CpuVisionTower(visual) if visual.dtype == torch.float32 and fits_cpu_model(visual) else qwen.features


class TransformersBackend:
    """The model's own modules; rows are padded to the longest."""

    rows = KVCache.of

    def __init__(self, base: Any) -> None:
        self.base = base

    def __call__(self, embedded: Tensor, positions: Tensor, rows: KVCache, mask: Tensor | None) -> Tensor:
        """[B, n, hidden] of embedded tokens [B, n, hidden] at rope positions [3, B, n]."""
        masks = {"full_attention": mask, "sliding_attention": mask}
        out = self.base.model.language_model(
            inputs_embeds=embedded, position_ids=positions, attention_mask=masks, past_key_values=rows, use_cache=True
        )
        return out.last_hidden_state

    def extend(
        self, language: LanguageBackend, ids: Sequence[Sequence[int]], starts: Sequence[int], rows: KVCache
    ) -> list[Tensor]:
        n = max(map(len, ids))
        padded = [token for row in ids for token in (*row, *[0] * (n - len(row)))]
        positions = torch.tensor(starts)[:, None] + torch.arange(n)
        embedded = language.embed(padded).view(len(ids), n, -1)
        positions = positions.expand(3, -1, -1).to(language.device)
        out = self(embedded, positions, rows, rows.mask(n, language.device))
        return [self.base.lm_head(row[: len(own)]).float() for row, own in zip(out, ids, strict=True)]
