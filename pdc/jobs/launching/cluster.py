"""Commands as tasks of a Ray cluster, whose machines share PDC_HOME and the database. Needs the extra `cluster`.

A task holds one place (a CPU, and a GPU where PDC_RAY_GPUS says so) for as long as its command runs, and ends with the process
that asked for it: whoever takes the job up again starts the command again.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.jobs.launching.base import Command
from pdc.jobs.launching.local import LocalLauncher

NO_RAY = "PDC_LAUNCHER names a Ray cluster, and Ray is not installed; install it with `pip install pdc-app[cluster]`."
NO_CLUSTER = "The Ray cluster at {address} does not answer ({why}); start it, or set PDC_LAUNCHER to local."
LOOK_SECONDS = 0.2


def run_here(words: tuple[str, ...], output: str, environment: dict[str, str]) -> int:
    """On a machine of the cluster: run the command to its end, and end it when the task is cancelled."""
    import time
    from pathlib import Path

    process = LocalLauncher().start(Command(words, Path(output), environment))
    try:
        while (code := process.code()) is None:
            time.sleep(LOOK_SECONDS)
        return code
    except BaseException:
        process.kill()
        raise


class RayTask:
    """A command that was given to the cluster."""

    pid = None

    def __init__(self, ray: Any, task: Any) -> None:
        self._ray, self._task = ray, task

    def code(self) -> int | None:
        ready, _ = self._ray.wait([self._task], timeout=0)
        if not ready:
            return None
        try:
            return int(self._ray.get(self._task))
        except self._ray.exceptions.RayError:
            return 1  # its machine was lost, or it was killed

    def kill(self) -> None:
        self._ray.cancel(self._task)


class RayLauncher:
    """Gives commands to the cluster at `address`; `auto` is the one that this machine belongs to. Connects at the first one."""

    def __init__(self, address: str = "auto", gpus: float = 0) -> None:
        self.address, self.gpus = address, gpus

    def start(self, command: Command) -> RayTask:
        ray = self._connected()
        task = ray.remote(num_cpus=1, num_gpus=self.gpus, max_retries=0)(run_here)
        return RayTask(ray, task.remote(command.words, str(command.output), dict(command.environment)))

    def _connected(self) -> Any:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing about this machine is sent to Ray's makers
        try:
            ray = import_module("ray")
        except ImportError:
            raise BadSetting(NO_RAY) from None
        try:
            ray.init(address=self.address, ignore_reinit_error=True, log_to_driver=False, logging_level="error")
        except (ConnectionError, ValueError) as error:
            raise BadSetting(NO_CLUSTER, address=self.address, why=type(error).__name__) from error
        return ray
