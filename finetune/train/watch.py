"""What is seen of a training while it runs: a line of the log now and then, and how far it is; and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.train import distributed
from finetune.train.schedule import LearningRateSchedule
from finetune.train.weighted_loss import LOSS_OF
from pdc.domain.progress import Progress
from pdc.training.run_folder import Run


def watch(run: Run, clock: LearningRateSchedule, progress: Progress) -> Any:
    """The trainer's callback that writes the run's log, tells how far it is, and ends it."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        """Writes log.jsonl; stops at the stop file or when the time is over, all processes at the same step."""

        def on_step_begin(self, args, state, control, **_) -> None:
            if distributed.world() > 1:
                clock.agreed = None
                clock.agreed = distributed.broadcast(clock.elapsed)

        def on_step_end(self, args, state, control, **_) -> None:
            progress("Training steps", state.global_step, clock.steps_in_all(state.global_step))
            if distributed.broadcast(run.stop_asked or clock.elapsed >= clock.max_seconds):
                control.should_training_stop = True

        def on_log(self, args, state, control, logs=None, **_) -> None:
            if logs and "loss" in logs and not distributed.rank():
                run.append_log(**log_row(state.global_step, clock, logs))

    return Watch()


def log_row(step: int, clock: LearningRateSchedule, logs: Mapping[str, float]) -> dict[str, Any]:
    """One line of the log.

    `loss` in nats a token, weighted; `losses`: the same by task, unweighted; `accuracy`: share of answer tokens predicted
    right; `preferred`: share of pairs in which training raised the reader's answer above the model's, by DPO's implicit
    reward; times in seconds.
    """
    row: dict[str, Any] = {
        "step": step,
        "steps": clock.steps,
        "loss": logs["loss"],
        "losses": {k.removeprefix(LOSS_OF): round(v, 6) for k, v in logs.items() if k.startswith(LOSS_OF)} or None,
        "accuracy": logs.get("mean_token_accuracy"),
        "preferred": logs.get("rewards/accuracies"),
        "lr": logs.get("learning_rate"),
        "share": clock.share(step),
        "seconds": clock.elapsed,
        "seconds_left": clock.seconds_left(step),
    }
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in row.items() if v is not None}
