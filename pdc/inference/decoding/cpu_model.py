"""The CPU backend: a small Qwen2.5-VL written out in float32, 4-bit weights dequantised and LoRA merged into them.

With so small a model the overhead of transformers' modules is many times the arithmetic. The copy takes four bytes a weight
beside the model's own, so only parts up to `SMALL` weights are copied; the vision tower only if it is in float32 already.
Float32 has a second virtue. Its rounding hardly depends on how many tokens share a pass, so a verified draft equals
step-by-step decoding.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pdc.inference.decoding.kv_cache import KVCache, PackedKVCache

SMALL = 64_000_000
COPIED_TYPES = ("Linear", "Linear4bit")
HAS_ONEDNN = torch.backends.mkldnn.is_available()
VISION_EPS = 1e-6  # of the vision tower's RMS norms; transformers has it as a constant too
NewTokens = tuple[KVCache, int]  # a row of the cache, and how many new tokens it gets


class Linear:
    """A linear map x [..., in] -> [..., out].

    In float32 the weight is laid out once in the blocked format of oneDNN. That is twice as fast as doing so at each call,
    and gives the same numbers however many tokens share the pass.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.bias, self.packed = bias, HAS_ONEDNN and weight.dtype == torch.float32
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 32) if self.packed else weight

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


