"""What each part of an answer weighs in the loss, that a step may be cut into parts, and what the log says of each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from reviewed_rows import LABELS

from finetune.cli.options import Training, config_of
from finetune.data.dataset import Examples, Row
from finetune.data.loss_weights import LossWeights, label_balance, loss_weights
from finetune.data.packing import IGNORED, TASKS
from finetune.train.lora import attach
from finetune.train.ordinal_loss import NumberTokens
from finetune.train.schedule import LearningRateSchedule
from finetune.train.trainer import NO_TASKS, build_trainer, train
from pdc.domain.errors import BadSetting
from pdc.domain.prompts import COMPACT, PAPER, answer
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.qwen import load
from pdc.settings import Settings
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

CELL, PLATELET = LABELS
FOUND = Findings((Mark("m1", Box(1, 2, 30, 40), CELL), Mark("m2", Box(5, 6, 70, 80), PLATELET)))


@pytest.fixture
def config(model_folder) -> TrainConfig:
    return TrainConfig(
        str(model_folder), quantization="none", device="cpu", rank=4, batch=6, questions=3, epochs=1, one_list=False, log_every=1
    )


# What an answer's characters weigh


@pytest.mark.parametrize("style", [COMPACT, PAPER])
def test_a_label_weighs_where_its_object_is_written(style: str):
    text = answer(Question(Task.COUNT_AND_BOX, LABELS), FOUND, style)
    weight = characters(text, LossWeights(tasks={Task.COUNT_AND_BOX: 2.0}, labels={PLATELET: 3.0}))
    object_of_cell, object_of_platelet = (text[text.rindex("{", 0, text.index(x)) :].split("}")[0] for x in ("30", "70"))
    assert set(weight[text.index(object_of_cell) :][: len(object_of_cell)]) == {2.0}
    assert set(weight[text.index(object_of_platelet) :][: len(object_of_platelet)]) == {6.0}
    assert weight[0] == weight[-1] == 2.0


@pytest.mark.parametrize("task", [Task.COUNTING, Task.COUNT_AND_BOX, Task.CNT_AND_POINT])
@pytest.mark.parametrize("style", [COMPACT, PAPER])
def test_a_stated_count_weighs_by_itself_and_a_label_that_looks_like_one_does_not(task: Task, style: str):
    odd = "counts: 5 {7}"
    text = answer(Question(task, (CELL, odd)), FOUND, style)
    weight = characters(text, LossWeights(counts=9.0))
    assert [c for c, w in zip(text, weight, strict=True) if w == 9.0] == ["1", "0"]


def characters(text: str, weights: LossWeights, task: Task = Task.COUNT_AND_BOX) -> list[float]:
    weight = [1.0] * len(text)
    for start, end, factor in weights.parts(task, text):
        weight[start:end] = [factor] * (end - start)
    return weight


def test_rare_labels_weigh_more_by_the_power_of_their_inverse_frequency(rows):
    assert label_balance(rows, 0) == {CELL: 1.0, PLATELET: 1.0}
    assert label_balance(rows[:1], 1) == {CELL: pytest.approx(2.5 / 3), PLATELET: pytest.approx(2.5 / 2)}
    assert label_balance(rows[:1], 0.5)[PLATELET] == pytest.approx((2.5 / 2) ** 0.5)
    nothing = replace(rows[2], question=Question(Task.COUNT_AND_BOX, ("polyp",)))
    assert 0 < label_balance([*rows, nothing], 1)["polyp"] < float("inf")  # asked for, and never there


def test_given_weights_and_balance_multiply(rows, config):
    given = replace(config, label_weights={PLATELET: 4.0}, label_balance=1.0, task_weights={"counting": 2.0}, count_weight=3.0)
    found = loss_weights(given, rows[:1])
    assert found.labels == {CELL: pytest.approx(2.5 / 3), PLATELET: pytest.approx(4 * 2.5 / 2)}
    assert (found.tasks, found.counts) == ({"counting": 2.0}, 3.0)
    with pytest.raises(BadSetting, match=r"No review asks for 'plaetlet'.*use platelet, red blood cell"):
        loss_weights(replace(config, label_weights={"plaetlet": 4.0}), rows)


# Settings


def test_weights_are_given_by_name_on_the_command_line_and_kept_in_the_config():
    given = Training(task_weights=["counting=5"], label_weights=["a=b=0.5", "platelet=4"], label_balance=0.5, accumulate=2)
    config = config_of(given, Settings.from_env({}))
    assert config.task_weights == {"counting": 5.0} and config.label_weights == {"a=b": 0.5, "platelet": 4.0}
    assert TrainConfig.from_json(config.to_json()) == config and config.accumulate == 2
    with pytest.raises(BadSetting, match="'platelet' is no weight"):
        config_of(Training(label_weights=["platelet"]), Settings.from_env({}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task_weights": {"guessing": 1.0}}, "no task 'guessing'"),
        ({"label_weights": {"cell": -1.0}}, "weight of cell in the loss is -1.0"),
        ({"label_weights": {"cell": float("nan")}}, "weight of cell"),
        ({"count_weight": float("inf")}, "weight of a stated count"),
        ({"label_balance": 1.5}, "label_balance is 1.5"),
        ({"accumulate": 3}, "batch of 4 cannot be cut into 3"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"preference": 1.0, "count_weight": 2.0}, "no meaning for preferences"),
    ],
)
def test_a_weight_that_is_none_is_a_sentence(change: dict[str, Any], said: str):
    with pytest.raises(BadSetting, match=said):
        TrainConfig(**{"model": "base", **change}).checked()


# The step


class Stage:
    """A float32 model with LoRA, and the trainer for six questions about two views of very unequal length."""

    def __init__(self, folder: Path, rows: list[Row], config: TrainConfig) -> None:
        self.config, self.rows, self.runs = config, [rows[0], rows[2]], folder
        self.qwen = load(config.model, quantization="fp32", device="cpu")
        self.model = attach(self.qwen, config, None)
        generator = torch.Generator().manual_seed(1)
        for name, weight in self.model.named_parameters():
            if "lora_B" in name:
                weight.data = 0.02 * torch.randn(weight.shape, generator=generator)

    def gradient(self, **changes: Any) -> tuple[float, torch.Tensor]:
        """The loss of the first step and its gradient."""
        config = replace(self.config, **changes)
        weights = loss_weights(config, self.rows)
        asked = Examples(self.rows, self.qwen, length=6, seed=3, augment=False, tasks=config.tasks, questions=3, weights=weights)
        run = Run.create(self.runs, config)
        trainer = build_trainer(run, self.qwen, self.model, asked, LearningRateSchedule(1, 1e6))
        self.model.zero_grad()
        loss = 0.0
        parts, total = trainer.get_batch_samples(iter(trainer.get_train_dataloader()), config.accumulate, torch.device("cpu"))
        assert len(parts) == config.accumulate
        for part in parts:
            lost: Any = trainer.compute_loss(self.model, part, num_items_in_batch=total)
            lost.backward()
            loss += float(lost.detach())
        return loss, torch.cat([p.grad.flatten() for p in self.model.parameters() if p.grad is not None])


@pytest.fixture
def stage(tmp_path, rows, config) -> Stage:
    return Stage(tmp_path / "runs", rows, config)


def off(one: torch.Tensor, other: torch.Tensor) -> float:
    """How far apart two gradients are, in lengths of the second."""
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("number_tokens", [True, False])
def test_two_half_batches_have_the_loss_and_the_gradient_of_the_whole(stage: Stage, monkeypatch, number_tokens: bool):
    if not number_tokens:  # a large model's tokenizer, and with it TRL's head
        monkeypatch.setattr(NumberTokens, "of", lambda tokenizer: None)
    weighed = {"label_weights": {PLATELET: 5.0}, "task_weights": {"counting": 3.0}}
    loss, whole = stage.gradient(**weighed)
    for parts in (2, 3):  # three: one of them cuts a view's questions apart
        cut_loss, cut = stage.gradient(accumulate=parts, **weighed)
        assert cut_loss == pytest.approx(loss, rel=1e-4) and off(cut, whole) < 1e-3


def test_each_weight_turns_the_gradient_and_a_weight_for_all_alike_does_not(stage: Stage):
    _, plain = stage.gradient()
    assert off(stage.gradient(task_weights=dict.fromkeys(Task, 10.0))[1], plain) < 1e-3
    changes: list[dict[str, Any]] = [
        {"task_weights": {"counting": 10.0}},
        {"label_weights": {PLATELET: 10.0}},
        {"label_balance": 1.0},
        {"count_weight": 10.0},
    ]
    assert all(off(stage.gradient(**change)[1], plain) > 0.01 for change in changes)


def test_the_loss_is_the_weighted_mean_over_the_tokens_of_the_answers(stage: Stage):
    config = replace(stage.config, label_weights={PLATELET: 5.0}, count_weight=2.0)
    weights = loss_weights(config, stage.rows)
    asked = Examples(stage.rows, stage.qwen, length=6, seed=3, augment=False, tasks=config.tasks, questions=3, weights=weights)
    trainer = build_trainer(Run.create(stage.runs, config), stage.qwen, stage.model, asked, LearningRateSchedule(1, 1e6))
    batch = next(iter(trainer.get_train_dataloader()))
    text = "".join(stage.qwen.tokenizer.decode(batch["input_ids"][0][batch["weights"][0] == 5.0]).split())
    assert PLATELET in text and CELL.replace(" ", "") not in text
    assert set(batch["weights"][batch["labels"] != IGNORED].tolist()) == {1.0, 2.0, 5.0, 10.0}
    plain = {k: v for k, v in batch.items() if k not in ("weights", "tasks", "labels")}
    target, weight = batch["labels"][0, 1:], batch["weights"][0, 1:]
    with torch.no_grad():
        logits = stage.model(**plain).logits[0, :-1]
        numbers = NumberTokens.of(stage.qwen.tokenizer)
        assert numbers is not None
        answered = target != IGNORED
        losses = numbers.loss(logits[answered].float(), target[answered])
        expected = float((losses * weight[answered]).sum() / weight[answered].sum())
        loss: Any = trainer.compute_loss(stage.model, batch)
        assert float(loss) == pytest.approx(expected, rel=1e-4)


# The run


def test_the_log_says_the_loss_of_each_task(qwen, rows, tmp_path, config):
    run = Run.create(tmp_path, replace(config, epochs=4, tasks={Task.COUNTING: 1.0, Task.BOUNDING: 1.0}, accumulate=2), "one")
    train(run, qwen, rows, None, say=lambda text: None)
    losses = [row["losses"] for row in run.log() if "losses" in row]
    assert losses and set().union(*losses) == {Task.COUNTING, Task.BOUNDING} <= set(TASKS)
    assert all(low <= row["loss"] <= high for row in run.log() for low, *_, high in [sorted([*row["losses"].values(), 0])])


def test_a_training_in_parts_is_the_training_in_one(rows, tmp_path, config, model_folder):
    logs = []
    for parts in (1, 3):
        run = Run.create(tmp_path, replace(config, epochs=6, lr=1e-3, accumulate=parts), f"in-{parts}")
        model = load(str(model_folder), quantization="none", device="cpu")
        assert train(run, model, rows, None, say=lambda text: None).steps == len(run.log())
        logs.append([row["loss"] for row in run.log()])
    assert logs[1] == pytest.approx(logs[0], rel=0.02)


def test_weights_of_tasks_that_change_nothing_are_said(qwen, rows, tmp_path, config, monkeypatch):
    said: list[str] = []
    say: Callable[[str], None] = said.append
    qwen.base_lists = Task.COUNT_AND_BOX
    train(Run.create(tmp_path, replace(config, one_list=True, task_weights={"counting": 2.0})), qwen, rows, None, say=say)
    assert NO_TASKS in said
