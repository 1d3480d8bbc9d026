"""A training in a process of its own, for tests that kill it."""

from __future__ import annotations

from pathlib import Path


def train_run(runs: str, name: str, model: str, folder: str) -> None:
    """Train, or go on training, the run of that name on the three pictures in `folder`."""
    import torch
    from reviewed_rows import three_rows

    from finetune.train.trainer import train
    from pdc.inference.qwen import load
    from pdc.training.run_folder import Run

    torch.set_num_threads(1)
    run = Run.open(Path(runs), name)
    train(run, load(model, quantization="none", device="cpu"), three_rows(Path(folder)), None, say=lambda text: None)
    run.mark_complete()
