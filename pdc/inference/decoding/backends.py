"""Decoding backends: the forward pass of a Qwen2.5-VL's language model over a batch of rows with a KV cache.

There are two, with the same result: transformers' own modules, or for a small model on a CPU the copy in `cpu_model`.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from pdc.inference.decoding.cpu_model import CpuLanguageModel, CpuVisionTower, fits_cpu_model
from pdc.inference.decoding.kv_cache import KVCache, LayerKV, PackedKVCache

if TYPE_CHECKING:
    from pdc.inference.qwen import Qwen


Cache = TypeVar("Cache", KVCache, PackedKVCache)


class Implementation(Protocol[Cache]):
    """Runs the language model's layers over a KV cache of its own kind."""

    def new_cache(self, prefixes: Sequence[list[LayerKV]], /) -> Cache: ...

    def extend(
        self, language: LanguageBackend[Cache], ids: Sequence[Sequence[int]], starts: Sequence[int], cache: Cache
    ) -> list[Tensor]: ...

    def __call__(self, embedded: Tensor, positions: Tensor, cache: KVCache, mask: Tensor | None) -> Tensor: ...


class LanguageBackend(Generic[Cache]):
    """The language model, run by one of two implementations. Advancing the cache's rows is the caller's affair.

    `breaks_ties` says that the implementation is precise enough for `exact_logits` to be worth its time.
    """

    def __init__(self, base: Any, implementation: Implementation[Cache]) -> None:
        self._base, self._implementation = base, implementation
        self.breaks_ties = isinstance(implementation, CpuLanguageModel)
        self.layers = base.config.get_text_config().num_hidden_layers
        self.device = str(base.device)

    def cache(self, prefixes: Sequence[list[LayerKV]]) -> Cache:
        """A KV cache for `extend`: a row per prefix, each beginning with a copy of it."""
        return self._implementation.new_cache(prefixes)

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> Tensor:
        """[n, hidden] input embeddings of tokens."""
        return self._base.get_input_embeddings()(torch.tensor(ids, dtype=torch.long, device=self.device))

    @torch.inference_mode()
    def prefill(self, embedded: Tensor, positions: Tensor) -> list[LayerKV]:
        """Keys and values of one row of embedded tokens [n, hidden] at M-RoPE positions [3, 1, n], with nothing before."""
        cache = KVCache(1, self.layers)
        self._implementation(embedded[None], positions.to(self.device), cache, cache.mask(len(embedded), self.device))
        cache.advance(0, len(embedded))
        return cache.copy_row()

    @torch.inference_mode()
    def extend(self, ids: Sequence[Sequence[int]], offsets: Sequence[int], cache: Cache) -> list[Tensor]:
        """Float32 logits [n, V] of each row's n new text tokens; a row may have none.

        Text tokens have the same M-RoPE position on all three axes: their index plus the row's offset (`EncodedImage`).
        """
        starts = [length + offset for length, offset in zip(cache.lengths, offsets, strict=True)]
        return self._implementation.extend(self, ids, starts, cache)

    def exact_logits(self, prefix: list[LayerKV], offset: int, ids: Sequence[int]) -> Tensor:
        """Logits [V] after `ids` behind the prefix, computed in float64 and from scratch: they depend on nothing else.

        Float32 logits also depend, by rounding, on how many tokens shared the pass. Two that nearly tie could swap with the
        length of a draft; these cannot. It takes the whole answer's tokens through a new float64 copy: ties are rare.
        """
        exact = LanguageBackend(self._base, CpuLanguageModel(self._base, torch.float64))
        cache = exact.cache([[(k.double(), v.double()) for k, v in prefix]])
        return exact.extend([list(ids)], [offset], cache)[0][-1].float()


def select_backend(base: Any) -> LanguageBackend[KVCache] | LanguageBackend[PackedKVCache]:
    """The faster backend that gives the same answers for this model, on its device, with its adapter as it is now."""
    copied = fits_cpu_model(base.model.language_model) and fits_cpu_model(base.lm_head)
    return LanguageBackend(base, CpuLanguageModel(base)) if copied else LanguageBackend(base, TransformersBackend(base))


def select_vision_tower(qwen: Qwen) -> Callable[[dict[str, Tensor]], Tensor]:
    """The vision tower, `qwen.pixels` -> features [visual tokens, hidden]: a small one in float32 as its CPU copy.

    One in bfloat16 stays as it is. Adapters were trained on its rounded features, and the copy would be no faster.
    """
    visual = qwen.base.model.visual
    return CpuVisionTower(visual) if visual.dtype == torch.float32 and fits_cpu_model(visual) else qwen.features


class TransformersBackend:
    """The model's own modules. Rows are padded to the longest: positions and mask say where each one's tokens stand."""

    new_cache = KVCache.of

    def __init__(self, base: Any) -> None:
        self.base = base

    def __call__(self, embedded: Tensor, positions: Tensor, cache: KVCache, mask: Tensor | None) -> Tensor:
        """[rows, n, hidden] of embedded tokens [rows, n, hidden] at M-RoPE positions [3, rows, n]."""
        masks = {"full_attention": mask, "sliding_attention": mask}
        out = self.base.model.language_model(
            inputs_embeds=embedded, position_ids=positions, attention_mask=masks, past_key_values=cache, use_cache=True
        )
        return out.last_hidden_state

    def extend(
        self, language: LanguageBackend, ids: Sequence[Sequence[int]], starts: Sequence[int], cache: KVCache
    ) -> list[Tensor]:
        """As `LanguageBackend.extend`; `starts` are the rows' next positions."""
        n = max(map(len, ids))
        # Padding is on the right with token 0: a real token never attends to what comes after it.
        padded = [token for row in ids for token in (*row, *[0] * (n - len(row)))]
        positions = torch.tensor(starts)[:, None] + torch.arange(n)
        embedded = language.embed(padded).view(len(ids), n, -1)
        positions = positions.expand(3, -1, -1).to(language.device)
        out = self(embedded, positions, cache, cache.mask(n, language.device))
        return [self.base.lm_head(hidden[: len(row)]).float() for hidden, row in zip(out, ids, strict=True)]
