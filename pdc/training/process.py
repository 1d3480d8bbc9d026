"""Training as a process of its own, which outlives the app; the two talk through the run folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pdc.domain.errors import BadSetting
from pdc.domain.values import RunStatus
from pdc.settings import ROOT, Settings
from pdc.training.config import TrainConfig
from pdc.training.run_folder import Run

BEAT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How a run stands. `share` is 0 to 1 of the training, `seconds_left` an estimate of it; None when not known. `metrics` are
    those of a complete run."""

    name: str
    status: RunStatus
    message: str
    step: int = 0
    steps: int = 0
    share: float = 0.0
    seconds_left: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    stopping: bool = False
    """whether somebody asked it to stop"""

    @property
    def planned(self) -> int:
        """The steps that there will be, as far as can be told: time may end them earlier than the plan."""
        return min(self.steps, max(self.step, round(self.step / self.share))) if self.step and self.share else self.steps

    @property
    def unfinished(self) -> bool:
        """Whether its time ended before its planned steps were done, so that it is worth to go on from its adapter."""
        return self.status is RunStatus.COMPLETE and self.step < self.steps


class Trainer(Protocol):
    def start(self, by: str = "", /, **changes: Any) -> str:
        """Begin to train for a user, the model's defaults changed by these; the run's name. BadSetting when one is running."""
        ...

    def stop(self, name: str, by: str = "") -> None:
        """A user asks the run to end at its next step."""
        ...

    def running(self) -> str | None:
        """The name of the run that is going on."""
        ...

    def latest(self) -> str | None:
        """The name of the newest run."""
        ...

    def progress(self, name: str) -> TrainingProgress: ...

    def log(self, name: str) -> list[dict[str, Any]]:
        """Rows of the run's log: step, loss, ... or message."""
        ...


class ProcessTrainer:
    """`python -m finetune train` in a session of its own. All it knows is in run folders: the app may restart."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runs = settings.runs.resolve()
        self._lock = threading.Lock()
        self._children: dict[str, subprocess.Popen] = {}

    def start(self, by: str = "", /, **changes: Any) -> str:
        defaults = {"quantization": self.settings.quantization, "device": self.settings.device}
        config = TrainConfig.for_model(self.settings.model, **{**defaults, **changes})
        with self._lock:
            if name := self.running():
                raise BadSetting("The run {name} is still training; wait for it, or stop it first.", name=name)
            run = Run.create(self.runs, config)
            self._begin(run, by)
        return run.name

    def _begin(self, run: Run, by: str) -> None:
        self._spawn(run)

    def _spawn(self, run: Run) -> None:
        command = [sys.executable, *command_of(run)]
        with run.output.open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment(self.settings)},
                start_new_session=os.name != "nt",
            )
        self._children[run.name] = child
        run.write_process(child.pid, process_start(child.pid) or 0.0)

    def stop(self, name: str, by: str = "") -> None:
        Run.open(self.runs, name).ask_to_stop()

    def running(self) -> str | None:
        return next((run.name for run in reversed(Run.all(self.runs)) if self._is_alive(run)), None)

    def latest(self) -> str | None:
        found = Run.all(self.runs)
        return found[-1].name if found else None

    def progress(self, name: str) -> TrainingProgress:
        run = Run.open(self.runs, name)
        status, rows = run.status(self._is_alive(run)), run.log()
        step = next((row for row in reversed(rows) if "step" in row), {})
        share = 1.0 if status is RunStatus.COMPLETE else step.get("share", 0.0)
        left = step.get("seconds_left") if status is RunStatus.RUNNING else None
        metrics = run.metrics() if status is RunStatus.COMPLETE else {}
        message = _message(run, status, rows)
        steps = step.get("step", 0), step.get("steps", 0)
        return TrainingProgress(name, status, message, *steps, share, left, metrics, run.stop_asked)

    def log(self, name: str) -> list[dict[str, Any]]:
        return Run.open(self.runs, name).log()

    def _is_alive(self, run: Run) -> bool:
        child = self._children.get(run.name)
        if child is not None:
            return child.poll() is None
        return is_alive(run)


def command_of(run: Run) -> tuple[str, ...]:
    """What Python is started with to train a prepared run, or to go on with one that was interrupted."""
    return "-m", "finetune", "train", "--run", run.name


def is_alive(run: Run) -> bool:
    """Whether the very process that trains this run is still there; a reused process id does not count. One on another machine
    is there as long as it says so."""
    if (run.folder / "COMPLETE").exists() or (known := run.process()) is None:
        return False
    if run.is_elsewhere():
        return run.beats()
    started = process_start(known[0])
    return started is not None and abs(started - known[1]) < 1.0


def say_alive(run: Run) -> None:
    """Beat from now on, until this process ends or the folder is gone."""

    def go_on() -> None:
        with suppress(OSError):
            while run.folder.is_dir():
                run.beat()
                time.sleep(BEAT_SECONDS)

    threading.Thread(target=go_on, name="beat", daemon=True).start()


def process_start(pid: int) -> float | None:
    """When the process started, seconds since 1970; None when there is none or it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def environment(settings: Settings) -> dict[str, str]:
    """What the child needs to see the same home, database and model, from whatever folder it is started in. The URL has its
    password, so the settings that name it apart are empty."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    values = {
        "PDC_HOME": str(settings.home.resolve()),
        "PDC_DATABASE_URL": settings.url,
        "PDC_DATABASE_PASSWORD": "",
        "PDC_DATABASE_PASSWORD_FILE": "",
        "PDC_MODEL": settings.model,
        "PDC_QUANTIZATION": settings.quantization,
        "PDC_DEVICE": settings.device,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }
    return {**values, "HF_HUB_OFFLINE": "1"} if Path(settings.model).is_dir() else values


def _message(run: Run, status: RunStatus, rows: Sequence[Mapping[str, Any]]) -> str:
    if status is RunStatus.FAILED:
        return run.failure or "The training process ended without a word; output.txt in the run folder may say why."
    if status is RunStatus.STOPPED:
        return "Stopped. What was learnt so far is in the run folder and was not registered."
    return next((str(row["message"]) for row in reversed(rows) if "message" in row), "Starting.")
