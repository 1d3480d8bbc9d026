from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finetune.data.coco import read_coco
from finetune.data.replay import drawn_rows
from finetune.evaluate.compare import Stopped, compare
from finetune.evaluate.metrics import Evaluation
from finetune.train.lora import attach, can_continue
from finetune.train.schedule import LearningRateSchedule
from finetune.train.trainer import train
from pdc.adapters.promotion_gate import objections
from pdc.domain.errors import BadModel, BadSetting
from pdc.domain.values import Box, Point, Task
from pdc.inference.adapter_folder import AdapterManifest, labels_served, verify
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.qwen import load
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run


@pytest.fixture
def config(model_folder) -> TrainConfig:
    return TrainConfig(
        str(model_folder), quantization="none", device="cpu", vision=True, lr=5e-3, epochs=8, batch=3, log_every=1, rank=8
    )


def new_run(tmp_path: Path, config: TrainConfig, name: str = "one") -> Run:
    return Run.create(tmp_path / "runs", config, name)


def weights(model) -> dict[str, np.ndarray]:
    return {n: p.detach().float().numpy().copy() for n, p in model.named_parameters() if "lora" not in n}


def test_training_learns_and_leaves_a_folder_that_explains_itself(qwen, rows, tmp_path, config, model_folder):
    before = {n: v for n, v in weights(qwen.base).items() if n.endswith("layers.0.self_attn.q_proj.weight")}
    run = new_run(tmp_path, config)
    done = train(run, qwen, rows, None, say=lambda text: None)
    assert (done.steps, done.examples, done.stopped) == (8, 24, False)
    log = run.log()
    assert [row["step"] for row in log] == list(range(1, 9)) and log[-1]["share"] == 1
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    manifest = verify(run.adapter, "random", model_folder)
    assert manifest.in_process_only and manifest.prompt_version == qwen.prompt_style and manifest.parent is None
    assert manifest.max_pixels == qwen.max_pixels
    after = [v for n, v in weights(qwen.base).items() if n.endswith("layers.0.self_attn.q_proj.base_layer.weight")]
    assert after and np.array_equal(next(iter(before.values())), after[0])  # the base itself is never changed


def test_the_trained_adapter_serves_through_the_same_door_and_is_measured(qwen, rows, tmp_path, config, model_folder):
    run = new_run(tmp_path, config)
    steps: list[tuple[str, int, int]] = []
    train(run, qwen, rows[:1], None, say=lambda text: None, progress=lambda *far: steps.append(far))
    assert steps and [n for _, n, _ in steps] == list(range(1, len(steps) + 1)) and steps[-1][1] == steps[-1][2]
    served, said = load(str(model_folder), quantization="none", device="cpu"), []
    adapters = {"base": AdapterRef(), "active": AdapterRef(), "candidate": AdapterRef(run.name, str(run.adapter))}
    told: list[tuple[str, int, int]] = []
    comparison = compare(served, rows[:2], adapters, report=said.append, progress=lambda *far: told.append(far))
    found = comparison.evaluations
    assert found["base"] is found["active"] and found["candidate"].adapter == "one"
    assert found["candidate"].n == 2 and found["candidate"].overall.true_marks == 4
    assert len(said) == 4 and "2 of 2" in said[-1]
    assert told == [(f"Measuring {who}", n, 2) for who in ("the base model", "one") for n in (1, 2)]
    metrics = json.loads(json.dumps(comparison.to_json()))
    assert metrics["n"] == 2 and Evaluation.from_json(metrics["candidate"]) == found["candidate"]
    assert metrics["changes"]["base"] == metrics["changes"]["active"] and len(metrics["held_out"]) == 2
    assert metrics["zero_cases"]["n"] == 2 and set(metrics["negatives"]["red blood cell"]["shares"]) == set(adapters)
    against = objections("one", metrics, None, AdapterManifest.read(run.adapter))
    assert any("trained on 1 of the held-out images" in said for said in against)  # it was measured on what it learnt from
    with pytest.raises(Stopped):
        compare(served, rows, adapters, stop=lambda: True)


