"""Checkpoints are whole or ignored; a training that is killed ends with the weights it would have had; full disks."""

from __future__ import annotations

import multiprocessing
import random
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from killed_training import train_run

from finetune.train.checkpoints import is_whole, newest_checkpoint, seal_checkpoint, seconds
from finetune.train.trainer import train
from pdc.domain.errors import StoreUnavailable
from pdc.inference.adapter_folder import AdapterManifest, verify
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

KILLS = 2


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_text(f"weights of step {step}")
    (path / "state").write_text("state")
    return path


def test_the_newest_whole_one_is_gone_on_from(tmp_path):
    assert newest_checkpoint(tmp_path / "nothing") is None
    for step in (50, 100, 1000):
        seal_checkpoint(checkpoint(tmp_path, step), seconds=step / 10)
    assert newest_checkpoint(tmp_path).name == "checkpoint-1000" and seconds(tmp_path / "checkpoint-100") == 10.0


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "COMPLETE.json").unlink(),
        lambda path: (path / "weights").write_text("weights of step 100?"),
        lambda path: (path / "state").unlink(),
        lambda path: (path / "COMPLETE.json").write_text('{"files"'),
    ],
)
def test_one_that_is_not_whole_is_removed(tmp_path, damage):
    for step in (50, 100):
        seal_checkpoint(checkpoint(tmp_path, step), seconds=1)
    damage(tmp_path / "checkpoint-100")
    assert not is_whole(tmp_path / "checkpoint-100")
    assert newest_checkpoint(tmp_path).name == "checkpoint-50" and not (tmp_path / "checkpoint-100").exists()


@pytest.fixture
def config(model_folder) -> TrainConfig:
    return TrainConfig(
        str(model_folder),
        quantization="none",
        device="cpu",
        vision=True,
        lr=5e-3,
        epochs=20,
        batch=3,
        log_every=1,
        rank=8,
        save_every=5,
        max_seconds=3600,
    )


@pytest.fixture(scope="module")
def processes():
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trl", "peft", "finetune.train", "pdc.inference.qwen"])
    return context


def test_killed_at_random_it_ends_with_the_same_weights(tmp_path, config, model_folder, rows, processes):
    def start(name: str) -> multiprocessing.Process:
        process = processes.Process(target=train_run, args=(str(tmp_path / "runs"), name, str(model_folder), str(tmp_path)))
        process.start()
        return process

    runs = {name: Run.create(tmp_path / "runs", config, name) for name in ("whole", "killed")}
    start("whole").join()
    chance = random.Random(5)
    for _ in range(KILLS):
        process, more = start("killed"), len(runs["killed"].log()) + chance.randint(2, 5)
        while len(runs["killed"].log()) < more and process.is_alive():
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.3))  # in the middle of a step, of a checkpoint, or between
        process.kill()
        process.join()
        assert not runs["killed"].is_complete()
    start("killed").join()
    digests = [AdapterManifest.read(runs[n].adapter).files["adapter_model.safetensors"] for n in ("whole", "killed")]
    assert digests[0] == digests[1]
    steps = [row["step"] for row in runs["killed"].log() if "step" in row]
    assert steps[-1] == 20 and len(steps) > 20  # it was thrown back, and went on
    assert not (runs["killed"].folder / "checkpoints").exists()


@contextmanager
def no_file_above(size: int):
    """What a full disk does to a long file: the write is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_checkpoint_that_does_not_fit_on_the_disk_does_not_end_training(qwen, rows, tmp_path, config, model_folder):
    run, said = Run.create(tmp_path / "runs", replace(config, epochs=6, save_every=3), "one"), []
    with no_file_above(3_000_000):  # the adapter has 2.3 MB, the optimiser's state twice that
        done = train(run, qwen, rows, None, say=said.append)
    assert done.steps == 6 and verify(run.adapter, "random", model_folder)
    refused = [text for text in said if "could not be written" in text]
    assert len(refused) == 2 and "training goes on" in refused[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_an_adapter_that_does_not_fit_is_a_sentence_and_leaves_nothing_half(qwen, rows, tmp_path, config):
    run = Run.create(tmp_path / "runs", replace(config, epochs=1), "one")
    with no_file_above(100_000), pytest.raises(StoreUnavailable, match="could not be written"):
        train(run, qwen, rows, None, say=lambda text: None)
    assert not run.adapter.exists() and not list(run.folder.glob("adapter*"))
