"""A small Qwen2.5-VL on a CPU, written out with every weight in float32: 4-bit ones dequantised, LoRA added in.

There the modules' overhead is many times the arithmetic. The copy takes four bytes per weight beside the model's own, so it
is only made of parts up to `SMALL` weights; of the vision tower only where that is in float32 already. Float32 has a second
virtue: rounding hardly depends on how many tokens run together, so a checked draft equals step-by-step decoding.

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
PLAIN = ("Linear", "Linear4bit")
PACKS = torch.backends.mkldnn.is_available()
New = tuple[KVCache, int]  # a row, and how many new tokens it gets


class Linear:
    """x [..., in] -> [..., out]. In float32 the weight is laid out once as oneDNN wants it: twice as fast as doing so at
    each call, and with the same numbers however many tokens run together."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.bias, self.packed = bias, PACKS and weight.dtype == torch.float32
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 32) if self.packed else weight

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return F.linear(x, self.weight, self.bias)


def padded_length(n: int) -> int:
    """Tokens to run instead of `n`: oneDNN prepares itself for each number it meets, for milliseconds, so it meets few."""
    step = 8 if n <= 32 else 16 if n <= 128 else 64
    return -(-n // step) * step


def _padded(x: Tensor) -> Tensor:
    """x [n, width] with rows of zeros up to a roomy number."""
    return F.pad(x, (0, 0, 0, padded_length(len(x)) - len(x)))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of either part: pre-norm attention and SwiGLU."""

    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear
    before: Tensor
    between: Tensor

    def fed(self, x: Tensor, eps: float) -> Tensor:
        gate, up = self.gate_up(F.rms_norm(x, x.shape[-1:], self.between, eps)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class CpuLanguageModel:
    """Qwen2.5's text layers; rows are packed one behind the other."""

    rows = PackedKVCache.of

    def __init__(self, base: Any, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        model = base.model.language_model
        self.config, self.rope = base.config.get_text_config(), model.rotary_emb
        self.layers = [_text_layer(layer, dtype) for layer in model.layers]
        self.norm, self.head = model.norm.weight.to(dtype), _linear([base.lm_head], dtype)
        self.eps = self.config.rms_norm_eps

    def extend(self, language: Any, ids: Sequence[Sequence[int]], starts: Sequence[int], rows: PackedKVCache) -> list[Tensor]:
        embedded = language.embed([token for row in ids for token in row])
        positions = torch.cat([torch.arange(start, start + len(row)) for row, start in zip(ids, starts, strict=True)])
        new = [(row, len(own)) for row, own in zip(rows.rows, ids, strict=True) if own]
        out = self._through(embedded, positions.expand(3, 1, -1), new, [row.mask(n, "cpu") for row, n in new])
        logits = self.head(F.rms_norm(out, out.shape[-1:], self.norm, self.eps))
        return list(logits[: len(embedded)].split([len(row) for row in ids]))

    def __call__(self, embedded: Tensor, positions: Tensor, rows: KVCache, mask: Tensor | None) -> Tensor:
        """[1, n, hidden] of one row's embedded tokens [1, n, hidden] at rope positions [3, 1, n]."""
        n = embedded.shape[1]
        return self._through(embedded[0], positions, [(rows, n)], [mask])[None, :n]

    def _through(self, embedded: Tensor, positions: Tensor, new: Sequence[New], masks: Sequence[Tensor | None]) -> Tensor:
        """[roomy n, hidden] of [n, hidden]; the rows behind the n-th mean nothing."""
        x = _padded(embedded.to(self.dtype))
        cos, sin = (t[:, None] for t in self.rope(x, positions))
        for i, layer in enumerate(self.layers):
            x = x + layer.out(self._attend(F.rms_norm(x, x.shape[-1:], layer.before, self.eps), layer, i, cos, sin, new, masks))
            x = layer.fed(x, self.eps)
        return x

    def _attend(
        self, x: Tensor, layer: Layer, i: int, cos: Tensor, sin: Tensor, new: Sequence[New], masks: Sequence[Tensor | None]
    ) -> Tensor:
        heads, pairs, lengths = self.config.num_attention_heads, self.config.num_key_value_heads, [n for _, n in new]
        mixed = layer.qkv(x)[: sum(lengths)].view(1, sum(lengths), heads + 2 * pairs, -1).transpose(1, 2)
        turned, out, at = _turned(mixed[:, : heads + pairs], cos, sin), torch.zeros_like(x), 0
        parts = zip(turned.split(lengths, 2), mixed[:, heads + pairs :].split(lengths, 2), new, masks, strict=True)
        for part, values, (row, n), mask in parts:
            queries, keys = part.split([heads, pairs], 1)
            keys, values = row.update(keys, values, i)
            seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, enable_gqa=heads != pairs)
            out[at : at + n] = seen[0].transpose(0, 1).flatten(1)
            at += n
        return out


class CpuVisionTower:
    """Qwen2.5-VL's vision tower, for one image at a time."""

    def __init__(self, visual: Any) -> None:
        self.visual, self.config, self.merge = visual, visual.config, visual.spatial_merge_size**2
        self.embed = Linear(visual.patch_embed.proj.weight.detach().float().flatten(1))
        self.layers = [_vision_layer(block) for block in visual.blocks]
        self.norm, merge = visual.merger.ln_q, visual.merger.mlp
        self.wide, self.narrow = _linear([merge[0]], torch.float32), _linear([merge[2]], torch.float32)
        self.last = self.norm.weight.detach().float()
        self.plan = lru_cache(maxsize=64)(self._plan)

    @torch.inference_mode()
    def __call__(self, pixels: dict[str, Tensor]) -> Tensor:
        """[visual tokens, hidden] of one image's `pixel_values` [n, values] and `image_grid_thw` [1, 3]."""
        patches = pixels["pixel_values"]
        order, windows, cos, sin = self.plan(tuple(pixels["image_grid_thw"][0].tolist()))
        n = len(patches)
        x = self.embed(_padded(patches.float()))[:n].unflatten(0, (-1, self.merge))[order].flatten(0, 1)
        x = _padded(x)
        for i, layer in enumerate(self.layers):
            lengths = [n] if i in self.config.fullatt_block_indexes else windows
            x = x + layer.out(self._attend(F.rms_norm(x, x.shape[-1:], layer.before, 1e-6), layer, cos, sin, lengths))
            x = layer.fed(x, 1e-6)
        x = F.rms_norm(x[:n], x.shape[-1:], self.last, 1e-6).view(n // self.merge, -1)
        merged = self.narrow(F.gelu(self.wide(_padded(x))))[: len(x)]
        return merged[order.argsort()]

    def _plan(self, grid: tuple[int, int, int]) -> tuple[Tensor, list[int], Tensor, Tensor]:
        """Of an image: the order in which visual tokens are read, patches a window, and the rope's cosines and sines."""
        from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as theirs

        c, thw = self.config, torch.tensor([grid])
        order, ends = theirs.get_vision_window_index(thw, c.spatial_merge_size, c.window_size, c.patch_size)
        positions = theirs.get_vision_position_ids(thw, c.spatial_merge_size)
        turns = (t.unflatten(0, (-1, self.merge))[order].flatten(0, 1) for t in self.visual.rotary_pos_emb(positions, positions))
        cos, sin = (t.float()[None] for t in turns)
        return order, ends.diff().tolist(), cos, sin

    def _attend(self, x: Tensor, layer: Layer, cos: Tensor, sin: Tensor, lengths: Sequence[int]) -> Tensor:
        n, heads, out, at = sum(lengths), self.config.num_heads, torch.zeros_like(x), 0
        mixed = layer.qkv(x)[:n].view(n, 3 * heads, -1).transpose(0, 1)
        turned, values = _turned(mixed[: 2 * heads], cos, sin), mixed[2 * heads :]
        for part, value in zip(turned.split(lengths, 1), values.split(lengths, 1), strict=True):
            queries, keys = part.split(heads)
            seen = F.scaled_dot_product_attention(queries[None], keys[None], value[None])
            out[at : at + part.shape[1]] = seen[0].transpose(0, 1).flatten(1)
            at += part.shape[1]
        return out


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions applied to [..., n, width]."""
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def fits_cpu_model(base: Any) -> bool:
    """Whether a part of a model, as it is now, is small, on a CPU and of linear maps that can be copied."""
    maps = [m for m in base.modules() if hasattr(m, "in_features") and not hasattr(m, "base_layer")]
    plain = all(type(m).__name__ in PLAIN for m in maps)
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
    qkv, out, gate_up, down = (_linear(some, dtype) for some in maps)
    before, between = (norm.weight.detach().to(dtype) for norm in norms)
    return Layer(qkv, out, gate_up, down, before, between)


@torch.no_grad()
def _linear(modules: Sequence[Any], dtype: torch.dtype) -> Linear:
    """Several linear maps of the same input as one."""
    biases = [m.bias.to(dtype) for m in modules if m.bias is not None]
    return Linear(torch.cat([_weight(m).to(dtype) for m in modules]), torch.cat(biases) if biases else None)


def _weight(module: Any) -> Tensor:
    """A linear map's float32 weight [out, in]: dequantised if it is in 4 bit, with its serving LoRA added."""
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