def test_4_bit_weights_stay_and_the_lora_is_float32(model_folder, rows, tmp_path, config):
    import torch

    small = load(str(model_folder), quantization="nf4", device="cpu")
    run = new_run(tmp_path, replace(config, quantization="nf4", epochs=2))
    train(run, small, rows, None, say=lambda text: None)
    parts = dict(small.base.named_parameters())
    trained = {n: p.dtype for n, p in parts.items() if p.requires_grad}
    assert set(trained.values()) == {torch.float32}
    assert any(p.dtype is torch.uint8 for p in parts.values())
    assert verify(run.adapter, "random", model_folder)
    last_b = [p for n, p in parts.items() if n.endswith("layers.5.mlp.up_proj.lora_B.default.weight")]
    assert float(last_b[0].detach().abs().max()) > 0  # gradients did reach the weights behind 4-bit layers


def test_a_preferred_answer_becomes_likelier_than_the_one_it_corrects(qwen, rows, tmp_path, config, model_folder):
    wrong = tuple(replace(m, shape=Box(1, 1, 9, 9)) for m in rows[0].findings.marks)
    corrected = replace(rows[0], predicted=replace(rows[0].findings, marks=wrong))
    run = new_run(tmp_path, replace(config, preference=1.0, epochs=16, replay=0, tasks={"bounding": 1}, augment=False))
    train(run, qwen, [corrected], None, say=lambda text: None)
    log = run.log()
    assert log[0]["loss"] > math.log(2) and log[-1]["preferred"] == 1 and log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert verify(run.adapter, "random", model_folder)  # and nothing of the copy that it was compared with
    assert not any(path.is_dir() for path in run.adapter.iterdir())


def test_going_on_from_an_adapter_keeps_what_it_learnt(qwen, rows, tmp_path, config, model_folder):
    first = new_run(tmp_path, config)
    train(first, qwen, rows, None, say=lambda text: None)
    again = load(str(model_folder), quantization="none", device="cpu")
    second = new_run(tmp_path, replace(config, epochs=1, lr=1e-6), "two")
    train(second, again, rows, ("one", first.adapter), say=lambda text: None)
    assert second.log()[0]["loss"] < 0.9 * first.log()[0]["loss"]
    assert AdapterManifest.read(second.adapter).parent == "one"
    assert can_continue(first.adapter, config) and not can_continue(first.adapter, replace(config, vision=False))


def test_language_model_only_by_choice(qwen, config):
    model = attach(qwen, replace(config, vision=False), None)
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    assert names and all(".language_model." in n and "lora_" in n for n in names)


def test_the_same_seed_gives_the_same_weights(rows, tmp_path, config, model_folder):
    digests = []
    for name in ("one", "two"):
        model = load(str(model_folder), quantization="none", device="cpu")
        run = new_run(tmp_path, replace(config, epochs=3), name)
        train(run, model, rows, None, say=lambda text: None)
        digests.append(AdapterManifest.read(run.adapter).files["adapter_model.safetensors"])
    assert digests[0] == digests[1]


def test_the_stop_file_ends_training_and_keeps_the_adapter(qwen, rows, tmp_path, config, model_folder):
    run = new_run(tmp_path, replace(config, epochs=500))
    run.ask_to_stop()
    done = train(run, qwen, rows, None, say=lambda text: None)
    assert done.stopped and done.steps == 1
    assert verify(run.adapter, "random", model_folder)


def test_the_clock_ends_training(qwen, rows, tmp_path, config):
    run = new_run(tmp_path, replace(config, epochs=5000, max_seconds=3))
    done = train(run, qwen, rows, None, say=lambda text: None)
    assert not done.stopped and 1 <= done.steps < 5000 and done.seconds < 20
    assert done.planned == 5000 and f"{done.steps} of 5000 planned steps" in done.sentence("one")
    assert run.log()[-1]["lr"] < config.lr / 2  # the rate was on its way down when time was over


def test_nothing_to_learn_from_is_a_sentence(qwen, tmp_path, config):
    with pytest.raises(BadSetting, match="nothing to learn from"):
        train(new_run(tmp_path, config), qwen, [], None)


def test_a_training_that_breaks_down_writes_no_adapter(qwen, rows, tmp_path, config):
    run = new_run(tmp_path, replace(config, lr=1e30, epochs=2))
    with pytest.raises(BadModel, match="not finite"):
        train(run, qwen, rows, None, say=lambda text: None)
    assert not run.adapter.exists()


