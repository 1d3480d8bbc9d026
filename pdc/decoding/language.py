"""Runs the language model of a Qwen2.5-VL on rows of tokens whose keys and values are kept, and can be taken back.

Two ways with one result: the model's own modules, or, for a small model on a CPU, a float32 copy of its weights (4-bit
ones dequantised, LoRA added in), because there the modules' overhead is many times the arithmetic. The copy takes four
bytes per weight beside the 4-bit ones, so it is only made of models up to `SMALL` weights. Float32 has a second
virtue: rounding no longer depends on how many tokens run together, so a checked draft equals step-by-step decoding.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SMALL = 64_000_000


class Rows:
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
        if old is None or old[0].shape[2] < end:
            capacity = max(end + 256, 2 * (old[0].shape[2] if old else 0))
            grown = []
            for i, like in enumerate((keys, values)):
                room = like.new_zeros(len(self.lengths), like.shape[1], capacity, like.shape[3])
                if old is not None:
                    room[:, :, : old[i].shape[2]] = old[i]
                grown.append(room)
            self._kept[layer] = (grown[0], grown[1])
        return self._kept[layer]

    def mask(self, n: int, device: str) -> Tensor | None:
        """[B, 1, n, keys] True where token i of a row's `n` new ones may look; None when it may look everywhere."""
        if n == 1 and len(set(self.lengths)) == 1:
            return None
        at = torch.arange(n, device=device)[None, :, None] + torch.tensor(self.lengths, device=device)[:, None, None]
        return (torch.arange(max(self.lengths) + n, device=device) <= at)[:, None]

    def kept(self, row: int = 0) -> list[tuple[Tensor, Tensor]]:
        """A copy of one row's keys and values, [heads, length, width] per layer."""
        n = self.lengths[row]
        return [(k[row, :, :n].clone(), v[row, :, :n].clone()) for k, v in self._kept]

    @classmethod
    def of(cls, kept: Sequence[list[tuple[Tensor, Tensor]]]) -> Rows:
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


@dataclass(frozen=True, slots=True)
class Layer:
    qkv: Tensor
    qkv_bias: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor
    before: Tensor
    between: Tensor


class Language:
    """`run` takes embedded tokens [B, n, hidden] and rope positions [3, B, n] and gives float32 logits [B, n, V]."""

    def __init__(self, base: Any, run: Callable[[Tensor, Tensor, Rows], Tensor]) -> None:
        self._base, self._run = base, run
        self.settles = isinstance(run, Copy)
        self.layers = base.config.get_text_config().num_hidden_layers
        self.device = str(base.device)

    @torch.inference_mode()
    def embed(self, ids: Sequence[Sequence[int]]) -> Tensor:
        return self._base.get_input_embeddings()(torch.tensor(ids, device=self.device))

    @torch.inference_mode()
    def run(self, embedded: Tensor, positions: Tensor, rows: Rows) -> Tensor:
        """Lengths of `rows` are the caller's to move on: by as many tokens as it keeps."""
        return self._run(embedded, positions.to(self.device), rows)

    def extend(self, ids: Sequence[Sequence[int]], offsets: Sequence[int], rows: Rows) -> Tensor:
        """Text tokens (equally many a row; pad with any id) behind each row; offset = rope position minus length."""
        n = len(ids[0])
        starts = torch.tensor([length + o for length, o in zip(rows.lengths, offsets, strict=True)])
        positions = (starts[:, None] + torch.arange(n)).expand(3, -1, -1)
        return self.run(self.embed(ids), positions, rows)

    def settle(self, kept: list[tuple[Tensor, Tensor]], offset: int, ids: Sequence[int]) -> Tensor:
        """Logits [V] after `ids` behind what was kept, in float64 and from scratch: they depend on nothing else.

        Decides between tokens so close that in float32 the company a token was run in would decide.
        """
        rows = Rows.of([[(k.double(), v.double()) for k, v in kept]])
        exact = Language(self._base, Copy(self._base, torch.float64))
        return exact.extend([list(ids)], [offset], rows)[0, -1].float()


