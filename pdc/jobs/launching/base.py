"""The seam between a job and the machines it runs on. A launcher starts a command of PDC; the command keeps all it does in the
store and in folders that every machine shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Command:
    """What Python is started with, as in `-m pdc ...`; what its environment has beside the machine's own; and the file that
    what it prints is added to."""

    words: tuple[str, ...]
    output: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class Launched(Protocol):
    @property
    def pid(self) -> int | None:
        """The process on this machine; None where it is on another, or not begun."""
        ...

    def code(self) -> int | None:
        """What it ended with; None while it runs, or waits for a place."""
        ...

    def kill(self) -> None:
        """End it at once, and all that it started."""
        ...


class Launcher(Protocol):
    def start(self, command: Command) -> Launched: ...
