"""The trainer: supervised fine-tuning of one LoRA adapter on reviews, by TRL, with the loss on the answers only.

With `preference` > 0 it is DPO: the reader's answer y+ is also to become likelier than the one it corrects, y- (Rafailov et
al. 2023, arXiv 2305.18290, eq. 7). With pi the model, and ref the same model before training:

    loss = -preference * log sigmoid(beta * [log pi(y+)/ref(y+) - log pi(y-)/ref(y-)]) - log pi(y+)

Without the last term both answers may become unlikely (Pang et al. 2024, arXiv 2404.19733, eq. 1). Training stops at the last
step, at the time limit, or when a stop file appears in the run folder.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.data.dataset import Examples, Row
from finetune.data.loss_weights import loss_weights
from finetune.data.packing import Packer
from finetune.data.windows import by_window, plan_windows, views_of
from finetune.train import checkpoints, distributed
from finetune.train.cpu_speed import make_fast
from finetune.train.inheritance import images_learnt, labels_corrected, labels_learnt, task_counted, task_listed, windows_learnt
from finetune.train.lora import attach, save, to_float32
from finetune.train.ordinal_loss import NumberTokens
from finetune.train.schedule import LearningRateSchedule
from finetune.train.watch import watch
from finetune.train.weighted_loss import weighted_loss
from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress, unseen
from pdc.domain.values import Task
from pdc.files import read_json
from pdc.inference.adapter_folder import windows_of
from pdc.inference.qwen import Qwen
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

if TYPE_CHECKING:
    from peft import PeftModel
    from torch.optim import Optimizer
    from trl.trainer.base_trainer import _BaseTrainer as AnyTrainer

NO_TASKS = "All tasks are answered by one list, so weights of tasks change nothing; --no-one-list teaches each by itself."
ENOUGH_STEPS = 600  # of optimisation, for the windows of a few images: 20 frames of 24 windows would make 7,200


@dataclass(frozen=True, slots=True)
class Trained:
    """The outcome of a training: optimiser steps taken and planned, questions seen, seconds, whether it was stopped by hand."""

    steps: int
    planned: int
    examples: int
    seconds: float
    stopped: bool

    def to_json(self) -> dict[str, Any]:
        """What metrics.json keeps under `training`."""
        return {"steps": self.steps, "planned": self.planned, "examples": self.examples, "seconds": round(self.seconds, 1)}

    def sentence(self, name: str) -> str:
        """How much of the plan was done, and how to go on where time ended it."""
        if self.steps >= self.planned:
            return f"{self.told}."
        return f"{self.told}. To train longer, go on from it: python -m finetune train --parent {name}"

    @property
    def told(self) -> str:
        """How much of the plan was done."""
        return f"{self.steps} of {self.planned} planned steps are done"


def train(
    run: Run,
    qwen: Qwen,
    rows: Sequence[Row],
    parent: tuple[str, Path] | None,
    say: Callable[[str], None] = print,
    replay: Sequence[Row] = (),
    progress: Progress = unseen,
) -> Trained:
    """Train on `rows` and write run/adapter; `replay` (rehearsal) rows are mixed in against forgetting.

    `parent`: name and folder of the adapter to go on from, or None. A run that was killed goes on from its newest whole
    checkpoint and, unless its time ran out, ends with the weights it would have had.
    """
    config = run.config
    if not rows:
        raise BadSetting("There is nothing to learn from: the training set has no reviewed image.")
    part = config.batch // config.accumulate
    if part % distributed.world():
        raise BadSetting(f"{distributed.world()} processes cannot share batches of {part}; choose a multiple with --batch.")
    model = attach(qwen, config, parent[1] if parent else None)
    if qwen.device == "cpu":
        make_fast(model)
    replay = replay if _forgets(rows, parent, qwen) else ()
    windows = plan_windows(rows, qwen, windows_of(parent[1]) if parent else None)
    viewed = by_window(rows, windows)
    steps = _planned(rows, viewed, config)
    lists = task_listed(qwen, rows, parent) if config.one_list else None
    examples = Examples(
        viewed,
        qwen,
        length=steps * config.batch,
        seed=config.seed,
        augment=config.augment,
        tasks={lists: 1.0} if lists else config.tasks,
        questions=_questions(config, rows, lists),
        replay=replay,
        replay_share=config.replay,
        pairs=config.preference > 0,
        weights=loss_weights(config, rows),
        wordings=config.wordings,
    )
    clock = LearningRateSchedule(steps, config.max_seconds, peak=_peak(config, rows, qwen))
    trainer = build_trainer(run, qwen, model, examples, clock, say, progress)
    if lists and config.task_weights:
        say(NO_TASKS)
    start = f"going on from {parent[0]}" if parent else "a fresh adapter"
    for label, side in windows.items():
        say(f"{label!r} is small, so it is learnt, and looked for, in windows of about {side:.0f} pixels a side.")
    say(f"Training {steps} steps of {config.batch}, at most {config.max_seconds:.0f} s, {start}.")
    _run(run, trainer, clock, say)
    done = Trained(trainer.state.global_step, steps, trainer.state.global_step * config.batch, clock.elapsed, run.stop_asked)
    if distributed.rank():
        return done
    _save(run, qwen, model, rows, parent, replay, lists, windows)
    shutil.rmtree(_checkpoints(run), ignore_errors=True)
    return done


def _save(
    run: Run,
    qwen: Qwen,
    model: PeftModel,
    rows: Sequence[Row],
    parent: tuple[str, Path] | None,
    replay: Sequence[Row],
    lists: Task | None,
    windows: Mapping[str, float],
) -> None:
    data = read_json(run.data / "manifest.json") or {}
    save(
        model,
        run.adapter,
        qwen=qwen,
        name=run.name,
        parent=parent[0] if parent else None,
        data=data.get("digest", ""),
        trained_on=images_learnt(rows, replay, parent),
        lists=lists,
        counts_by=_counted(run.config, rows, parent, lists),
        labels=labels_learnt(rows, replay, parent),
        serves=labels_corrected(rows, parent),
        windows=windows_learnt(rows, parent, windows),
    )


def _counted(config: TrainConfig, rows: Sequence[Row], parent: tuple[str, Path] | None, lists: Task | None) -> Task | None:
    return lists or (task_counted(rows, config.tasks, parent) if config.count_by_marks else None)


def _planned(rows: Sequence[Row], viewed: Sequence[Row], config: TrainConfig) -> int:
    """Optimiser steps for all epochs. The many windows of a few images raise them up to ENOUGH_STEPS."""
    whole, windowed = (math.ceil(n * config.epochs / config.batch) for n in (len(rows), sum(map(views_of, viewed))))
    return max(1, whole, min(windowed, ENOUGH_STEPS))


def _questions(config: TrainConfig, rows: Sequence[Row], lists: Task | None) -> int:
    """Questions about each view: one, where every other would be the same, since one task and one label are all there is."""
    return 1 if lists and all(len(row.question.labels) == 1 for row in rows) else config.questions


def _forgets(rows: Sequence[Row], parent: tuple[str, Path] | None, qwen: Qwen) -> bool:
    """Whether what the model knew before can get worse: not where the adapter answers only for labels that are new to the base,
    which goes on answering for its own."""
    served = labels_corrected(rows, parent)
    return not (served and qwen.base_labels and served.isdisjoint(qwen.base_labels))


def _peak(config: TrainConfig, rows: Sequence[Row], qwen: Qwen) -> float:
    """Factor on the learning rate: lower for labels that the base knows, where less is to be learnt and more to be lost."""
    asked = {label for row in rows for label in row.question.labels}
    return 1.0 if qwen.base_labels.isdisjoint(asked) else config.known_lr


def _run(run: Run, trainer: AnyTrainer, clock: LearningRateSchedule, say: Callable[[str], None]) -> None:
    """Train to the end, from the newest whole checkpoint if there is one."""
    checkpoint = distributed.broadcast(None if distributed.rank() else checkpoints.newest_checkpoint(_checkpoints(run)))
    if checkpoint is not None:
        say(f"Going on from {checkpoint.name} of the run that was interrupted.")
    clock.start = clock.now() - (checkpoints.seconds(checkpoint) if checkpoint else 0.0)
    assert trainer.model is not None  # build_trainer gave it one
    trainer.model.train()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def _checkpoints(run: Run) -> Path:
    return run.folder / "checkpoints"


def build_trainer(
    run: Run,
    qwen: Qwen,
    model: PeftModel,
    examples: Examples,
    clock: LearningRateSchedule,
    say: Callable[[str], None] = print,
    progress: Progress = unseen,
) -> AnyTrainer:
    """TRL's trainer on float32 LoRA weights, with our schedule, log and checkpoints."""
    import torch
    from transformers import PrinterCallback

    trainer_class, config_class, options = _method(run.config)
    packer = None if run.config.preference else Packer(qwen)
    if packer:
        trainer_class = weighted_loss(trainer_class, NumberTokens.of(qwen.tokenizer))
    trainer = checkpoints.with_sealed_checkpoints(trainer_class, lambda: clock.elapsed, say)(
        model=model,
        args=config_class(**_arguments(run, qwen, clock.steps), **options),
        train_dataset=examples.as_dataset(),
        data_collator=packer,
        processing_class=qwen.processor,
        callbacks=[watch(run, clock, progress)],
    )
    trainer.remove_callback(PrinterCallback)
    to_float32(model)  # TRL casts QLoRA adapters to bf16, in which small updates would round to nothing
    trainer.optimizer = _optimizer(model, run.config)
    trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(trainer.optimizer, clock.rate)
    return trainer


