"""The same arithmetic as transformers' modules, faster for batches of equally sized images. Training only.

`fast_vision(model)` replaces two forwards: the patch embedding becomes one matmul (a Conv3d on a CPU is slow), and the
vision attention becomes one batched call instead of a Python loop over images.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision


def fast_vision(visual: nn.Module) -> None:
    visual.patch_embed.forward = MethodType(_patch_matmul, visual.patch_embed)
    for block in visual.blocks:
        block.attn.forward = MethodType(_batched_attention, block.attn)


def _patch_matmul(self: nn.Module, patches: Tensor) -> Tensor:
    return nn.functional.linear(patches, self.proj.weight.flatten(1))


def _batched_attention(self: nn.Module, hidden_states: Tensor, cu_seqlens: Tensor, position_embeddings=None, **_) -> Tensor:
    """hidden_states [images * patches, width]; every image has the same number of patches and attends to itself only."""
    images, length = len(cu_seqlens) - 1, len(hidden_states)
    q, k, v = self.qkv(hidden_states).view(length, 3, self.num_heads, self.head_dim).unbind(1)
    q, k = apply_rotary_pos_emb_vision(q, k, *position_embeddings)
    q, k, v = (t.to(v.dtype).view(images, length // images, self.num_heads, self.head_dim).transpose(1, 2) for t in (q, k, v))
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    return self.proj(mixed.transpose(1, 2).reshape(length, self.dim))
