"""Two processes train one adapter as one process would."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import ranked_training

from finetune.train.trainer import train
from pdc.domain.errors import BadSetting
from pdc.inference.adapter_folder import verify
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(model_folder) -> TrainConfig:
    return TrainConfig(
        str(model_folder), quantization="none", device="cpu", lr=5e-4, epochs=6, batch=4, log_every=1, rank=4, save_every=2
    )


def test_two_processes_learn_what_one_does(qwen, rows, tmp_path, config, model_folder):
    alone, together = (Run.create(tmp_path / "runs", config, name) for name in ("alone", "together"))
    train(alone, qwen, rows, None, say=lambda text: None)
    (tmp_path / "rows.pickle").write_bytes(pickle.dumps(rows))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [ranked_training.__file__, str(together.folder), str(tmp_path / "rows.pickle")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    logs = [[(row["step"], row["loss"]) for row in run.log()] for run in (alone, together)]
    assert [step for step, _ in logs[1]] == [1, 2, 3, 4, 5]  # one log, not one of each
    assert [loss for _, loss in logs[1]] == pytest.approx([loss for _, loss in logs[0]], rel=0.03)
    assert verify(together.adapter, "random", model_folder) and not (together.folder / "checkpoints").exists()


def test_a_batch_that_cannot_be_shared_is_a_sentence(qwen, rows, tmp_path, config, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(BadSetting, match="3 processes cannot share batches of 4"):
        train(Run.create(tmp_path, replace(config), "one"), qwen, rows, None)
