"""What each process of `torchrun` does in a test: train the run of that folder on the pickled rows."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path


def main(folder: Path, rows: Path) -> None:
    from finetune.train import distributed
    from finetune.train.trainer import train
    from pdc.inference.qwen import load
    from pdc.training.run_folder import Run

    run = Run(folder)
    with distributed.joined_processes("cpu"):
        train(run, load(run.config.model, quantization="none", device="cpu"), pickle.loads(rows.read_bytes()), None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
