from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import RunStatus
from pdc.settings import Settings
from pdc.store import Store
from pdc.training.config import TrainConfig
from pdc.training.process import ProcessTrainer, environment, is_alive, process_start, say_alive
from pdc.training.run_folder import Run


@pytest.fixture
def settings(tmp_path) -> Settings:
    """No model is there: a run of these ends with a sentence as soon as it looks for reviews."""
    return Settings(home=tmp_path / "home", model=str(tmp_path / "no-model"), device="cpu")


def wait(until: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    yield child
    child.kill()
    child.wait()


def run_of(settings: Settings, name: str, pid: int, created: float) -> Run:
    run = Run.create(settings.runs.resolve(), TrainConfig("base"), name)
    run.write_process(pid, created)
    return run


def test_a_run_is_alive_while_its_very_process_is(settings, sleeper):
    run = run_of(settings, "one", sleeper.pid, process_start(sleeper.pid))
    trainer = ProcessTrainer(settings)  # a fresh one, as after a restart of the app
    assert is_alive(run) and trainer.running() == "one"
    assert trainer.progress("one").status is RunStatus.RUNNING
    sleeper.kill()
    wait(lambda: not is_alive(run), 10)  # a zombie does not count
    assert trainer.running() is None and trainer.progress("one").status is RunStatus.FAILED


def test_a_reused_process_id_is_not_the_run(settings, sleeper):
    run = run_of(settings, "one", sleeper.pid, process_start(sleeper.pid) - 3600)
    assert not is_alive(run)


def test_a_run_on_another_machine_is_alive_as_long_as_it_says_so(settings, sleeper):
    run = run_of(settings, "one", 2**22 + 1, 1.0)
    assert not is_alive(run)  # here it would have ended
    said = json.loads((run.folder / "process.json").read_text())
    (run.folder / "process.json").write_text(json.dumps({**said, "machine": "another"}))
    assert is_alive(run) and ProcessTrainer(settings).progress("one").status is RunStatus.RUNNING
    os.utime(run.folder / "beat", (0, 0))
    assert not is_alive(run) and ProcessTrainer(settings).progress("one").status is RunStatus.FAILED
    say_alive(run)
    wait(lambda: is_alive(run), 10)


def test_one_run_at_a_time(settings, sleeper):
    run_of(settings, "one", sleeper.pid, process_start(sleeper.pid))
    with pytest.raises(BadSetting, match="one is still training"):
        ProcessTrainer(settings).start()
    assert [r.name for r in Run.all(settings.runs)] == ["one"]


def test_a_config_that_cannot_be_starts_nothing(settings):
    with pytest.raises(BadSetting, match="epochs"):
        ProcessTrainer(settings).start(epochs=0)
    assert ProcessTrainer(settings).latest() is None


def test_progress_reads_the_folder(settings, sleeper):
    run = run_of(settings, "one", sleeper.pid, process_start(sleeper.pid))
    run.append_log(message="Training.")
    run.append_log(step=3, steps=10, loss=1.5, share=0.3, seconds_left=70.0)
    trainer = ProcessTrainer(settings)
    p = trainer.progress("one")
    assert (p.step, p.steps, p.share, p.seconds_left, p.message) == (3, 10, 0.3, 70.0, "Training.")
    assert trainer.log("one")[-1]["loss"] == 1.5
    trainer.stop("one")
    assert run.stop_asked
    with pytest.raises(NotFound):
        trainer.progress("two")


@pytest.mark.slow
def test_a_child_has_a_session_of_its_own_and_one_that_fails_says_why_and_is_noted_in_the_store(settings):
    trainer = ProcessTrainer(settings)
    name = trainer.start(epochs=1)
    assert trainer.running() == name and trainer.latest() == name
    pid, _ = Run.open(settings.runs.resolve(), name).process()
    assert os.getsid(pid) == pid != os.getsid(0)
    wait(lambda: trainer.running() is None)
    progress = trainer.progress(name)
    assert progress.status is RunStatus.FAILED
    assert progress.message == "There are no accepted or corrected reviews to train on; review some images first."
    store = Store.open(settings.url)
    assert [(r.name, r.status) for r in store.runs()] == [(name, RunStatus.FAILED)]
    store.close()


def test_the_child_sees_the_same_home_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = environment(Settings(home=Path("mine"), model="some/hub-name"))
    assert values["PDC_HOME"] == str(tmp_path / "mine") and str(tmp_path / "mine") in values["PDC_DATABASE_URL"]
    assert "HF_HUB_OFFLINE" not in values
    assert environment(Settings(model=str(tmp_path)))["HF_HUB_OFFLINE"] == "1"


def test_the_child_opens_the_same_database_where_its_password_is_a_setting_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "password").write_text("p@ss")
    monkeypatch.setenv("PDC_DATABASE_URL", "postgresql+psycopg://pdc@db/pdc")
    for name, value in {"PDC_DATABASE_PASSWORD_FILE": str(tmp_path / "password"), "PDC_DATABASE_PASSWORD": "p@ss"}.items():
        monkeypatch.setenv(name, value)
        settings = Settings.from_env()
        assert Settings.from_env({**os.environ, **environment(settings)}).url == settings.url


def test_a_child_that_ends_without_a_word_is_not_running_for_ever(settings):
    run = run_of(settings, "one", 2**22 + 1, 5.0)
    assert ProcessTrainer(settings).progress(run.name).message.startswith("The training process ended without a word")
