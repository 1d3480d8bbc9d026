"""Stages b and c: the language model learns to read the visual tokens out as an answer; in c the vision tower learns along.

Three extra losses make the reading learnable in an hour instead of a day. None of them is needed afterwards:

* link: one attention head lets each owner token look at the owner before it of the same class (or at <|vision_start|>);
* pointer: one attention head lets each text token look at the owner of the object it is about to write about
  (or at <|vision_end|> when the list is over): together with `link`, an induction head over objects;
* reader: after two layers every token inside an object can state the object's absolute box as number embeddings.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb

from finetune.data.drawings import Sample
from finetune.tiny import TOKEN_PX
from finetune.tiny.data import batches, load_split
from finetune.tiny.loop import Log, Optimiser, load, quantized_weights, save
from finetune.tiny.model import Reader, number_ids
from finetune.tiny.prompts import TokenizedAnswer, tokenize_answer
from finetune.tiny.targets import FADING, dense_loss, dense_targets, order_and_owners, patches
from finetune.tiny.teacher import DistillationHint
from finetune.tiny.tokenizer import NUMBERS
from finetune.train.ordinal_loss import deviation, gaussian_targets
from pdc.inference.dense_head import DenseHead

LINK_LAYER, POINTER_LAYER, READER_LAYER = 2, 4, 2
HEADS = 2  # the first two query heads (one key-value group) of those layers are taught
SHARP = 0.03, 0.7  # a coordinate's target is a Gaussian: its deviation in sides of the object, and the least in pixels
WEIGHTS = {"say": 1.0, "number": 1.0, "pointer": 0.5, "link": 0.5, "reader": 0.5, "heat": 0.3, "box": 0.3, "hint": 0.3}


@dataclass(frozen=True, slots=True)
class ReadingStageConfig:
    steps: int = 2000
    """optimiser steps"""
    batch: int = 16
    """crops per step, one question each"""
    muon_lr: float = 4e-3
    """learning rate of Muon"""
    adam_lr: float = 2e-3
    """learning rate of AdamW"""
    decay: float = 0.35
    """share of the steps over which the rates fall to zero"""
    vision: bool = False
    """train the vision tower too (stage c)"""
    joined_from: float = 0.6
    """share of the steps after which the vision tower also learns from the answers; before, from its dense head alone"""
    seed: int = 2
    """seeds crops and questions"""
    served_from: float = 0.8
    """share of the steps after which the language model computes with weights rounded to 4 bit, as it will serve"""
    checkpoint_every: int = 200
    """steps"""


@dataclass(frozen=True, slots=True)
class Batch:
    """ids [B, T] with pad after the answer; target [B, T] next token or -100; number [B, T] its value or -1; size [B, T]
    side of its object in pixels;
    pointer [B, T] visual token or N for none, -1 untaught; link [B, N] visual token + 1 or 0 for none, -1 untaught;
    fade [B] weight of each of a crop's tokens: a lone polyp must not drown among images of 40 cells."""

    ids: Tensor
    positions: Tensor
    target: Tensor
    number: Tensor
    size: Tensor
    pointer: Tensor
    link: Tensor
    fade: Tensor
    first: int


class AttentionSupervision:
    """Recomputes the attention logits of the taught heads of one layer from what went into it."""

    def __init__(self, layer: Any) -> None:
        self.attention, self.seen = layer.self_attn, None
        self.attention.register_forward_pre_hook(self._keep, with_kwargs=True)

    def _keep(self, _module: nn.Module, _args: tuple, kwargs: dict) -> None:
        self.seen = kwargs["hidden_states"], kwargs["position_embeddings"]

    def logits(self, queries: slice, keys: slice) -> Tensor:
        """[B, HEADS, queries, keys] before the softmax."""
        hidden, (cos, sin) = self.seen
        a = self.attention
        q = a.q_proj(hidden).unflatten(-1, (-1, a.head_dim))[:, :, :HEADS].transpose(1, 2)
        k = a.k_proj(hidden).unflatten(-1, (-1, a.head_dim))[:, :, :1].transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, cos, sin)
        return (q[:, :, queries] @ k[:, :, keys].transpose(-1, -2)).float() * a.scaling


