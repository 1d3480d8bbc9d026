"""Runs the language model of a Qwen2.5-VL on rows of tokens whose keys and values are kept, and can be taken back.

Two ways with one result: the model's own modules, or, for a small model on a CPU, a float32 copy of its weights (4-bit
ones dequantised, LoRA added in), because there the modules' overhead is many times the arithmetic. The copy takes four
bytes per weight beside the 4-bit ones, so it is only made of models up to `SMALL` weights. Float32 has a second
virtue: rounding no longer depends on how many tokens run together, so a checked draft equals step-by-step decoding.

Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SMALL = 64_000_000
New = tuple["Rows", int]  # a row, and how many new tokens it gets


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

    def move(self, row: int, n: int) -> None:
        """Keep the `n` tokens that were last written behind the row."""
        self.lengths[row] += n

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


class Packed:
    """Rows of their own, whose new tokens run one behind the other instead of padded to the longest."""

    def __init__(self, rows: Sequence[Rows]) -> None:
        self.rows = list(rows)

    @property
    def lengths(self) -> list[int]:
        return [row.lengths[0] for row in self.rows]

    def move(self, row: int, n: int) -> None:
        """Keep the `n` tokens that were last written behind the row."""
        self.rows[row].lengths[0] += n

    @classmethod
    def of(cls, kept: Sequence[list[tuple[Tensor, Tensor]]]) -> Packed:
        """Rows that begin with what was kept of each."""
        return cls([Rows.of([row]) for row in kept])


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
    """Reads tokens behind rows of kept ones, several rows together. Lengths of rows are the caller's to move on."""

    def __init__(self, base: Any, way: Modules | Copy) -> None:
        self._base, self._way = base, way
        self.settles = isinstance(way, Copy)
        self.layers = base.config.get_text_config().num_hidden_layers
        self.device = str(base.device)

    def rows(self, kept: Sequence[list[tuple[Tensor, Tensor]]]) -> Rows | Packed:
        """Rows that begin with what was kept of each; as `extend` wants them."""
        return self._way.rows(kept)

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> Tensor:
        """[n, hidden]"""
        return self._base.get_input_embeddings()(torch.tensor(ids, dtype=torch.long, device=self.device))

    @torch.inference_mode()
    def read(self, embedded: Tensor, positions: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What to keep of one row of embedded tokens [n, hidden] at rope positions [3, 1, n]; nothing comes before it."""
        rows = Rows(1, self.layers)
        self._way(embedded[None], positions.to(self.device), rows, rows.mask(len(embedded), self.device))
        rows.move(0, len(embedded))
        return rows.kept()

    @torch.inference_mode()
    def extend(self, ids: Sequence[Sequence[int]], offsets: Sequence[int], rows: Rows | Packed) -> list[Tensor]:
        """Float32 logits [n, V] of each row's new text tokens; a row may have none. Offset = rope position minus length."""
        return self._way.extend(self, ids, [n + o for n, o in zip(rows.lengths, offsets, strict=True)], rows)

    def settle(self, kept: list[tuple[Tensor, Tensor]], offset: int, ids: Sequence[int]) -> Tensor:
        """Logits [V] after `ids` behind what was kept, in float64 and from scratch: they depend on nothing else.

        Decides between tokens so close that in float32 the company a token was run in would decide.
        """
        exact = Language(self._base, Copy(self._base, torch.float64))
        rows = exact.rows([[(k.double(), v.double()) for k, v in kept]])
        return exact.extend([list(ids)], [offset], rows)[0][-1].float()


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
    """The model's own modules; rows are padded to the longest."""

    rows = Rows.of

    def __init__(self, base: Any) -> None:
        self.base = base

    def __call__(self, embedded: Tensor, positions: Tensor, rows: Rows, mask: Tensor | None) -> Tensor:
        """[B, n, hidden] of embedded tokens [B, n, hidden] at rope positions [3, B, n]."""
        masks = {"full_attention": mask, "sliding_attention": mask}
        out = self.base.model.language_model(
            inputs_embeds=embedded, position_ids=positions, attention_mask=masks, past_key_values=rows, use_cache=True
        )
        return out.last_hidden_state

    def extend(self, language: Language, ids: Sequence[Sequence[int]], starts: Sequence[int], rows: Rows) -> list[Tensor]:
        n = max(map(len, ids))
        padded = [token for row in ids for token in (*row, *[0] * (n - len(row)))]
        positions = torch.tensor(starts)[:, None] + torch.arange(n)
        embedded = language.embed(padded).view(len(ids), n, -1)
        positions = positions.expand(3, -1, -1).to(language.device)
        out = self(embedded, positions, rows, rows.mask(n, language.device))
        return [self.base.lm_head(row[: len(own)]).float() for row, own in zip(out, ids, strict=True)]


class Copy:
    """Qwen2.5's text layers written out, with every weight in one float type; rows are packed one behind the other."""

    rows = Packed.of

    def __init__(self, base: Any, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        model = base.model.language_model
        self.config, self.rope = base.config.get_text_config(), model.rotary_emb
        self.layers = [_layer(layer, dtype) for layer in model.layers]
        self.norm, self.head = model.norm.weight.to(dtype), base.lm_head.weight.to(dtype)
        self.eps = self.config.rms_norm_eps

    def extend(self, language: Language, ids: Sequence[Sequence[int]], starts: Sequence[int], rows: Packed) -> list[Tensor]:
        embedded = language.embed([token for row in ids for token in row])[None]
        positions = torch.cat([torch.arange(start, start + len(row)) for row, start in zip(ids, starts, strict=True)])
        new = [(row, len(own)) for row, own in zip(rows.rows, ids, strict=True) if own]
        out = self._through(embedded, positions.expand(3, 1, -1), new, [row.mask(n, "cpu") for row, n in new])
        return list(F.linear(self._normed(out[0], self.norm), self.head).split([len(row) for row in ids]))

    def __call__(self, embedded: Tensor, positions: Tensor, rows: Rows, mask: Tensor | None) -> Tensor:
        """[1, n, hidden] of one row's embedded tokens [1, n, hidden] at rope positions [3, 1, n]."""
        return self._through(embedded, positions, [(rows, embedded.shape[1])], [mask])

    def _through(self, embedded: Tensor, positions: Tensor, new: Sequence[New], masks: Sequence[Tensor | None]) -> Tensor:
        x = embedded.to(self.dtype)
        cos, sin = (t[:, None] for t in self.rope(x, positions))
        for i, layer in enumerate(self.layers):
            x = x + self._attend(self._normed(x, layer.before), layer, i, cos, sin, new, masks)
            gate, up = F.linear(self._normed(x, layer.between), layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        return x

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), weight, self.eps)

    def _attend(
        self, x: Tensor, layer: Layer, i: int, cos: Tensor, sin: Tensor, new: Sequence[New], masks: Sequence[Tensor | None]
    ) -> Tensor:
        _, n, hidden = x.shape
        heads, pairs = self.config.num_attention_heads, self.config.num_key_value_heads
        mixed = F.linear(x, layer.qkv, layer.qkv_bias).view(1, n, heads + 2 * pairs, -1).transpose(1, 2)
        turned = mixed[:, : heads + pairs]
        turned = turned * cos + _half_turned(turned) * sin
        lengths, seen = [n for _, n in new], []
        parts = zip(turned.split(lengths, 2), mixed[:, heads + pairs :].split(lengths, 2), new, masks, strict=True)
        for part, values, (row, _), mask in parts:
            queries, keys = part.split([heads, pairs], 1)
            keys, values = row.update(keys, values, i)
            seen.append(F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, enable_gqa=heads != pairs))
        return F.linear(torch.cat(seen, 2).transpose(1, 2).reshape(1, n, hidden), layer.out)


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
