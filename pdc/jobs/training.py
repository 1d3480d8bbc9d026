"""The jobs that train an adapter and measure one: commands of `finetune`, each a process that a launcher starts.

A training outlives whoever watches it. Whoever takes the job up again watches the run that goes on, or starts it anew where its
process has died; it then goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import sleep

from pdc import files
from pdc.domain.errors import BadSetting, NotFound, PdcError
from pdc.domain.message import Message
from pdc.domain.users.roles import Action
from pdc.domain.values import RunStatus
from pdc.jobs.desk import JobDesk
from pdc.jobs.kinds import Asked, Cancelled, Ended, Kind, Report, Result
from pdc.jobs.launching.base import Command, Launched, Launcher
from pdc.jobs.launching.local import LocalLauncher
from pdc.jobs.worker import Hand
from pdc.settings import Settings
from pdc.store.jobs.queries import MOST_TRIES
from pdc.store.jobs.records import OPEN, Job, Wanted
from pdc.store.store import Store
from pdc.training.process import ProcessTrainer, TrainingProgress, command_of, environment, is_alive, process_start
from pdc.training.run_folder import Run

TRAIN, EVALUATE = "train", "evaluate"
LOOK_SECONDS = 0.5
WAITING = Message("Waiting for a process that trains.")
NOT_MEASURED = "The measuring ended with code {code}: {said}"
LAST_WORDS = 300  # characters of what a command printed last
MEASURING = re.compile(r"^Measuring (?P<name>.+): (?P<done>\d+) of (?P<total>\d+)", re.MULTILINE)


class Training:
    """Does the job `train`: {"run": name of a prepared or interrupted run}."""

    def __init__(self, settings: Settings, launcher: Launcher) -> None:
        self.settings, self.launcher = settings, launcher
        self.runs, self.trainer = settings.runs.resolve(), ProcessTrainer(settings)

    @property
    def kind(self) -> Kind:
        return Kind(
            TRAIN,
            self,
            takes=Action.TRAIN,
            alone=lambda asked: TRAIN,
            check=self.check,
            to_end=self.ask_to_stop,
            settings=("run",),
        )

    def check(self, asked: Asked) -> None:
        """NotFound without such a run, BadSetting where it is complete."""
        run = self._run(asked)
        if run.is_here:
            raise BadSetting("The run {name} is complete; start a new one.", name=run.name)

    def ask_to_stop(self, asked: Asked) -> None:
        """The run ends at its next step."""
        self._run(asked).ask_to_stop()

    def _run(self, asked: Asked) -> Run:
        return Run.open(self.runs, str(asked.get("run", "")))

    def __call__(self, asked: Asked, report: Report, cancelled: Cancelled) -> Result:
        run, goes_on = self._run(asked), False
        if is_alive(run):
            goes_on = True
            self._watch(run, None, report)
        if not run.is_here and not (goes_on and _has_said_why(run)):
            self._watch(run, self._launched(run), report)
        return self._outcome(run)

    def _outcome(self, run: Run) -> Result:
        status = run.status(False)
        if status is RunStatus.STOPPED:
            raise Ended
        if status is not RunStatus.COMPLETE:
            raise BadSetting(Message(self.trainer.progress(run.name).message))
        return {"run": run.name}

    def _watch(self, run: Run, launched: Launched | None, report: Report) -> None:
        """Until it has ended; `launched`: the process, where this one started it."""
        while launched.code() is None if launched else is_alive(run):
            self._tell(run, report)
            sleep(LOOK_SECONDS)

    def _launched(self, run: Run) -> Launched:
        launched = self.launcher.start(Command(command_of(run), run.output, environment(self.settings)))
        if launched.pid is not None:
            run.write_process(launched.pid, process_start(launched.pid) or 0.0)
        return launched

    def _tell(self, run: Run, report: Report) -> None:
        """A run that was asked to stop is waited for; else whoever watches may leave, and the run goes on."""
        now = self.trainer.progress(run.name)
        try:
            report(now.step, now.planned or None, Message(now.message))
        except Ended:
            if not run.stop_asked:
                raise


def _has_said_why(run: Run) -> bool:
    """Whether a run that has ended was not just killed."""
    return any((run.folder / mark).exists() for mark in ("FAILED", "STOPPED"))


class JobTrainer(ProcessTrainer):
    """Trainings as jobs: one row of the database decides that there is one at a time, whoever starts it."""

    def __init__(self, settings: Settings, desk: JobDesk) -> None:
        super().__init__(settings)
        self.desk = desk

    def _begin(self, run: Run, by: str) -> None:
        try:
            self.desk.start(TRAIN, {"run": run.name}, by)
        except PdcError:
            shutil.rmtree(run.folder, ignore_errors=True)
            raise

    def running(self) -> str | None:
        """Also one that waits for its process."""
        job = self._job()
        return str(job.asked["run"]) if job else super().running()

    def stop(self, name: str, by: str = "") -> None:
        super().stop(name)
        if (job := self._job()) and job.asked["run"] == name:
            self.desk.store.cancel_job(job.id, by or job.by)

    def progress(self, name: str) -> TrainingProgress:
        now = super().progress(name)
        waits = now.status is RunStatus.PREPARED and (job := self._job()) is not None and job.asked["run"] == name
        return replace(now, status=RunStatus.RUNNING, message=WAITING) if waits else now

    def _job(self) -> Job | None:
        return next(iter(self.desk.store.jobs(Wanted(kinds=(TRAIN,), states=OPEN), 1)), None)


@contextmanager
def by_hand(settings: Settings, store: Store, run: Run, by: str) -> Iterator[None]:
    """A training that somebody began at a terminal is listed as a job too, so that nothing else is trained meanwhile. One that a
    job began is listed already. BadSetting while another training goes on."""
    wanted = Wanted(kinds=(TRAIN,), states=OPEN)
    if any(job.asked.get("run") == run.name for job in store.jobs(wanted, 1)):
        yield
        return
    kind = Training(settings, LocalLauncher()).kind
    with Hand(store).does(kind, {"run": run.name}, by, tries=MOST_TRIES):
        yield


class Evaluating:
    """Does the job `evaluate`: {"adapter": `active`, `none` or a name}, on the held-out reviews. Its result: what it measured."""

    def __init__(self, settings: Settings, launcher: Launcher, folder: Path) -> None:
        self.settings, self.launcher, self.folder = settings, launcher, folder

    @property
    def kind(self) -> Kind:
        return Kind(EVALUATE, self, takes=Action.TRAIN, alone=lambda asked: EVALUATE, check=self.check, settings=("adapter",))

    def check(self, asked: Asked) -> None:
        """NotFound where the name cannot be one."""
        name = str(asked.get("adapter", "active"))
        if not name or name.startswith("-"):
            raise NotFound("There is no adapter {name}.", name=repr(name))

    def __call__(self, asked: Asked, report: Report, cancelled: Cancelled) -> Result:
        folder = self.folder / str(asked["job"])
        output, process = folder / "evaluate.txt", folder / "process.json"
        _end_left(process)
        output.unlink(missing_ok=True)
        words = ("-m", "finetune", "evaluate", "--json", "--adapter", str(asked.get("adapter", "active")))
        launched = self.launcher.start(Command(words, output, environment(self.settings)))
        if launched.pid is not None:
            files.write_json(process, {"pid": launched.pid, "created": process_start(launched.pid)})
        try:
            while launched.code() is None:
                report(*_how_far(output))
                sleep(LOOK_SECONDS)
        except BaseException:
            launched.kill()
            raise
        measured, (_, total, words) = _measured(output, launched.code() or 0), _how_far(output)
        report(total or 0, total, words)
        return measured


def _end_left(process: Path) -> None:
    """The command of a worker that was killed goes on alone. It is ended: the next one goes on with its answers."""
    import psutil

    left = files.read_json(process)
    if left and (created := process_start(left["pid"])) is not None and created == left["created"]:
        with suppress(psutil.Error):
            alone = psutil.Process(left["pid"])
            for one in (*alone.children(recursive=True), alone):
                one.kill()
            alone.wait(LOOK_SECONDS)


def _how_far(output: Path) -> tuple[int, int | None, Message]:
    """What the measuring printed last of how far it is: questions done, questions in all, and whose answers they are."""
    *_, last = [None, *MEASURING.finditer(output.read_text("utf-8", "replace") if output.exists() else "")]
    if last is None:
        return 0, None, Message("Measuring")
    return int(last["done"]), int(last["total"]), Message("Measuring {name}", name=Message(last["name"]))


def _measured(output: Path, code: int) -> Result:
    said = output.read_text("utf-8", "replace").strip()
    if code:
        raise BadSetting(NOT_MEASURED, code=code, said=said[-LAST_WORDS:])
    return {"measured": json.loads(said.splitlines()[-1])}