def padded_length(n: int) -> int:
    """Tokens to run instead of `n`: the next multiple of 8, 16 or 64, by size.

    oneDNN prepares a kernel for each shape that it meets, which takes milliseconds. Padding lets it meet few shapes, and a
    few rows of zeros cost less.
    """
    step = 8 if n <= 32 else 16 if n <= 128 else 64
    return -(-n // step) * step  # rounded up


def _padded(x: Tensor) -> Tensor:
    """x [n, width] with rows of zeros up to the padded length."""
    return F.pad(x, (0, 0, 0, padded_length(len(x)) - len(x)))


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one transformer layer of either part: pre-norm attention, then a SwiGLU MLP.

    `x += out(attention(qkv(norm(x))))`, then `x += down(silu(gate(norm(x))) * up(norm(x)))`.
    """

    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear
    attention_norm: Tensor
    mlp_norm: Tensor

    def add_mlp(self, x: Tensor, eps: float) -> Tensor:
        """x with the second of these added."""
        gate, up = self.gate_up(F.rms_norm(x, x.shape[-1:], self.mlp_norm, eps)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class CpuLanguageModel:
    """Qwen2.5's text layers. Rows are packed: only attention looks at one row at a time, all else runs over all tokens."""

    new_cache = PackedKVCache.of

    def __init__(self, base: Any, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        model = base.model.language_model
        self.config, self.rope = base.config.get_text_config(), model.rotary_emb
        self.layers = [_text_layer(layer, dtype) for layer in model.layers]
        self.norm, self.head = model.norm.weight.to(dtype), _linear([base.lm_head], dtype)
        self.eps = self.config.rms_norm_eps

    def extend(self, language: Any, ids: Sequence[Sequence[int]], starts: Sequence[int], cache: PackedKVCache) -> list[Tensor]:
        """As `LanguageBackend.extend`; `starts` are the rows' next positions."""
        embedded = language.embed([token for row in ids for token in row])
        positions = torch.cat([torch.arange(start, start + len(row)) for row, start in zip(ids, starts, strict=True)])
        new = [(row, len(tokens)) for row, tokens in zip(cache.rows, ids, strict=True) if tokens]
        out = self._run_layers(embedded, positions.expand(3, 1, -1), new, [row.mask(n, "cpu") for row, n in new])
        logits = self.head(F.rms_norm(out, out.shape[-1:], self.norm, self.eps))
        return list(logits[: len(embedded)].split([len(row) for row in ids]))

    def __call__(self, embedded: Tensor, positions: Tensor, cache: KVCache, mask: Tensor | None) -> Tensor:
        """[1, n, hidden] of one row's embedded tokens [1, n, hidden] at M-RoPE positions [3, 1, n]."""
        n = embedded.shape[1]
        return self._run_layers(embedded[0], positions, [(cache, n)], [mask])[None, :n]

    def _run_layers(
        self, embedded: Tensor, positions: Tensor, new: Sequence[NewTokens], masks: Sequence[Tensor | None]
    ) -> Tensor:
        """[padded n, hidden] of [n, hidden]; the rows behind the n-th are padding."""
        x = _padded(embedded.to(self.dtype))
        cos, sin = (t[:, None] for t in self.rope(x, positions))
        for i, layer in enumerate(self.layers):
            normed = F.rms_norm(x, x.shape[-1:], layer.attention_norm, self.eps)
            x = x + layer.out(self._attend(normed, layer, i, cos, sin, new, masks))
            x = layer.add_mlp(x, self.eps)
        return x

    def _attend(
        self, x: Tensor, layer: Layer, i: int, cos: Tensor, sin: Tensor, new: Sequence[NewTokens], masks: Sequence[Tensor | None]
    ) -> Tensor:
        """[padded n, hidden]: attention of layer `i`, each row's new tokens over all keys of that row.

        Grouped-query attention: `heads` query heads share `kv_heads` heads of keys and values.
        """
        heads, kv_heads, lengths = self.config.num_attention_heads, self.config.num_key_value_heads, [n for _, n in new]
        qkv = layer.qkv(x)[: sum(lengths)].view(1, sum(lengths), heads + 2 * kv_heads, -1).transpose(1, 2)
        rotated, out, start = _rotate(qkv[:, : heads + kv_heads], cos, sin), torch.zeros_like(x), 0
        parts = zip(rotated.split(lengths, 2), qkv[:, heads + kv_heads :].split(lengths, 2), new, masks, strict=True)
        for part, values, (row, n), mask in parts:
            queries, keys = part.split([heads, kv_heads], 1)
            keys, values = row.update(keys, values, i)
            attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, enable_gqa=heads != kv_heads)
            out[start : start + n] = attended[0].transpose(0, 1).flatten(1)
            start += n
        return out


class CpuVisionTower:
    """Qwen2.5-VL's vision tower, for one image at a time (Qwen2.5-VL report, arXiv 2502.13923, section 2.1).

    Most layers attend within windows of patches, a few over the whole image. The merger joins each 2 x 2 patches to one
    visual token.
    """

    def __init__(self, visual: Any) -> None:
        self.visual, self.config, self.merge = visual, visual.config, visual.spatial_merge_size**2
        # The patch embedding is a convolution whose stride is its kernel: one product with the flattened patches.
        self.embed = Linear(visual.patch_embed.proj.weight.detach().float().flatten(1))
        self.layers = [_vision_layer(block) for block in visual.blocks]
        mlp = visual.merger.mlp
        self.merger_up, self.merger_down = _linear([mlp[0]], torch.float32), _linear([mlp[2]], torch.float32)
        self.merger_norm = visual.merger.ln_q.weight.detach().float()
        self.layout = lru_cache(maxsize=64)(self._layout)

    @torch.inference_mode()
    def __call__(self, pixels: dict[str, Tensor]) -> Tensor:
        """[visual tokens, hidden] of one image's `pixel_values` [n, values] and `image_grid_thw` [1, 3]."""
        patches = pixels["pixel_values"]
        order, windows, cos, sin = self.layout(tuple(pixels["image_grid_thw"][0].tolist()))
        n = len(patches)
        # The patches of a visual token stay together while tokens are put in order of their windows.
        x = self.embed(_padded(patches.float()))[:n].unflatten(0, (-1, self.merge))[order].flatten(0, 1)
        x = _padded(x)
        for i, layer in enumerate(self.layers):
            lengths = [n] if i in self.config.fullatt_block_indexes else windows
            normed = F.rms_norm(x, x.shape[-1:], layer.attention_norm, VISION_EPS)
            x = x + layer.out(self._attend(normed, layer, cos, sin, lengths))
            x = layer.add_mlp(x, VISION_EPS)
        x = F.rms_norm(x[:n], x.shape[-1:], self.merger_norm, VISION_EPS).view(n // self.merge, -1)
        merged = self.merger_down(F.gelu(self.merger_up(_padded(x))))[: len(x)]
        return merged[order.argsort()]  # back to rows and columns

    def _layout(self, grid: tuple[int, int, int]) -> tuple[Tensor, list[int], Tensor, Tensor]:
        """For an image's grid: visual tokens in order of their windows, patches per window, and RoPE's cosines and sines."""
        from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as theirs

        c, thw = self.config, torch.tensor([grid])
        order, ends = theirs.get_vision_window_index(thw, c.spatial_merge_size, c.window_size, c.patch_size)
        positions = theirs.get_vision_position_ids(thw, c.spatial_merge_size)
        angles = self.visual.rotary_pos_emb(positions, positions)
        cos, sin = (t.unflatten(0, (-1, self.merge))[order].flatten(0, 1).float()[None] for t in angles)
        return order, ends.diff().tolist(), cos, sin

    def _attend(self, x: Tensor, layer: Layer, cos: Tensor, sin: Tensor, lengths: Sequence[int]) -> Tensor:
        """[padded n, width]: attention within segments of `lengths` patches, in both directions."""
        n, heads, out, start = sum(lengths), self.config.num_heads, torch.zeros_like(x), 0
        qkv = layer.qkv(x)[:n].view(n, 3 * heads, -1).transpose(0, 1)
        rotated, values = _rotate(qkv[: 2 * heads], cos, sin), qkv[2 * heads :]
        for part, value in zip(rotated.split(lengths, 1), values.split(lengths, 1), strict=True):
            queries, keys = part.split(heads)
            attended = F.scaled_dot_product_attention(queries[None], keys[None], value[None])
            out[start : start + part.shape[1]] = attended[0].transpose(0, 1).flatten(1)
            start += part.shape[1]
        return out


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of x [..., n, width] (RoPE; Su et al. 2021, arXiv 2104.09864).

    Dimension k of the first half and k of the second are a plane, turned by an angle that grows with the position:
    (a, b) -> (a cos - b sin, b cos + a sin). With M-RoPE each plane belongs to one axis: time, row or column.
    """
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def fits_cpu_model(base: Any) -> bool:
    """Whether a part of a model is small, on a CPU and made of linear maps to copy."""
    layers = [m for name, m in base.named_modules() if ".lora_" not in name]  # however many adapters are in memory
    maps = [m for m in layers if hasattr(m, "in_features") and not hasattr(m, "base_layer")]
    plain = all(type(m).__name__ in COPIED_TYPES for m in maps)
    device = next(base.parameters()).device.type
    return device == "cpu" and plain and sum(m.in_features * m.out_features for m in maps) <= SMALL


def _text_layer(layer: Any, dtype: torch.dtype) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    qkv = [attention.q_proj, attention.k_proj, attention.v_proj]
    norms = (layer.input_layernorm, layer.post_attention_layernorm)
    return _layer([qkv, [attention.o_proj], [mlp.gate_proj, mlp.up_proj], [mlp.down_proj]], norms, dtype)


def _vision_layer(block: Any) -> Layer:
    attention, mlp = block.attn, block.mlp
    maps = [[attention.qkv], [attention.proj], [mlp.gate_proj, mlp.up_proj], [mlp.down_proj]]
    return _layer(maps, (block.norm1, block.norm2), torch.float32)


def _layer(maps: Sequence[Sequence[Any]], norms: Sequence[Any], dtype: torch.dtype) -> Layer:
    qkv, out, gate_up, down = (_linear(modules, dtype) for modules in maps)
    attention_norm, mlp_norm = (norm.weight.detach().to(dtype) for norm in norms)
    return Layer(qkv, out, gate_up, down, attention_norm, mlp_norm)


@torch.no_grad()
def _linear(modules: Sequence[Any], dtype: torch.dtype) -> Linear:
    """Several linear maps of the same input as one: their weights stacked, so that one product serves them all."""
    biases = [m.bias.to(dtype) for m in modules if m.bias is not None]
    return Linear(torch.cat([_weight(m).to(dtype) for m in modules]), torch.cat(biases) if biases else None)


def _weight(module: Any) -> Tensor:
    """A linear map's float32 weight [out, in]: W + scaling * B A, W dequantised if it is in 4 bit."""
    base = getattr(module, "base_layer", module)
    weight = _dequantised(base).float()
    for name in getattr(module, "active_adapters", ()) if not getattr(module, "disable_adapters", False) else ():
        if name in module.lora_A:
            weight = weight + module.scaling[name] * (module.lora_B[name].weight.float() @ module.lora_A[name].weight.float())
    return weight


def _dequantised(module: Any) -> Tensor:
    state = getattr(module.weight, "quant_state", None)
    if state is None:
        return module.weight.detach()
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(module.weight.data, state)
