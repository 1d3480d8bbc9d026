"""The training loop's parts that every stage shares: optimisers with their schedule, NF4 rounding, checkpoints, the log."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Optimiser:
    """Muon on the matrices of transformer blocks, AdamW on everything else; one schedule for both.

    Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest orthogonal matrix, so all directions learn alike.
    Here it learns in 300 steps what AdamW has not in 600. `match_rms_adamw` scales its updates as large as AdamW's.

    The schedule is a trapezoid: 100 steps of warm-up, constant, then linear to zero over the last `decay` of the steps.
    """

    def __init__(self, modules: Iterable[nn.Module], steps: int, muon_lr: float, adam_lr: float, decay: float = 0.35) -> None:
        named = [(n, p) for m in modules for n, p in m.named_parameters() if p.requires_grad]
        named = list({id(p): (n, p) for n, p in named}.values())
        matrices = [p for n, p in named if p.ndim == 2 and ("blocks." in n or "layers." in n)]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        self.parts = [
            torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.rates, self.steps, self.decay = (muon_lr, adam_lr), steps, decay
        self.parameters = matrices + rest

    def step(self, step: int) -> float:
        """Update with the gradients at hand; returns the gradient norm before clipping to 1."""
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        share = min(1.0, (step + 1) / 100, (self.steps - step) / (self.decay * self.steps))
        for part, rate in zip(self.parts, self.rates, strict=True):
            for group in part.param_groups:
                group["lr"] = rate * share
            part.step()
            part.zero_grad(set_to_none=True)
        return float(norm)

    def state_dict(self) -> list[dict]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


@contextmanager
def quantized_weights(language: Any) -> Iterator[None]:
    """Quantisation-aware training: inside, the blocks' matrices are rounded to NF4, as they will serve.

    NF4 (QLoRA; Dettmers et al. 2023, arXiv 2305.14314, section 3) rounds each block of 64 weights, divided by the largest of
    them, to 16 levels. Rounding has no useful gradient, so it is taken straight through (Bengio et al. 2013, arXiv
    1308.3432): the gradient at the rounded weights is added to the exact ones, which are put back at the end.
    """
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    matrices = [m.weight for m in language.layers.modules() if isinstance(m, nn.Linear)]
    exact = [p.data for p in matrices]
    for p in matrices:
        p.data = dequantize_4bit(*quantize_4bit(p.data, quant_type="nf4", blocksize=64)).to(p.dtype)
    try:
        yield
    finally:
        for p, data in zip(matrices, exact, strict=True):
            p.data = data


def save(path: Path, step: int, modules: Mapping[str, nn.Module], optimiser: Optimiser | torch.optim.Optimizer) -> None:
    """Write a checkpoint beside the old one, then rename over it: a kill leaves the old or the new, never half."""
    state = {"step": step, "optimiser": optimiser.state_dict(), **{k: m.state_dict() for k, m in modules.items()}}
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path, modules: Mapping[str, nn.Module], optimiser: Optimiser | torch.optim.Optimizer | None = None) -> int:
    """Load what `save` wrote; returns the step to go on with (0 when there is no checkpoint)."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in modules.items():
        module.load_state_dict(state[name])
    if optimiser is not None:
        optimiser.load_state_dict(state["optimiser"])
    return state["step"]


class Log:
    """The training log: running means, printed and appended as JSON lines every `every` steps."""

    def __init__(self, path: Path, every: int = 50) -> None:
        self.path, self.every, self.sums, self.n = path, every, {}, 0
        self.since = time.perf_counter()

    def add(self, step: int, **values: float) -> None:
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        self.n += 1
        if step % self.every == 0:
            seconds = time.perf_counter() - self.since
            means = {k: round(v / self.n, 4) for k, v in self.sums.items()}
            self.write(step=step, **means, step_seconds=round(seconds / self.n, 3))
            self.sums, self.n, self.since = {}, 0, time.perf_counter()

    def write(self, **row: object) -> None:
        line = json.dumps(row)
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
