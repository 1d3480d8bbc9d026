"""Checkpoints that are whole or ignored.

The trainer writes straight into `checkpoint-N`, so a kill or a full disk leaves half a folder that would silently weaken
what goes on from it. A marker with every file's sha256 is written last; only folders with a true marker are gone on from.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.train import distributed
from pdc.files import read_json, sha256, write_json

if TYPE_CHECKING:
    from trl.trainer.base_trainer import _BaseTrainer as AnyTrainer

MARKER = "COMPLETE.json"
KEEP = 2


def seal_checkpoint(folder: Path, seconds: float) -> None:
    """Force the folder to disk, then say so. `seconds`: training time so far."""
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MARKER]
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    write_json(folder / MARKER, {"files": {p.relative_to(folder).as_posix(): sha256(p) for p in paths}, "seconds": seconds})


def is_whole(folder: Path) -> bool:
    marker = read_json(folder / MARKER)
    if not marker:
        return False
    return all((folder / name).is_file() and sha256(folder / name) == digest for name, digest in marker["files"].items())


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint under `folder`; those that are not whole are removed, so that they are in nobody's way."""
    found = None
    for path in sorted(folder.glob("checkpoint-*"), key=lambda p: -int(p.name.split("-")[1])):
        if not is_whole(path):
            shutil.rmtree(path)
        elif found is None:
            found = path
    return found


def seconds(folder: Path) -> float:
    """Training time that led to a whole checkpoint."""
    return float((read_json(folder / MARKER) or {}).get("seconds", 0.0))


def drop_old(folder: Path) -> None:
    """Keep the newest two."""
    for path in sorted(folder.glob("checkpoint-*"), key=lambda p: -int(p.name.split("-")[1]))[KEEP:]:
        shutil.rmtree(path)


def with_sealed_checkpoints(
    trainer_class: type[AnyTrainer], seconds: Callable[[], float], say: Callable[[str], None]
) -> type[AnyTrainer]:
    """The trainer class with checkpoints that are sealed; `seconds` gives the training time so far."""
    from safetensors import SafetensorError

    class Trainer(trainer_class):  # type: ignore[misc, valid-type]
        """Seals its checkpoints. One that the disk refuses is removed, and training goes on without it."""

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            assert self.args.output_dir is not None  # build_trainer sets it
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            try:
                super()._save_checkpoint(model, trial)
                distributed.barrier()
                if distributed.rank() == 0:
                    seal_checkpoint(folder, seconds())
                    drop_old(folder.parent)
            except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have errors of their own
                shutil.rmtree(folder, ignore_errors=True)
                say(f"The checkpoint at step {self.state.global_step} could not be written ({error}); training goes on.")

    return Trainer