def train_reading(
    model: Any,
    tokenizer,
    head: DenseHead,
    reader: Reader,
    hint: DistillationHint,
    data: Path,
    out: Path,
    config: ReadingStageConfig,
    name: str,
) -> None:
    """Train in place; checkpoints and log go to `out` under `name`."""
    visual, language = model.model.visual, model.model.language_model
    visual.requires_grad_(config.vision)
    modules = {"model": model, "head": head, "reader": reader, "hint": hint}
    trained = [language, reader, *([visual, head, hint] if config.vision else [])]
    optimiser = Optimiser(trained, config.steps, config.muon_lr, config.adam_lr, config.decay)
    start = load(out / f"{name}.pt", modules, optimiser)
    log, train = Log(out / f"{name}.jsonl", every=25), load_split(data, "train")
    link, point = AttentionSupervision(language.layers[LINK_LAYER]), AttentionSupervision(language.layers[POINTER_LAYER])
    inner = AttentionSupervision(language.layers[READER_LAYER])
    ids = number_ids(tokenizer)
    for step, samples in batches(train, config.batch, config.seed, start, config.steps):
        rng = np.random.default_rng([config.seed, step, 7])
        pairs = sorted(((tokenize_answer(tokenizer, s, rng), s) for s in samples), key=lambda pair: len(pair[0].answer))
        sums: dict[str, float] = {}
        for half in (pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]):  # short answers apart: less padding
            crops, written = [s for _, s in half], [w for w, _ in half]
            made, taught = make_batch(crops, written, tokenizer), (link, point, inner)
            joined = config.vision and step >= config.joined_from * config.steps
            rounded = config.vision and step >= config.served_from * config.steps
            with quantized_weights(language) if rounded else nullcontext():
                losses = _losses(model, head, reader, hint, crops, made, taught, ids, vision=config.vision, joined=joined)
                (sum(WEIGHTS[k] * v for k, v in losses.items() if k in WEIGHTS) / 2).backward()
            for k, v in losses.items():
                sums[k] = sums.get(k, 0.0) + float(v.detach()) / 2
        norm = optimiser.step(step)
        log.add(step + 1, **sums, norm=norm)
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            save(out / f"{name}.pt", step + 1, modules, optimiser)