def language_of(base: Any) -> Language:
    """The faster way that gives the same answers for this model, on its device, with its adapter as it is now."""
    model = base.model.language_model
    weights = sum(_weights(m) for m in model.modules() if hasattr(m, "in_features") and not hasattr(m, "base_layer"))
    plain = all(type(m).__name__ in PLAIN for layer in model.layers for m in _linears(layer))
    if str(base.device) == "cpu" and weights <= SMALL and plain:
        return Language(base, Copy(base))
    return Language(base, Modules(base))


PLAIN = ("Linear", "Linear4bit")


class Modules:
    """The model's own modules."""

    def __init__(self, base: Any) -> None:
        self.base = base

    def __call__(self, embedded: Tensor, positions: Tensor, rows: Rows) -> Tensor:
        mask = rows.mask(embedded.shape[1], str(embedded.device))
        masks = {"full_attention": mask, "sliding_attention": mask}
        out = self.base.model.language_model(
            inputs_embeds=embedded, position_ids=positions, attention_mask=masks, past_key_values=rows, use_cache=True
        )
        return self.base.lm_head(out.last_hidden_state).float()


class Copy:
    """Qwen2.5's text layers written out, with every weight in one float type."""

    def __init__(self, base: Any, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        model = base.model.language_model
        self.config, self.rope = base.config.get_text_config(), model.rotary_emb
        self.layers = [_layer(layer, dtype) for layer in model.layers]
        self.norm, self.head = model.norm.weight.to(dtype), base.lm_head.weight.to(dtype)
        self.eps = self.config.rms_norm_eps

    def __call__(self, embedded: Tensor, positions: Tensor, rows: Rows) -> Tensor:
        x = embedded.to(self.dtype)
        cos, sin = (t[:, None] for t in self.rope(x, positions))
        mask = rows.mask(x.shape[1], "cpu")
        for i, layer in enumerate(self.layers):
            x = x + self._attend(self._normed(x, layer.before), layer, i, cos, sin, mask, rows)
            gate, up = F.linear(self._normed(x, layer.between), layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        return F.linear(self._normed(x, self.norm), self.head)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), weight, self.eps)

    def _attend(self, x: Tensor, layer: Layer, i: int, cos: Tensor, sin: Tensor, mask: Tensor | None, rows: Rows) -> Tensor:
        b, n, hidden = x.shape
        heads, pairs = self.config.num_attention_heads, self.config.num_key_value_heads
        mixed = F.linear(x, layer.qkv, layer.qkv_bias).view(b, n, heads + 2 * pairs, -1).transpose(1, 2)
        queries, keys, values = mixed.split([heads, pairs, pairs], 1)
        turned = mixed[:, : heads + pairs]
        turned = turned * cos + _half_turned(turned) * sin
        queries, keys = turned.split([heads, pairs], 1)
        keys, values = rows.update(keys, values, i)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, enable_gqa=heads != pairs)
        return F.linear(seen.transpose(1, 2).reshape(b, n, hidden), layer.out)


def _half_turned(x: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


def _layer(layer: Any, dtype: torch.dtype) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    qkv = [attention.q_proj, attention.k_proj, attention.v_proj]
    weights = (
        torch.cat([_weight(m) for m in qkv]), torch.cat([m.bias for m in qkv]), _weight(attention.o_proj),
        torch.cat([_weight(mlp.gate_proj), _weight(mlp.up_proj)]), _weight(mlp.down_proj),
        layer.input_layernorm.weight, layer.post_attention_layernorm.weight,
    )  # fmt: skip
    return Layer(*(w.detach().to(dtype) for w in weights))


def _linears(layer: Any) -> list[Any]:
    """What stands where the linear maps of a layer are: the maps themselves, or what an adapter put around them."""
    a, m = layer.self_attn, layer.mlp
    maps = (a.q_proj, a.k_proj, a.v_proj, a.o_proj, m.gate_proj, m.up_proj, m.down_proj)
    return [getattr(x, "base_layer", x) for x in maps]


def _weights(module: Any) -> int:
    return module.in_features * module.out_features


@torch.no_grad()
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
