"""Several processes that train one adapter together, as `torchrun` starts them: rank 0 decides and writes, the others help."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def rank() -> int:
    """This process's number; 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def joined_processes(device: str) -> Iterator[None]:
    """Meet the others: over gloo on a CPU, over what the GPUs speak otherwise. `device` as in the settings.

    Each leaves before it ends: the group's threads would end the process with an abort now and then.
    """
    if world() == 1:
        yield
        return
    import torch
    from accelerate import PartialState

    PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


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
