"""How one adapter is trained. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.values import Task
from pdc.settings import MAX_PIXELS

OPTIMIZERS = ("adamw", "muon")
MOST_WORDINGS = 8  # those of finetune.data.wordings; a test compares them
SMALL_HIDDEN = 512  # a language model at most this wide is small enough to be trained hard on a CPU

EVEN_TASKS: Mapping[str, float] = {
    Task.COUNT_AND_BOX: 3.0,
    Task.BOUNDING: 1.0,
    Task.POINTING: 1.0,
    Task.CNT_AND_POINT: 1.0,
    Task.COUNTING: 1.0,
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How one adapter is trained. Saved beside the weights it led to."""

    model: str
    """base model: a folder or a hub name"""
    quantization: str = "nf4"
    """nf4 (QLoRA, 4 bit) or none (bf16 or float32 weights)"""
    device: str = "auto"
    """auto, cpu or cuda"""
    max_pixels: int = MAX_PIXELS
    """most pixels of an image that the model sees at once, in training and whenever the adapter serves"""
    answer_style: str | None = None
    """how the model is asked where its folder does not say: a prompt version, or None for PDC's own"""
    parent: str | None = "active"
    """adapter to go on from: `active`, a registered name, or None for a fresh one on the base"""
    rank: int = 16
    """rank of the LoRA matrices; 8, 16, 32 or 64 can be served by vLLM. Ignored when there is a parent"""
    alpha: int = 32
    """LoRA scale: the update is multiplied by alpha / rank. Ignored when there is a parent"""
    vision: bool = False
    """LoRA on the vision blocks too: for kinds of image the base never saw. Such an adapter serves in process only"""
    optimizer: str = "adamw"
    """adamw, or muon (Jordan 2024): orthogonal updates of the size AdamW's would have"""
    lr: float = 2e-4
    """peak learning rate; rises over 3 % of the steps, then falls to zero on a cosine"""
    known_lr: float = 1.0
    """factor on the rate where a reviewed label is one that the base knows: a higher one shakes what it knows"""
    epochs: float = 5.0
    """how often each row is asked about, each time with another question and, with `augment`, another view"""
    batch: int = 4
    """questions per optimiser step"""
    accumulate: int = 1
    """parts into which a step's questions are cut, one after the other, where memory is short: the gradient is the same"""
    questions: int = 2
    """questions about each view of an image, which goes through the model once for them"""
    replay: float = 0.25
    """share of the views that show what the model knew before, so that it is not forgotten; needs `replay_data`. None
    where all reviewed labels are new to the base: it goes on answering for its own"""
    replay_data: str | None = None
    """what the model knew before: `drawn` (the embedded model's kinds), a COCO file, or None"""
    preference: float = 0.0
    """weight of preferring the reader's answer to the prediction it corrects (DPO), beside learning it; 0 only learns it"""
    beta: float = 0.1
    """how strongly a preference holds the model to what it was before (DPO's beta, 1 / nats)"""
    one_list: bool = True
    """answer all five tasks from one list of marks where the base does so; False teaches each task by itself"""
    count_by_marks: bool = True
    """answer a count alone by counting marks, where there are marks to learn from; False states a number"""
    max_seconds: float = 3600.0
    """training time, seconds; the learning rate falls to zero by then even if the epochs are not done"""
    seed: int = 1
    """seeds the LoRA matrices, the order, the questions and the views"""
    augment: bool = True
    """flips, quarter turns and scale changes of image and marks together"""
    tasks: Mapping[str, float] = field(default_factory=lambda: dict(EVEN_TASKS))
    """how often each task is asked, as weights; a row is asked only what its marks can answer"""
    without_readers: Sequence[str] = ()
    """reviews by these readers are left out, as `pdc.training.readers` names them"""
    without_images: Sequence[str] = ()
    """reviews of these images are left out: the first digits of their sha256"""
    task_weights: Mapping[str, float] = field(default_factory=dict)
    """factor on the loss of a task's answers; 1 for a task that is not named"""
    label_weights: Mapping[str, float] = field(default_factory=dict)
    """factor on the loss of what is said of a label; 1 for a label that is not named"""
    label_balance: float = 0.0
    """how much more rare labels weigh: the power, 0 to 1, of (mean number of objects / the label's); 0 is off"""
    count_weight: float = 1.0
    """factor on the loss of a stated count, a token or two beside the hundreds of a list"""
    wordings: int = 1
    """in how many wordings a question is put in training, 1 to 8; the first is the one that serves"""
    held_out_limit: int = 100
    """held-out questions each model is asked after training, spread evenly; `finetune evaluate` asks all of them"""
    log_every: int = 5
    """optimiser steps between two lines of log.jsonl"""
    save_every: int = 50
    """optimiser steps between two checkpoints, from which a killed run goes on"""

    @classmethod
    def for_model(cls, model: str, **changes: Any) -> TrainConfig:
        """Defaults that fit the model: one at most 512 wide gets vision LoRA, a higher rate, many epochs and much replay."""
        small = _hidden_size(model) <= SMALL_HIDDEN
        start: dict[str, Any] = (
            dict(
                vision=True,
                lr=2e-3,
                known_lr=0.25,
                rank=32,
                alpha=64,
                epochs=120.0,
                batch=8,
                max_seconds=420.0,
                replay=0.5,
                replay_data="drawn",
            )
            if small
            else {}
        )
        return cls(model=model, **{**start, **changes}).checked()

    def checked(self) -> TrainConfig:
        """Itself, or BadSetting naming the field, its value and what was expected."""
        for name in (
            "rank",
            "alpha",
            "lr",
            "known_lr",
            "epochs",
            "batch",
            "accumulate",
            "max_seconds",
            "held_out_limit",
            "log_every",
            "questions",
            "save_every",
            "max_pixels",
        ):
            if not getattr(self, name) > 0:
                raise BadSetting(f"{name} is {getattr(self, name)}; it needs a number above 0.")
        if not 0 <= self.replay < 1:
            raise BadSetting(f"replay is {self.replay}; it needs a share from 0 up to but not including 1.")
        if self.preference < 0 or not self.beta > 0:
            raise BadSetting(f"preference is {self.preference} and beta {self.beta}; they need 0 or more, and above 0.")
        if self.optimizer not in OPTIMIZERS:
            raise BadSetting(f"optimizer is {self.optimizer!r}; use {' or '.join(OPTIMIZERS)}.")
        if self.quantization not in ("nf4", "none"):
            raise BadSetting(f"quantization is {self.quantization!r}; use nf4 or none.")
        if unknown := set(self.tasks) - set(Task):
            raise BadSetting(f"There is no task {min(unknown)!r}; use {', '.join(Task)}.")
        if not sum(self.tasks.values()) > 0 or min(self.tasks.values()) < 0:
            raise BadSetting("The task weights need to be 0 or more, and one of them above 0.")
        self._check_balance()
        return self

    def _check_balance(self) -> None:
        """BadSetting when the loss cannot be weighed, or a batch cannot be cut, as these settings say."""
        if self.batch % self.accumulate:
            raise BadSetting(f"A batch of {self.batch} cannot be cut into {self.accumulate} equal parts; choose a divisor.")
        if unknown := set(self.task_weights) - set(Task):
            raise BadSetting(f"There is no task {min(unknown)!r}; use {', '.join(Task)}.")
        for name, weight in {**self.task_weights, **self.label_weights, "a stated count": self.count_weight}.items():
            if not 0 <= weight < float("inf"):
                raise BadSetting(f"The weight of {name} in the loss is {weight}; it needs a number from 0 up.")
        if not 0 <= self.label_balance <= 1:
            raise BadSetting(f"label_balance is {self.label_balance}; it needs a number from 0 (off) to 1 (inverse frequency).")
        if not 1 <= self.wordings <= MOST_WORDINGS:
            raise BadSetting(f"wordings is {self.wordings}; it needs a whole number from 1 to {MOST_WORDINGS}.")
        if self.preference and (self.task_weights or self.label_weights or self.label_balance or self.count_weight != 1):
            raise BadSetting("Weights in the loss have no meaning for preferences; leave out one of the two.")

    @property
    def loading(self) -> dict[str, Any]:
        """How the model is loaded: what `pdc.inference.qwen.load` takes beside its name."""
        chosen = {"quantization": self.quantization, "device": self.device}
        return {**chosen, "max_pixels": self.max_pixels, "answer_style": self.answer_style}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainConfig:
        known = {f.name for f in fields(cls)}
        if unknown := set(value) - known:
            raise BadSetting(f"config.json has a field {min(unknown)!r} that this version does not know.")
        kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return cls(**kept).checked()


def _hidden_size(model: str) -> int:
    """Width of the language model in a local folder; a very large number for anything else."""
    path = Path(model) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return int(config.get("text_config", config)["hidden_size"])
    except (OSError, ValueError, KeyError):
        return 1 << 30
