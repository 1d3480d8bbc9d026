"""Questions a second in training, as TRL trains and as PDC does, side by side: `python tests/bench/training.py [nf4|none]`.

Both sides get the same LoRA and the same batches: 8 questions, two about each view, asked as a fold of the embedded model asks.
Their steps take turns, in processor seconds, so that a busy machine does not matter. Each step reads its batch, clips and
updates. What PDC tells the memory allocator holds for the process, so TRL's side gains by it here too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
ROUNDS, BATCH = 12, 8
PLAIN = "TRL's plain loop"
OWN_LOSS = "PDC, its own loss"


def main(quantization: str = "nf4") -> None:
    import torch

    with TemporaryDirectory() as folder:
        sides = {
            PLAIN: side(Path(folder) / "a", quantization, fast=False),
            "PDC": side(Path(folder) / "b", quantization, fast=True),
            OWN_LOSS: side(Path(folder) / "c", quantization, fast=True, own_loss=True),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        losses: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, step in sides.items():
                started = time.process_time()
                losses[name].append(step())
                seconds[name].append(time.process_time() - started)
    print(f"{quantization}, {torch.get_num_threads()} thread(s), batches of {BATCH}, median of {ROUNDS} steps")
    plain = median(seconds[PLAIN])
    for name, values in seconds.items():
        ratios = sorted(a / b for a, b in zip(seconds[PLAIN], values, strict=True))
        print(
            f"{name:18} {BATCH / median(values):5.1f} questions a processor second, {plain / median(values):.1f} x "
            f"({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )
    for name, values in losses.items():
        print(f"loss, {name:18}", *(f"{loss:.3f}" for loss in values))


def side(folder: Path, quantization: str, *, fast: bool, own_loss: bool = False) -> Callable[[], float]:
    """A function that takes one training step, reading its batch included, and returns the loss: TRL's, or that of
    `finetune/ordinal.py`, whose values are not comparable."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    from finetune.data.dataset import Examples
    from finetune.data.replay import drawn_rows
    from finetune.train.cpu_speed import make_fast
    from finetune.train.lora import attach
    from finetune.train.schedule import LearningRateSchedule
    from finetune.train.trainer import build_trainer
    from pdc.inference.qwen import load
    from pdc.settings import EMBEDDED_MODEL
    from pdc.training.config import TrainConfig
    from pdc.training.run_folder import Run

    config = TrainConfig.for_model(str(EMBEDDED_MODEL), quantization=quantization, device="cpu", parent=None)
    rows = drawn_rows(folder / "images", each=6, blanks=0)
    qwen = load(config.model, quantization=quantization, device="cpu")
    model = attach(qwen, config, None)
    if fast:
        make_fast(model)
    examples = Examples(
        rows,
        qwen,
        length=BATCH * (ROUNDS + 1),
        seed=1,
        augment=True,
        tasks={str(qwen.base_lists): 1.0},
        questions=config.questions,
    )
    with _loss(fast, own_loss):
        trainer = build_trainer(
            Run.create(folder / "runs", config, "bench"), qwen, model, examples, LearningRateSchedule(ROUNDS, 1e6)
        )
    if not fast:
        trainer.data_collator = DataCollatorForVisionLanguageModeling(qwen.processor, completion_only_loss=True)
    batches = iter(trainer.get_train_dataloader())
    model.train()
    trainer.current_gradient_accumulation_steps = 1  # which the trainer's own loop would set

    def step() -> float:
        loss = trainer.training_step(model, next(batches))
        trainer.accelerator.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
        return float(loss)

    step()
    return step


def _loss(fast: bool, own_loss: bool) -> AbstractContextManager[object]:
    """TRL's own loss, which knows no packed weights; ours with one-hot targets, which has the same value; or ours."""
    if not fast:
        return patch("finetune.train.trainer.weighted_loss", lambda trainer_class, numbers: trainer_class)
    return nullcontext() if own_loss else patch("finetune.train.trainer.NumberTokens.of", return_value=None)


if __name__ == "__main__":
    main(*sys.argv[1:2])
