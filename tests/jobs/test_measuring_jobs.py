"""Measuring as a job: a command of its own, which says how far it is, and whose last line is what it measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pdc.domain.errors import BadSetting
from pdc.jobs.kinds import Ended
from pdc.jobs.launching.base import Command
from pdc.jobs.launching.local import LocalLauncher, LocalProcess
from pdc.jobs.training import Evaluating
from pdc.settings import Settings

SAYS = """
import sys, time
from pathlib import Path
print("Going on: 2 answers are there already.", file=sys.stderr, flush=True)
print("Measuring the base model: 12 of 40, 9 s left", file=sys.stderr, flush=True)
while not Path("{go_on}").exists(): time.sleep(0.01)
print("Measuring spring: 3 of 40", file=sys.stderr, flush=True)
while Path("{go_on}").exists(): time.sleep(0.01)
print('{{"base": {{"n": 40}}}}')
sys.exit({code})
"""


class Instead:
    """Starts a command that prints what a measuring prints, as a real process."""

    def __init__(self, go_on: Path, code: int = 0) -> None:
        self.says, self.commands = SAYS.format(go_on=go_on, code=code), list[Command]()
        self.process: LocalProcess | None = None

    def start(self, command: Command) -> LocalProcess:
        self.commands.append(command)
        self.process = LocalLauncher().start(replace(command, words=("-c", self.says)))
        return self.process


@pytest.fixture
def go_on(tmp_path: Path) -> Path:
    return tmp_path / "go on"


def test_a_measuring_says_whose_answers_it_has_and_how_many(tmp_path: Path, go_on: Path):
    told, launcher = [], Instead(go_on)

    def report(done: int, total: int | None, words: str) -> None:
        told.append((done, total, words))
        if done == 12:
            go_on.touch()
        if done == 3:
            go_on.unlink(missing_ok=True)

    evaluating = Evaluating(Settings(home=tmp_path, model="base"), launcher, tmp_path / "jobs")
    assert evaluating({"adapter": "spring", "job": 1}, report, lambda: False) == {"measured": {"base": {"n": 40}}}
    assert launcher.commands[0].words[-2:] == ("--adapter", "spring")
    parts = list(dict.fromkeys(told))
    of_spring = "Measuring spring"
    assert parts[-3:] == [(12, 40, "Measuring the base model"), (3, 40, of_spring), (40, 40, of_spring)]
    assert parts[:-3] in ([], [(0, None, "Measuring")])


def test_a_measuring_that_is_to_end_ends_its_command(tmp_path: Path, go_on: Path):
    launcher = Instead(go_on)

    def report(done: int, total: int | None, words: str) -> None:
        if done:
            raise Ended

    with pytest.raises(Ended):
        Evaluating(Settings(home=tmp_path), launcher, tmp_path / "jobs")({"job": 1}, report, lambda: False)
    assert launcher.process and launcher.process.code() not in (None, 0)


def test_why_a_measuring_failed_is_what_it_said_last(tmp_path: Path, go_on: Path):
    def report(done: int, total: int | None, words: str) -> None:
        go_on.touch() if done == 12 else go_on.unlink(missing_ok=True)

    with pytest.raises(BadSetting, match=r"(?s)ended with code 2: .*Measuring spring: 3 of 40"):
        evaluating = Evaluating(Settings(home=tmp_path), Instead(go_on, code=2), tmp_path / "jobs")
        evaluating({"job": 1}, report, lambda: False)


def test_the_command_of_a_worker_that_was_killed_is_ended_before_the_next_begins(tmp_path: Path, go_on: Path, monkeypatch):
    first, evaluating = Instead(go_on), Evaluating(Settings(home=tmp_path), launcher := Instead(go_on), tmp_path / "jobs")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(LocalProcess, "kill", lambda process: None)  # nobody is left to end it
        patch.setattr(launcher, "start", first.start)
        evaluating({"job": 1}, lambda done, total, words: (_ for _ in ()).throw(KeyboardInterrupt), lambda: False)
    assert first.process and first.process.code() is None
    with pytest.raises(Ended):
        evaluating({"job": 1}, lambda done, total, words: (_ for _ in ()).throw(Ended), lambda: False)
    assert first.process.code() is not None
