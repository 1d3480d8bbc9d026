"""Questions a second in training, as TRL trains and as PDC does, side by side: `python tests/bench/training.py`.

The same images, LoRA and batches of 8; steps of both take turns, in processor seconds, so that a busy machine does not matter.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
ROUNDS, BATCH = 8, 8


def main() -> None:
    import torch

    with TemporaryDirectory() as folder:
        sides = {"TRL's plain loop": side(Path(folder) / "a", False), "PDC": side(Path(folder) / "b", True)}
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        losses: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, step in sides.items():
                started = time.process_time()
                losses[name].append(step())
                seconds[name].append(time.process_time() - started)
    print(f"{torch.get_num_threads()} thread(s), batches of {BATCH}, median of {ROUNDS} steps")
    plain = median(seconds["TRL's plain loop"])
    for name, values in seconds.items():
        middle = median(values)
        last = sum(losses[name][-3:]) / 3
        fell = f"loss {losses[name][0]:.2f} -> {last:.2f}"
        print(f"{name:18} {BATCH / middle:5.1f} questions a processor second ({plain / middle:.1f} x), {fell}")


def side(folder: Path, fast: bool):
    """A function that takes one training step, reading its batch included, and returns the loss."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    from finetune.dataset import Examples
    from finetune.fast import make_fast
    from finetune.lora import attach
    from finetune.replay import drawn
    from finetune.train import Clock, build_trainer
    from pdc.qwen import load
    from pdc.runs import Run, TrainConfig
    from pdc.settings import EMBEDDED_MODEL

    config = TrainConfig.for_model(str(EMBEDDED_MODEL), quantization="none", device="cpu", parent=None)
    rows = drawn(folder / "images", each=6, blanks=0)
    qwen = load(config.model, quantization="none", device="cpu")
    model = attach(qwen, config, None)
    if fast:
        make_fast(model)
    examples = Examples(
        rows, qwen, length=BATCH * (ROUNDS + 1), seed=1, augment=True, tasks=config.tasks, questions=config.questions
    )
    run = Run.create(folder / "runs", config, "bench")
    trainer = build_trainer(run, qwen, model, examples, Clock(ROUNDS, 1e6))
    if not fast:
        trainer.data_collator = DataCollatorForVisionLanguageModeling(qwen.processor, completion_only_loss=True)
    batches = iter(trainer.get_train_dataloader())
    model.train()
    trainer.current_gradient_accumulation_steps = 1  # which the trainer's own loop would set

    def step() -> float:
        loss = trainer.training_step(model, next(batches))
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
        return float(loss)

    step()
    return step


if __name__ == "__main__":
    main()
