"""Faster forwards for training a Qwen2.5-VL on a CPU: the same arithmetic, in other products. A GPU has kernels of its own.

What transformers does slowly, and what is done here (measured by tests/bench/training.py):

    vision attention    a loop over images, with a kernel slow backwards     one batched product for all segments of a length
    patch embedding     a Conv3d                                             one product: its stride is its kernel
    equal images        encoded once per question                            encoded once
    packed batches      one [tokens, tokens] mask over all views             one product a view: other blocks are masked anyway
    LoRA layers         several products and copies each                     one function (cpu_kernels.py)
"""

from __future__ import annotations

import ctypes
import sys
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from finetune.train.cpu_kernels import fuse_lora

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def make_fast(model: Any) -> None:
    """Replace forwards of a Qwen2.5-VL, with or without LoRA around its layers. Its answers stay the same."""
    visual = next(m for name, m in model.named_modules() if name.endswith("visual") and hasattr(m, "blocks"))
    visual.forward = _EncodeOnce(visual.forward)
    visual.patch_embed.forward = MethodType(_embed_patches, visual.patch_embed)
    for block in visual.blocks:
        block.attn.forward = _SegmentAttention(block.attn)
    text = next(m for name, m in model.named_modules() if name.endswith("language_model"))
    text.config._attn_implementation = "eager"  # a plain matrix product too
    text.register_forward_pre_hook(_split_mask, with_kwargs=True)
    for layer in text.layers:
        layer.self_attn.forward = _ViewAttention(layer.self_attn)
    fuse_lora(model)
    _keep_memory()


def _keep_memory() -> None:
    """glibc returns large blocks to the system when they are freed, so that every step would fetch them anew, page by page."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the largest that glibc takes
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def _embed_patches(self: Any, patches: Tensor) -> Tensor:
    """[n, width] of flattened patches [n, values]: a convolution whose stride is its kernel is a linear map."""
    weight = self.proj.weight.flatten(1)
    return nn.functional.linear(patches.to(weight.dtype), weight)


class _SegmentAttention:
    """The vision tower's attention within segments (images or windows): one product for all segments of a length.

    `cu_seqlens` are the cumulative lengths of the segments, as FlashAttention's variable-length kernels take them.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(self, hidden_states: Tensor, cu_seqlens: Tensor, position_embeddings: Any = None, **_: Any) -> Tensor:
        from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision

        m, lengths = self.module, cu_seqlens.diff().tolist()
        q, k, v = m.qkv(hidden_states).view(len(hidden_states), 3, m.num_heads, -1).unbind(1)
        q, k = apply_rotary_pos_emb_vision(q, k, *position_embeddings)
        parts = [t.to(v.dtype).split(lengths) for t in (q, k, v)]
        attended: list[Tensor] = [hidden_states] * len(lengths)
        for length in set(lengths):
            which = [i for i, n in enumerate(lengths) if n == length]
            batch = _attend(*(torch.stack([part[i] for i in which]).transpose(1, 2) for part in parts))
            for i, segment in zip(which, batch.transpose(1, 2), strict=True):
                attended[i] = segment
        return m.proj(torch.cat(attended).flatten(1))


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(width)) v, of [segments, heads, length, width] each."""
    return _softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)) @ v


def _softmax(scores: Tensor) -> Tensor:
    """In the dtype of the scores, which autocast would make float32 and back; the sum is in float32 either way."""
    with torch.autocast("cpu", enabled=False):
        return torch.softmax(scores, -1)


def _split_mask(module: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Of a packed batch's mask [1, 1, tokens, tokens] keep the blocks on the diagonal, one a view, as numbers to add.

    No token attends to another view, so a block begins where a token's first visible key changes.
    """
    mask = inputs.get("attention_mask")
    if isinstance(mask, Tensor) and mask.dim() == 4 and inputs.get("past_key_values") is None:
        starts = mask[0, 0].byte().argmax(-1)
        ends = torch.cat([starts.diff().nonzero()[:, 0] + 1, torch.tensor([len(starts)])]).tolist()
        blocks = [mask[0, 0, a:b, a:b] for a, b in zip([0, *ends], ends, strict=False)]
        inputs["attention_mask"] = {"full_attention": [torch.zeros(x.shape).masked_fill_(~x, -torch.inf) for x in blocks]}
    return args, inputs


class _ViewAttention:
    """Attention of the language model over a packed batch, view by view; over any other batch as before."""

    def __init__(self, module: Any) -> None:
        self.module, self.original = module, module.forward

    def __call__(
        self, hidden_states: Tensor, attention_mask: Any = None, position_embeddings: Any = None, **rest: Any
    ) -> tuple[Tensor, Tensor | None]:
        if not isinstance(attention_mask, list):
            return self.original(
                hidden_states=hidden_states, attention_mask=attention_mask, position_embeddings=position_embeddings, **rest
            )
        from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb

        m, lengths = self.module, [len(mask) for mask in attention_mask]
        q, k, v = (p(hidden_states).unflatten(-1, (-1, m.head_dim)).transpose(1, 2) for p in (m.q_proj, m.k_proj, m.v_proj))
        q, k = apply_rotary_pos_emb(q * m.scaling, k, *position_embeddings)
        # Grouped-query attention: [key heads, query heads of each, tokens, width].
        q = q.to(v.dtype)[0].unflatten(0, (m.num_key_value_heads, -1))
        parts = zip(q.split(lengths, 2), k.to(v.dtype)[0].split(lengths, 1), v[0].split(lengths, 1), attention_mask, strict=True)
        attended = torch.cat([_attend_grouped(*part) for part in parts], 2)
        return m.o_proj(attended.flatten(0, 1).transpose(0, 1).flatten(1))[None], None


def _attend_grouped(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Attention of scaled queries [key heads, query heads of each, tokens, width] to keys and values [key heads, tokens,
    width]. The query heads of a key head are laid behind each other, so one product serves them all."""
    scores = (q.flatten(1, 2) @ k.transpose(1, 2)).view(*q.shape[:3], -1)
    return (_softmax(scores + mask.to(v.dtype)).flatten(1, 2) @ v).view_as(q)


class _EncodeOnce:
    """The vision tower's forward, run on the first of several equal images only; its features are repeated."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __call__(self, hidden_states: Tensor, grid_thw: Tensor, **rest: Any) -> Any:
        images = hidden_states.split(grid_thw.prod(-1).tolist())
        first = [next(j for j in range(i + 1) if _same(images[j], image)) for i, image in enumerate(images)]
        distinct = sorted(set(first))
        if len(distinct) == len(images):
            return self.original(hidden_states, grid_thw=grid_thw, **rest)
        out = self.original(torch.cat([images[i] for i in distinct]), grid_thw=grid_thw[distinct], **rest)
        which = torch.tensor([distinct.index(i) for i in first])
        for name in ("last_hidden_state", "pooler_output"):
            out[name] = _repeated(out[name], grid_thw[distinct], which)
        return out


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _repeated(features: Tensor, grid_thw: Tensor, which: Tensor) -> Tensor:
    """[tokens, width] of some images -> of all, `which[i]` being the one that image i shows."""
    patches = grid_thw.prod(-1)
    parts = features.split((patches * len(features) // patches.sum()).tolist())
    return torch.cat([parts[i] for i in which.tolist()])
