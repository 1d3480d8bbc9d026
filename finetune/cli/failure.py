"""What went wrong, in words for whoever started the command."""

from __future__ import annotations

from pdc.domain.errors import PdcError
from pdc.inference.memory import is_out_of_memory


def sentence(error: BaseException) -> str:
    """What went wrong, for whoever started the run."""
    if isinstance(error, PdcError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"The library {error.name} is missing; `pip install 'pdc-app[train]'` installs what training needs."
    if is_out_of_memory(error):
        return "Memory ran out. Train with a smaller --batch, or set PDC_MAX_PIXELS lower; what is saved stays."
    if isinstance(error, KeyboardInterrupt):
        return "It was interrupted from the keyboard."
    return f"It ended with an error we did not foresee ({type(error).__name__}: {error}); output.txt has the details."