def _method(config: TrainConfig) -> tuple[type[AnyTrainer], type, dict[str, Any]]:
    """TRL's trainer class, its config class, and the options that only this one takes."""
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    if config.preference:
        weights = [config.preference, 1.0]
        return DPOTrainer, DPOConfig, {"loss_type": ["sigmoid", "sft"], "loss_weights": weights, "beta": config.beta}
    return SFTTrainer, SFTConfig, {"completion_only_loss": True}


def _optimizer(model: PeftModel, config: TrainConfig) -> Optimizer:
    """AdamW or Muon over the LoRA weights, which are all matrices. Decay would pull them towards the base, so there is none."""
    import torch

    weights = [p for p in model.parameters() if p.requires_grad]
    if config.optimizer == "muon":
        return torch.optim.Muon(weights, lr=config.lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    return torch.optim.AdamW(weights, lr=config.lr, weight_decay=0.0)


def _arguments(run: Run, qwen: Qwen, steps: int) -> dict[str, Any]:
    import torch

    on_gpu = qwen.device != "cpu"
    bf16 = not on_gpu or torch.cuda.is_bf16_supported()
    config: TrainConfig = run.config
    return dict(
        output_dir=str(_checkpoints(run)),
        max_steps=steps,
        per_device_train_batch_size=config.batch // config.accumulate // distributed.world(),
        gradient_accumulation_steps=config.accumulate,
        use_cpu=not on_gpu,
        bf16=bf16,
        fp16=not bf16,
        gradient_checkpointing=on_gpu,
        max_grad_norm=1.0,
        seed=config.seed,
        max_length=None,
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_gpu,
        save_strategy="steps",
        save_steps=config.save_every,
        train_sampling_strategy="sequential",
        report_to=[],
        push_to_hub=False,
        logging_steps=config.log_every,
        logging_first_step=True,
        disable_tqdm=True,
    )
