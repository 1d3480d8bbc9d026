"""Memory that ran out: told from other errors, given back, and put into a sentence."""

from __future__ import annotations

import atexit
import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pdc.domain.errors import OutOfMemory

TOO_LITTLE = (
    "Memory ran out, even with the image shown at {n} pixels. Close other programs, or set PDC_MAX_PIXELS lower. Your marks are "
    "as they were."
)
_SAID = re.compile(
    r"out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED|std::bad_alloc", re.IGNORECASE
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch on a CPU or CUDA could not get memory."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _SAID.search(str(error)) is not None)


def free() -> None:
    """Give back the memory of what nobody holds any more: models and trainers hold each other in circles."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def settle() -> None:
    """What is in memory now, such as modules and the model, stays while the program runs: from here on Python's garbage collector
    passes over it. To look through all of it takes 0.4 s, in which no reader is answered."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # libraries look for what they left behind


@contextmanager
def sentences(pixels: int) -> Iterator[None]:
    """OutOfMemory in place of what the libraries raise; `pixels`: of the image as it was shown."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(TOO_LITTLE, n=pixels) from error
