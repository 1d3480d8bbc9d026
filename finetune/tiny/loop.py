"""What every stage of the training shares: the machine, batches made ahead, optimisers, checkpoints, the log."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pdc.domain.errors import BadSetting

T = TypeVar("T")
WARM_UP = 100  # steps


class Optimiser:
    """Muon on the matrices of transformer blocks, AdamW on everything else; one schedule for both.

    Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest orthogonal matrix, so all directions learn alike.
    Here it learns in 300 steps what AdamW has not in 600. `match_rms_adamw` scales its updates as large as AdamW's.

    The schedule is a trapezoid: WARM_UP steps, constant, then linear to zero over the last `decay` of the training.
    """

    def __init__(self, modules: Iterable[nn.Module], muon_lr: float, adam_lr: float, decay: float = 0.35) -> None:
        named = [(n, p) for m in modules for n, p in m.named_parameters() if p.requires_grad]
        named = list({id(p): (n, p) for n, p in named}.values())
        matrices = [p for n, p in named if p.ndim == 2 and ("blocks." in n or "layers." in n)]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        self.parts = [
            torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.rates, self.decay = (muon_lr, adam_lr), decay
        self.parameters = matrices + rest

    def step(self, step: int, progress: float) -> float:
        """Update with the gradients at hand, `progress` (0 to 1) of the training done; returns their norm before clipping to 1.

        Gradients that are not finite are thrown away, and nothing is updated: the norm says so.
        """
        norm = float(nn.utils.clip_grad_norm_(self.parameters, 1.0))
        if math.isfinite(norm):
            share = min(1.0, (step + 1) / WARM_UP, (1 - progress) / self.decay)
            for part, rate in zip(self.parts, self.rates, strict=True):
                for group in part.param_groups:
                    group["lr"] = rate * share
                part.step()
        for part in self.parts:
            part.zero_grad(set_to_none=True)
        return norm

    def state_dict(self) -> list[dict]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


@dataclass(frozen=True, slots=True)
class Machine:
    """The device of all tensors, and how many processes prepare batches; 0: this one does."""

    device: torch.device
    workers: int

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"


def machine_of(device: str, threads: int) -> Machine:
    """The machine as asked for; raises BadSetting where there is no such device."""
    if device == "cpu":
        torch.set_num_threads(threads)
        return Machine(torch.device("cpu"), 0)
    if not torch.cuda.is_available():
        raise BadSetting("There is no CUDA device here; leave --device out to train on the processor.")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads do not survive in the processes that prepare batches
    # Depthwise convolutions: cuDNN tries for seconds what is best for each new shape.
    torch.backends.cudnn.benchmark = False
    return Machine(torch.device(device), max(1, (os.cpu_count() or 2) - 1))


class Budget:
    """How far a stage is: by its steps, or by its seconds where they run out first. Seconds before a restart count."""

    def __init__(self, steps: int, seconds: float | None = None, spent: float = 0.0) -> None:
        self.steps, self.seconds, self.spent = steps, seconds, spent
        self._since: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, from the first step on."""
        return self.spent + (time.monotonic() - self._since if self._since else 0.0)

    def progress(self, step: int) -> float:
        """0 to 1 when `step` steps are done. The first call starts the clock."""
        self._since = self._since or time.monotonic()
        by_time = self.elapsed / self.seconds if self.seconds else 0.0
        return min(1.0, max(step / self.steps, by_time))


def prepared(make: Callable[[int], T], start: int, workers: int, pin: bool = False) -> Iterator[T]:
    """make(start), make(start + 1), ... without end; with workers in processes of their own, some steps ahead."""
    loader = DataLoader(
        _Steps(make, start), batch_size=None, num_workers=workers, prefetch_factor=3 if workers else None, pin_memory=pin
    )
    return iter(loader)


class _Steps(Dataset[T], Generic[T]):
    def __init__(self, make: Callable[[int], T], start: int) -> None:
        self.make, self.start = make, start

    def __len__(self) -> int:
        return 10**7

    def __getitem__(self, i: int) -> T:
        return self.make(self.start + i)


def moved(values: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {k: v.to(device, non_blocking=True) for k, v in values.items()}


Steps = Optimiser | torch.optim.Optimizer


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


def save(path: Path, step: int, seconds: float, modules: Mapping[str, nn.Module], optimiser: Steps) -> None:
    """Write a checkpoint beside the old one, then rename over it: a kill leaves the old or the new, never half."""
    states = {k: m.state_dict() for k, m in modules.items()}
    state = {"step": step, "seconds": seconds, "optimiser": optimiser.state_dict(), **states}
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path, modules: Mapping[str, nn.Module], optimiser: Steps | None = None) -> tuple[int, float]:
    """Load what `save` wrote; returns the step to go on with and the seconds spent so far (0 where there is no checkpoint)."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, module in modules.items():
        module.load_state_dict(state[name])
    if optimiser is not None:
        optimiser.load_state_dict(state["optimiser"])
    return state["step"], state.get("seconds", 0.0)


class Log:
    """The training log: running means, printed and appended as JSON lines every `every` steps."""

    def __init__(self, path: Path, every: int = 50) -> None:
        self.path, self.every, self.sums, self.n = path, every, {}, 0
        self.since = time.perf_counter()

    def add(self, step: int, **values: float | Tensor) -> None:
        """Add a step's values; tensors stay where they are until a line is written."""
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        self.n += 1
        if step % self.every == 0:
            seconds = time.perf_counter() - self.since
            means = {k: round(float(v) / self.n, 4) for k, v in self.sums.items()}
            self.write(step=step, **means, step_seconds=round(seconds / self.n, 3))
            self.sums, self.n, self.since = {}, 0, time.perf_counter()

    def write(self, **row: object) -> None:
        line = json.dumps(row)
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
