"""Commands as processes of this machine. Each has a session of its own, so it outlives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pdc.jobs.launching.base import Command


class LocalProcess:
    """A process that was started here."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def code(self) -> int | None:
        return self._child.poll()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            if os.name == "nt":
                self._child.kill()
            else:
                os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()


class LocalLauncher:
    """Starts commands with this Python."""

    def start(self, command: Command) -> LocalProcess:
        command.output.parent.mkdir(parents=True, exist_ok=True)
        with Path(command.output).open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, *command.words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.environment},
                start_new_session=os.name != "nt",
            )
        return LocalProcess(child)
