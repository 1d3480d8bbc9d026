"""Stages b and c: the language model learns to read the visual tokens out as an answer; in c the vision tower learns too.

Plain next-token training would take days to find how. Attention supervision takes an hour: some heads are told where to
look, by a cross entropy on their attention, as in guided alignment for translation (Chen et al. 2016, arXiv 1607.01628).
Together they make an induction head over objects (Olsson et al. 2022, arXiv 2209.11895): find the last object, take its
successor.

* link: each owner token attends to the owner before it of the same class (the first one to <|vision_start|>);
* pointer: each text token attends to the owner of the object it is about to write (to <|vision_end|> when the list is over).

A third loss, `reader`, is a probe: after two layers every token inside an object must state the object's absolute box as
number embeddings. None of the three is needed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb

from finetune.tiny import TOKEN_PX
from finetune.tiny.crops.batch import Crops, cut, described, features
from finetune.tiny.crops.pixels import ImageStore
from finetune.tiny.crops.views import MIXTURE, Catalogue, View, batch_of_views, order_and_owners
from finetune.tiny.loop import Budget, Log, Machine, Optimiser, load, moved, prepared, quantized_weights, save
from finetune.tiny.model import Reader, number_ids
from finetune.tiny.prompts import END, NONE, TokenizedAnswer, tokenize_answer
from finetune.tiny.targets import FADING, dense_loss
from finetune.tiny.teacher import HINTED, Distillation
from finetune.tiny.tokenizer import NUMBERS
from finetune.train.ordinal_loss import deviation, gaussian_targets
from pdc.inference.dense_head import DenseHead

LINK_LAYER, POINTER_LAYER, READER_LAYER = 2, 4, 2
HEADS = 2  # the first two query heads of those layers are supervised: one group, which shares its keys
SHARP = 0.03, 0.7  # a coordinate's Gaussian target (ordinal_loss): deviation in sides of the object, and the least in pixels
UNTAUGHT = -1  # a target of a token whose attention is free
INSIDE = 0.8  # the box loss's weight from which a visual token counts as inside its object
# Of the losses: next token, next coordinate, the two supervised heads, the probe, the dense head's two, and distillation.
WEIGHTS = {"say": 1.0, "number": 1.0, "pointer": 0.5, "link": 0.5, "reader": 0.5, "heat": 0.3, "box": 0.3, "hint": 0.3}


@dataclass(frozen=True, slots=True)
class ReadingStageConfig:
    """The hyperparameters of stage b or c."""

    steps: int = 2000
    """optimiser steps"""
    seconds: float | None = None
    """of training, where they run out before the steps"""
    batch: int = 16
    """crops per step, one question each"""
    muon_lr: float = 4e-3
    """learning rate of Muon"""
    adam_lr: float = 2e-3
    """learning rate of AdamW"""
    decay: float = 0.35
    """share of the training over which the rates fall to zero"""
    vision: bool = False
    """train the vision tower too (stage c)"""
    joined_from: float = 0.6
    """share of the training after which the vision tower also learns from the answers; before, from its dense head alone"""
    hints: int | None = None
    """crops of half a batch that the teacher sees; None: all of its kinds"""
    blends: bool = False
    """learn from the teacher on blends of crops too"""
    seed: int = 2
    """seeds crops and questions"""
    served_from: float = 0.8
    """share of the training after which the language model computes with weights rounded to 4 bit, as it will serve"""
    checkpoint_every: int = 200
    """steps"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops with their questions and answers, as one padded batch of B rows and T tokens, N of them visual.

    ids [B, T], padded behind the answer; positions [3, 1, T], M-RoPE; target [B, T] next token or -100;
    number [B, T] the target's value or -1; size [B, T] side of its object in pixels;
    pointer [B, T] visual token, or N for none; link [B, N] visual token + 1, or 0 for none; both UNTAUGHT where free;
    fade [B] weight of each of a crop's tokens: a lone polyp must not drown among images of 40 cells;
    first: index of the first visual token.
    """

    ids: Tensor
    positions: Tensor
    target: Tensor
    number: Tensor
    size: Tensor
    pointer: Tensor
    link: Tensor
    fade: Tensor
    first: int

    def to(self, device: torch.device) -> Batch:
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self) if f.name != "first"}
        return replace(self, **moved)


class AttentionSupervision:
    """The attention logits of one layer's supervised heads, recomputed from the layer's input.

    The fused attention kernels do not give them out. `hidden` is that input, normed [B, T, hidden], of the last pass.
    """

    def __init__(self, layer: Any) -> None:
        self.attention = layer.self_attn
        self.hidden: Tensor | None = None
        self._rope: tuple[Tensor, Tensor] | None = None
        self.attention.register_forward_pre_hook(self._record_input, with_kwargs=True)

    def _record_input(self, _module: nn.Module, _args: tuple, kwargs: dict) -> None:
        self.hidden, self._rope = kwargs["hidden_states"], kwargs["position_embeddings"]

    def logits(self, queries: slice, keys: slice) -> Tensor:
        """q k^T / sqrt(width) [B, HEADS, queries, keys], before mask and softmax."""
        assert self._rope is not None, "the layer has not run yet"
        hidden, (cos, sin), a = self.hidden, self._rope, self.attention
        q = a.q_proj(hidden).unflatten(-1, (-1, a.head_dim))[:, :, :HEADS].transpose(1, 2)
        k = a.k_proj(hidden).unflatten(-1, (-1, a.head_dim))[:, :, :1].transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, cos, sin)
        return (q[:, :, queries] @ k[:, :, keys].transpose(-1, -2)).float() * a.scaling


def train_reading(
    model: Any,
    tokenizer,
    head: DenseHead,
    reader: Reader,
    distillation: Distillation,
    store: ImageStore,
    catalogue: Catalogue,
    out: Path,
    config: ReadingStageConfig,
    name: str,
    machine: Machine,
) -> None:
    """Train in place; checkpoints and log go to `out` under `name`."""
    visual, language = model.model.visual, model.model.language_model
    visual.requires_grad_(config.vision)
    modules = {"model": model, "head": head, "reader": reader, "hint": distillation}
    trained = [language, reader, *([visual, head, distillation] if config.vision else [])]
    optimiser = Optimiser(trained, config.muon_lr, config.adam_lr, config.decay)
    step, spent = load(out / f"{name}.pt", modules, optimiser)
    budget, log = Budget(config.steps, config.seconds, spent), Log(out / f"{name}.jsonl", every=25)
    layers, ids = language.layers, number_ids(tokenizer).to(machine.device)
    supervised = tuple(AttentionSupervision(layers[i]) for i in (LINK_LAYER, POINTER_LAYER, READER_LAYER))

    make = partial(_halves, catalogue, tokenizer, config)
    made = prepared(make, step, machine.workers, machine.on_gpu)
    while (progress := budget.progress(step)) < 1:
        joined, rounded = progress >= config.joined_from, config.vision and progress >= config.served_from
        sums: dict[str, Tensor] = {}
        for half, batch in next(made):
            crops, batch = cut(store, moved(half, machine.device)), batch.to(machine.device)
            with quantized_weights(language) if rounded else nullcontext():
                losses = _losses(
                    model,
                    head,
                    reader,
                    distillation,
                    crops,
                    batch,
                    supervised,
                    ids,
                    vision=config.vision,
                    joined=joined,
                    blends=config.blends,
                )
                weighted = [WEIGHTS[k] * v for k, v in losses.items() if k in WEIGHTS]
                (sum(weighted, torch.zeros((), device=machine.device)) / 2).backward()
            for k, v in losses.items():
                sums[k] = sums.get(k, 0.0) + v.detach() / 2
        norm = optimiser.step(step, progress)
        step += 1
        log.add(step, **sums, norm=norm)
        if step % config.checkpoint_every == 0:
            save(out / f"{name}.pt", step, budget.elapsed, modules, optimiser)
    save(out / f"{name}.pt", step, budget.elapsed, modules, optimiser)


def _halves(catalogue: Catalogue, tokenizer, config: ReadingStageConfig, step: int) -> list[tuple[dict[str, Tensor], Batch]]:
    """The crops of a step with their answers, in two halves: short answers apart, for less padding."""
    rng = np.random.default_rng([config.seed, step, 7])
    views = batch_of_views(catalogue, config.batch, config.seed, step, MIXTURE)
    pairs = sorted(((tokenize_answer(tokenizer, v, rng), v) for v in views), key=lambda pair: len(pair[0].answer))
    made = []
    for i, half in enumerate((pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :])):
        written, shown = [w for w, _ in half], [v for _, v in half]
        about = described(shown, (config.seed, step, i), HINTED, config.hints)
        made.append((about, make_batch(shown, written, tokenizer)))
    return made


def make_batch(views: list[View], written: list[TokenizedAnswer], tokenizer) -> Batch:
    """A batch of crops of one size, with their answers and the targets of the supervised heads."""
    (h, w) = views[0].grid
    n, first = h * w, len(written[0].before)
    length = first + n + max(len(x.after) + len(x.answer) for x in written)
    shape = len(written), length
    ids = torch.full(shape, tokenizer.pad_token_id)
    target, number, pointer = torch.full(shape, -100), torch.full(shape, -1), torch.full(shape, UNTAUGHT)
    link, size = torch.full((len(written), n), UNTAUGHT), torch.ones(shape)
    for b, (view, x) in enumerate(zip(views, written, strict=True)):
        row = [*x.before, *[tokenizer.convert_tokens_to_ids("<|image_pad|>")] * n, *x.after, *x.answer]
        ids[b, : len(row)] = torch.tensor(row)
        start = len(row) - len(x.answer) - 1  # the position that predicts the answer's first token
        answer = slice(start, start + len(x.answer))
        target[b, answer], number[b, answer] = torch.tensor(x.answer), torch.tensor(x.number)
        order, owners = order_and_owners(view)
        owner_of = {int(k): int(o) for k, o in zip(order, owners, strict=True)} | {NONE: UNTAUGHT, END: n}
        pointer[b, answer] = torch.tensor([owner_of.get(k, UNTAUGHT) for k in x.about])
        sides = np.sqrt((view.boxes[:, 2:] - view.boxes[:, :2]).prod(1))
        size[b, answer] = torch.tensor([float(sides[k]) if k >= 0 else 1.0 for k in x.about])
        last: dict[int, int] = {}  # class -> the owner before; two objects of a class in one token are one link
        for k, owner in zip(order, owners, strict=True):
            c = int(view.classes[k])
            if last.get(c, -1) < owner:
                link[b, owner] = last.get(c, -1) + 1
            last[c] = int(owner)
    fade = torch.tensor([max(len(s.boxes), 1) ** -FADING for s in views])
    return Batch(ids, _positions(first, h, w, length), target, number, size, pointer, link, fade, first)


def _positions(first: int, h: int, w: int, length: int) -> Tensor:
    """M-RoPE positions [3, 1, T] (Qwen2-VL, arXiv 2409.12191, section 2.1), of text, image, and text again.

    Text has the same position on all three axes. A visual token has (time, row, column), counted from where the image
    begins; text goes on after the largest of these, not after their number.
    """
    rows, cols = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    image = torch.stack([torch.zeros(h * w, dtype=torch.long), rows.flatten(), cols.flatten()]) + first
    before = torch.arange(first).expand(3, -1)
    after = (torch.arange(length - first - h * w) + first + max(h, w)).expand(3, -1)
    return torch.cat([before, image, after], 1)[:, None]


def _losses(
    model,
    head: DenseHead,
    reader: Reader,
    distillation: Distillation,
    crops: Crops,
    batch: Batch,
    supervised: Sequence[AttentionSupervision],
    ids: Tensor,
    *,
    vision: bool,
    joined: bool,
    blends: bool = False,
) -> dict[str, Tensor]:
    """The losses by the names of WEIGHTS, and three shares and errors for the log (`off`, `pointed`, `linked`).

    `vision`: the tower trains; `joined`: from the answers too, not from its dense head alone.
    """
    b, n, first, device = len(crops), batch.link.shape[1], batch.first, crops.images.device
    table = model.get_input_embeddings().weight
    link, point, inner = supervised
    image = slice(first, first + n)
    dense = crops.dense
    losses: dict[str, Tensor] = {}
    with torch.autocast(device.type, torch.bfloat16):
        with torch.set_grad_enabled(vision):
            seen = features(model.model.visual, crops.images)
        if vision:
            logits, boxes = head(seen)
            losses["heat"], losses["box"] = dense_loss(logits.float(), boxes.float(), dense)
            losses["hint"] = distillation(seen, logits, boxes, crops)
            if blends:
                losses["hint"] = losses["hint"] + distillation.of_blends(model.model.visual, head, crops)
        if not joined:
            seen = seen.detach()
        embeds = torch.cat([table[batch.ids[:, :first]], seen.to(table.dtype), table[batch.ids[:, first + n :]]], 1)
        states = model.model.language_model(
            inputs_embeds=embeds, position_ids=batch.positions.expand(3, b, -1), use_cache=False
        ).last_hidden_state
        answered = batch.target >= 0
        logits = (states[answered] @ table.T).float()  # input and output embeddings are one table
        pointing = point.logits(slice(None), slice(first, first + n + 1))
        linking = link.logits(image, slice(first - 1, first + n))
        inside = dense.weight > INSIDE
        assert inner.hidden is not None, "the layer has run"
        boxes = reader(inner.hidden[:, image][inside], table[ids]).float()
    weight = batch.fade[:, None].expand_as(answered)[answered]
    losses["say"], losses["number"], losses["off"] = _token_losses(
        logits, batch.target[answered], batch.number[answered], batch.size[answered], weight, ids
    )
    losses["pointer"], losses["pointed"] = _attention_loss(pointing, batch.pointer, batch.fade)
    # The causal mask: token i sees columns 0 (<|vision_start|>) to i + 1 (itself).
    later = torch.ones(n, n + 1, device=device).triu(2).bool()
    losses["link"], losses["linked"] = _attention_loss(linking.masked_fill(later, -1e9), batch.link, batch.fade)
    losses["reader"] = _reader_loss(boxes, dense, inside, crops.grid, batch.fade)
    return losses


def _token_losses(
    logits: Tensor, target: Tensor, number: Tensor, size: Tensor, weight: Tensor, ids: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(cross entropy of words, of numbers against a Gaussian, mean error of the likeliest number in pixels)."""
    is_number = number >= 0
    words = nn.functional.cross_entropy(logits[~is_number], target[~is_number], reduction="none")
    say = _mean(words, weight[~is_number])
    if not is_number.any():
        return say, logits.sum() * 0, logits.new_zeros(())
    true = number[is_number]
    log_p = logits[is_number].log_softmax(-1)[:, ids]
    off = (log_p.argmax(-1) - true).abs().float().mean()
    q = gaussian_targets(true, deviation(size[is_number], *SHARP), NUMBERS)
    return say, _mean(-(q * log_p).sum(-1), weight[is_number]), off


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted mean."""
    return (values * weight).sum() / weight.sum()


def _attention_loss(logits: Tensor, target: Tensor, fade: Tensor) -> tuple[Tensor, Tensor]:
    """(cross entropy, share right) of supervised heads: -log of the attention that each query gives to its target key.

    logits [B, HEADS, queries, keys], target [B, queries] with UNTAUGHT where free. All the heads get the same target.
    """
    taught = target >= 0
    if not taught.any():
        return logits.sum() * 0, logits.new_zeros(())
    chosen = logits.transpose(1, 2)[taught]  # [m, HEADS, keys]
    key = target[taught][:, None].expand(-1, HEADS)
    loss = nn.functional.cross_entropy(chosen.transpose(1, 2), key, reduction="none").mean(-1)
    return _mean(loss, fade[:, None].expand_as(target)[taught]), (chosen.argmax(-1) == key).float().mean()


def _reader_loss(logits: Tensor, dense, inside: Tensor, grid: tuple[int, int], fade: Tensor) -> Tensor:
    """The probe's cross entropy: logits [m, 4, NUMBERS] of the m tokens inside objects, against their boxes in pixels."""
    rows, columns = (torch.arange(side, device=fade.device) + 0.5 for side in grid)
    ys, xs = torch.meshgrid(rows, columns, indexing="ij")
    centers = torch.stack([xs, ys, xs, ys], -1).view(1, -1, 4)  # of the tokens, to which boxes are relative
    corners = ((dense.box + centers) * TOKEN_PX).round().long().clamp(0, 999)[inside]
    if not len(corners):
        return logits.sum() * 0
    size = (dense.box[..., 2:] - dense.box[..., :2]).prod(-1).sqrt()[inside] * TOKEN_PX
    q = gaussian_targets(corners.flatten(), deviation(size.repeat_interleave(4), *SHARP), NUMBERS)
    weight = fade[:, None].expand_as(inside)[inside].repeat_interleave(4)
    return _mean(-(q * logits.flatten(0, 1).log_softmax(-1)).sum(-1), weight)
