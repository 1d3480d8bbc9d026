from __future__ import annotations

import json

import pytest

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import RunStatus, Task
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / "runs", TrainConfig("base"), "first")


def test_config_survives_the_folder(tmp_path):
    config = TrainConfig("base", rank=8, parent=None, vision=True, tasks={Task.COUNTING: 1.0}, max_seconds=9.5)
    run = Run.create(tmp_path, config)
    assert Run.open(tmp_path, run.name).config == config


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "sgd"},
        {"held_out_limit": 0},
        {"rank": 0},
        {"lr": -1e-4},
        {"epochs": 0},
        {"batch": 0},
        {"max_seconds": 0},
        {"lr": float("nan")},
        {"quantization": "int3"},
        {"tasks": {"guessing": 1}},
        {"tasks": {"counting": -1, "pointing": 2}},
        {"tasks": {}},
    ],
)
def test_an_impossible_config_is_refused_with_a_sentence(change):
    with pytest.raises(BadSetting, match=r"\.$"):
        TrainConfig(**{"model": "base", **change}).checked()


def test_a_field_from_another_version_is_refused():
    with pytest.raises(BadSetting, match="'warp'"):
        TrainConfig.from_json({"model": "base", "warp": 9})


@pytest.mark.parametrize(("hidden", "vision"), [(256, True), (3584, False)])
def test_defaults_fit_the_model(tmp_path, hidden, vision):
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"hidden_size": hidden}}))
    config = TrainConfig.for_model(str(tmp_path))
    assert config.vision is vision
    assert TrainConfig.for_model(str(tmp_path), vision=not vision, lr=1e-5).vision is not vision


def test_a_hub_name_gets_the_defaults_of_a_large_model():
    assert TrainConfig.for_model("Qwen/Qwen2.5-VL-7B-Instruct") == TrainConfig("Qwen/Qwen2.5-VL-7B-Instruct")


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "x" * 65])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(NotFound):
        Run.open(tmp_path, name)
    if name:
        with pytest.raises(BadSetting):
            Run.create(tmp_path, TrainConfig("base"), name)
    assert not list(tmp_path.parent.glob("x"))


def test_a_name_is_used_once(run):
    with pytest.raises(BadSetting, match="already"):
        Run.create(run.folder.parent, TrainConfig("base"), "first")


def test_runs_are_listed_oldest_first(tmp_path):
    names = [Run.create(tmp_path, TrainConfig("base"), name).name for name in ("zebra", "ant", "cow")]
    assert [r.name for r in Run.all(tmp_path)] == names
    assert Run.all(tmp_path / "nowhere") == []


def test_log_skips_the_line_a_kill_cut_short(run):
    run.append_log(step=1, loss=2.5)
    run.append_log(step=2, loss=2.0)
    path = run.folder / "log.jsonl"
    path.write_text(path.read_text() + '{"step": 3, "lo')
    assert [row["step"] for row in run.log()] == [1, 2]


def test_status_follows_the_folder(run):
    assert run.status(alive=False) is RunStatus.PREPARED
    run.write_process(1234, 5.0)
    assert run.process() == (1234, 5.0)
    assert run.status(alive=True) is RunStatus.RUNNING
    assert run.status(alive=False) is RunStatus.FAILED  # killed: nobody could write why
    run.mark_stopped()
    assert run.status(alive=False) is RunStatus.STOPPED
    run.mark_complete()
    assert run.status(alive=False) is RunStatus.COMPLETE


def test_failure_is_kept_as_a_sentence(run):
    assert run.failure is None
    run.mark_failed("There is no review to learn from.")
    assert run.failure == "There is no review to learn from."


def test_stop_is_asked_by_a_file(run):
    assert not run.stop_asked
    run.ask_to_stop()
    assert Run.open(run.folder.parent, run.name).stop_asked


@pytest.fixture
def complete(run) -> Run:
    for folder in (run.adapter, run.data):
        folder.mkdir()
    (run.adapter / "weights").write_bytes(b"\x00\x01")
    (run.data / "train.jsonl").write_text("{}\n")
    run.write_metrics({"n": 3})
    run.append_log(step=1)
    run.mark_complete()
    return run


def test_complete_names_what_must_not_change(complete):
    marker = json.loads((complete.folder / "COMPLETE").read_text())
    assert set(marker["files"]) == {"config.json", "metrics.json", "adapter/weights", "data/train.jsonl"}
    assert complete.is_complete() and complete.metrics() == {"n": 3}
    complete.append_log(step=2)
    assert complete.is_complete()  # the log may grow


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: (run.adapter / "weights").write_bytes(b"\x00\x02"),
        lambda run: (run.data / "train.jsonl").unlink(),
        lambda run: (run.folder / "COMPLETE").write_text(""),
        lambda run: (run.folder / "COMPLETE").unlink(),
    ],
)
def test_a_changed_run_is_not_complete(complete, damage):
    damage(complete)
    assert not complete.is_complete()