def make_batch(samples: list[Sample], written: list[TokenizedAnswer], tokenizer) -> Batch:
    h, w = (s // TOKEN_PX for s in samples[0].image.shape[:2])
    n, first = h * w, len(written[0].before)
    length = first + n + max(len(x.after) + len(x.answer) for x in written)
    shape = len(written), length
    ids = torch.full(shape, tokenizer.pad_token_id)
    target, number, pointer = torch.full(shape, -100), torch.full(shape, -1), torch.full(shape, -1)
    link, size = torch.full((len(written), n), -1), torch.ones(shape)
    for b, (sample, x) in enumerate(zip(samples, written, strict=True)):
        row = [*x.before, *[tokenizer.convert_tokens_to_ids("<|image_pad|>")] * n, *x.after, *x.answer]
        ids[b, : len(row)] = torch.tensor(row)
        start = len(row) - len(x.answer) - 1  # the position that predicts the answer's first token
        said = slice(start, start + len(x.answer))
        target[b, said], number[b, said] = torch.tensor(x.answer), torch.tensor(x.number)
        order, owners = order_and_owners(sample)
        place = {int(k): int(o) for k, o in zip(order, owners, strict=True)}
        pointer[b, said] = torch.tensor([{-1: -1, -2: n}.get(k, place.get(k, -1)) for k in x.about])
        sides = np.sqrt((sample.boxes[:, 2:] - sample.boxes[:, :2]).prod(1))
        size[b, said] = torch.tensor([float(sides[k]) if k >= 0 else 1.0 for k in x.about])
        last: dict[int, int] = {}
        for k, owner in zip(order, owners, strict=True):
            c = int(sample.classes[k])
            if last.get(c, -1) < owner:
                link[b, owner] = last.get(c, -1) + 1
            last[c] = int(owner)
    fade = torch.tensor([max(len(s.boxes), 1) ** -FADING for s in samples])
    return Batch(ids, _positions(first, h, w, length), target, number, size, pointer, link, fade, first)


def _positions(first: int, h: int, w: int, length: int) -> Tensor:
    """mRoPE positions [3, 1, T]: text, then the image's (time, row, column), then text from the largest on."""
    rows, cols = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    image = torch.stack([torch.zeros(h * w, dtype=torch.long), rows.flatten(), cols.flatten()]) + first
    before = torch.arange(first).expand(3, -1)
    after = (torch.arange(length - first - h * w) + first + max(h, w)).expand(3, -1)
    return torch.cat([before, image, after], 1)[:, None]


def _losses(
    model, head, reader, hint, samples, batch: Batch, taught, ids: Tensor, *, vision: bool, joined: bool
) -> dict[str, Tensor]:
    b, n, first = len(samples), batch.link.shape[1], batch.first
    table = model.get_input_embeddings().weight
    link, point, inner = taught
    image = slice(first, first + n)
    pixels, grid = patches([s.image for s in samples])
    dense = dense_targets(samples)
    losses: dict[str, Tensor] = {}
    with torch.autocast("cpu", torch.bfloat16):
        with torch.set_grad_enabled(vision):
            seen = model.model.visual(pixels, grid).pooler_output.view(b, n, -1)
        if vision:
            losses["heat"], losses["box"] = dense_loss(*head(seen), dense)
            losses["hint"] = hint(seen, samples)
        if not joined:
            seen = seen.detach()
        embeds = torch.cat([table[batch.ids[:, :first]], seen.to(table.dtype), table[batch.ids[:, first + n :]]], 1)
        states = model.model.language_model(
            inputs_embeds=embeds, position_ids=batch.positions.expand(3, b, -1), use_cache=False
        ).last_hidden_state
        said = batch.target >= 0
        logits = (states[said] @ table.T).float()
        pointing = point.logits(slice(None), slice(first, first + n + 1))
        linking = link.logits(image, slice(first - 1, first + n))
        inside = dense.weight > 0.8
        boxes = reader(inner.seen[0][:, image][inside], table[ids]).float()
    weight = batch.fade[:, None].expand_as(said)[said]
    losses["say"], losses["number"], losses["off"] = _token_losses(
        logits, batch.target[said], batch.number[said], batch.size[said], weight, ids
    )
    losses["pointer"], losses["pointed"] = _attention_loss(pointing, batch.pointer, batch.fade)
    later = torch.ones(n, n + 1).triu(2).bool()  # a token cannot look at those after it; column 0 is <|vision_start|>
    losses["link"], losses["linked"] = _attention_loss(linking.masked_fill(later, -1e9), batch.link, batch.fade)
    losses["reader"] = _reader_loss(boxes, dense, inside, samples[0].image.shape, batch.fade)
    return losses


def _token_losses(
    logits: Tensor, target: Tensor, number: Tensor, size: Tensor, weight: Tensor, ids: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(cross entropy of words, of numbers against a Gaussian, mean error of the likeliest number in pixels)."""
    is_number = number >= 0
    words = nn.functional.cross_entropy(logits[~is_number], target[~is_number], reduction="none")
    say = _mean(words, weight[~is_number])
    if not is_number.any():
        return say, logits.sum() * 0, torch.zeros(())
    wanted = number[is_number]
    log_p = logits[is_number].log_softmax(-1)[:, ids]
    off = (log_p.argmax(-1) - wanted).abs().float().mean()
    return (
        say,
        _mean(-(gaussian_targets(wanted, deviation(size[is_number], *SHARP), NUMBERS) * log_p).sum(-1), weight[is_number]),
        off,
    )


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum()


def _attention_loss(logits: Tensor, target: Tensor, fade: Tensor) -> tuple[Tensor, Tensor]:
    """(cross entropy, share right) of taught heads; logits [B, HEADS, q, k], target [B, q] with -1 untaught."""
    taught = target >= 0
    if not taught.any():
        return logits.sum() * 0, torch.zeros(())
    chosen = logits.transpose(1, 2)[taught]  # [m, HEADS, k]
    wanted = target[taught][:, None].expand(-1, HEADS)
    loss = nn.functional.cross_entropy(chosen.transpose(1, 2), wanted, reduction="none").mean(-1)
    return _mean(loss, fade[:, None].expand_as(target)[taught]), (chosen.argmax(-1) == wanted).float().mean()


def _reader_loss(logits: Tensor, dense, inside: Tensor, shape: tuple[int, ...], fade: Tensor) -> Tensor:
    h, w = shape[0] // TOKEN_PX, shape[1] // TOKEN_PX
    ys, xs = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    at = torch.stack([xs, ys, xs, ys], -1).view(1, -1, 4)
    wanted = ((dense.box + at) * TOKEN_PX).round().long().clamp(0, 999)[inside]
    if not len(wanted):
        return logits.sum() * 0
    size = (dense.box[..., 2:] - dense.box[..., :2]).prod(-1).sqrt()[inside] * TOKEN_PX
    spread = gaussian_targets(wanted.flatten(), deviation(size.repeat_interleave(4), *SHARP), NUMBERS)
    weight = fade[:, None].expand_as(inside)[inside].repeat_interleave(4)
    return _mean(-(spread * logits.flatten(0, 1).log_softmax(-1)).sum(-1), weight)
