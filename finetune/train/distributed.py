"""Several processes that train one adapter together, as `torchrun` starts them: rank 0 decides and writes, the others help."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")


def rank() -> int:
    """This process's number; 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join_processes(device: str) -> None:
    """Meet the others: over gloo on a CPU, over what the GPUs speak otherwise. `device` as in the settings."""
    if world() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=device == "cpu" or not torch.cuda.is_available())


def broadcast(value: T) -> T:
    """Rank 0's value, on every rank; whoever comes first waits."""
    if world() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def barrier() -> None:
    """Until every rank has come this far."""
    if world() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()