def test_muon_learns_too(qwen, rows, tmp_path, config, model_folder):
    run = new_run(tmp_path, replace(config, optimizer="muon"))
    train(run, qwen, rows, None, say=lambda text: None)
    assert run.log()[-1]["loss"] < 0.8 * run.log()[0]["loss"]
    assert verify(run.adapter, "random", model_folder)


def test_clock_goes_by_steps_or_by_time_whichever_is_further():
    now = [0.0]
    clock = LearningRateSchedule(100, 60, now=lambda: now[0])
    assert 0 < clock.rate(0) < 0.5 and math.isclose(clock.rate(3), 1)
    assert clock.share(50) == 0.5
    now[0] = 45.0
    assert clock.share(50) == 0.75 and clock.seconds_left(50) == 15
    now[0] = 90.0
    assert clock.share(50) == 1 and clock.rate(50) == 0


def coco(folder: Path, **changes) -> Path:
    value = {
        "images": [{"id": 7, "file_name": "a.png", "width": 120, "height": 90, "group": "p1"}],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "dot"}],
        "annotations": [{"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 40]}],
    }
    (folder / "coco.json").write_text(json.dumps({**value, **changes}))
    return folder / "coco.json"


def test_coco_is_read_as_boxes_points_or_counts(rows):
    path = coco(rows[0].path.parent)
    (boxed,) = read_coco(path, Task.COUNT_AND_BOX)
    assert boxed.question.labels == ("cell", "dot") and boxed.group == "p1"
    assert boxed.findings.marks[0].shape == Box(10, 20, 40, 60)
    (pointed,) = read_coco(path, Task.POINTING, ["cell"])
    assert pointed.question.labels == ("cell",) and pointed.findings.marks[0].shape == Point(25, 40)
    (counted,) = read_coco(path, Task.COUNTING)
    assert counted.findings.counts(Task.COUNTING).get("cell") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"images": None},
        {"annotations": [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}]},
        {"images": [{"id": 7, "file_name": "gone.png", "width": 1, "height": 1}]},
    ],
)
def test_a_file_that_is_not_coco_is_a_sentence(rows, changes):
    with pytest.raises(BadSetting):
        read_coco(coco(rows[0].path.parent, **changes), Task.BOUNDING)


@pytest.mark.parametrize(("known", "factor"), [(frozenset(), 1.0), (frozenset({"polyp"}), 1.0), (frozenset({"platelet"}), 0.25)])
def test_what_the_base_knows_is_corrected_at_a_lower_rate(qwen, rows, tmp_path, config, monkeypatch, known, factor):
    assert "platelet" in {label for row in rows for label in row.question.labels}
    monkeypatch.setattr(qwen, "base_labels", known)
    run = new_run(tmp_path, replace(config, known_lr=0.25, epochs=3))
    train(run, qwen, rows, None, say=lambda text: None)
    assert max(row["lr"] for row in run.log() if "lr" in row) == pytest.approx(config.lr * factor, rel=0.3)


@pytest.mark.parametrize(
    ("known", "replayed"), [(frozenset(), True), (frozenset({"polyp"}), False), (frozenset({"platelet"}), True)]
)
def test_nothing_is_replayed_where_the_base_goes_on_answering_for_all_that_it_knows(
    qwen, rows, tmp_path, config, monkeypatch, known, replayed
):
    monkeypatch.setattr(qwen, "base_labels", known)
    run, old = new_run(tmp_path, replace(config, epochs=1, replay=0.5)), drawn_rows(tmp_path / "old", each=1, blanks=0)
    train(run, qwen, rows, None, say=lambda text: None, replay=old)
    assert (len(AdapterManifest.read(run.adapter).trained_on) > len({row.path for row in rows})) == replayed


def test_an_adapter_serves_what_it_and_its_parent_were_corrected_on(qwen, rows, tmp_path, config):
    first, second = new_run(tmp_path, config, "first"), new_run(tmp_path, config, "second")
    train(first, qwen, rows, None, say=lambda text: None)
    other = [replace(row, question=replace(row.question, labels=(*row.question.labels, "spore"))) for row in rows]
    train(second, qwen, other, ("first", first.adapter), say=lambda text: None)
    asked = {label for row in rows for label in row.question.labels}
    assert labels_served(first.adapter) == asked and labels_served(second.adapter) == asked | {"spore"}
