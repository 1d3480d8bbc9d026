"""Commands on a Ray cluster, where Ray is installed: a cluster of this machine is started for the file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdc.jobs.launching.base import Command
from pdc.jobs.launching.cluster import RayLauncher

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray")
pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def launcher() -> Iterator[RayLauncher]:
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield RayLauncher()
    ray.shutdown()


def ended(launched, seconds: float = 120) -> int:
    deadline = time.monotonic() + seconds
    while (code := launched.code()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return code


def test_two_commands_run_beside_each_other_and_say_how_they_ended(launcher: RayLauncher, tmp_path: Path):
    code = "import os, sys; print(os.environ['PART']); sys.exit(int(os.environ['PART']))"
    parts = [launcher.start(Command(("-c", code), tmp_path / f"{n}.txt", {"PART": str(n)})) for n in range(2)]
    assert [ended(part) for part in parts] == [0, 1]
    assert [(tmp_path / f"{n}.txt").read_text().strip() for n in range(2)] == ["0", "1"]


def test_a_command_that_is_killed_leaves_no_process(launcher: RayLauncher, tmp_path: Path):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
    launched = launcher.start(Command(("-c", code), tmp_path / "out.txt"))
    while not (said := (tmp_path / "out.txt").read_text() if (tmp_path / "out.txt").exists() else ""):
        time.sleep(0.05)
    launched.kill()
    assert ended(launched) != 0
    deadline = time.monotonic() + 60
    while Path(f"/proc/{said.strip()}").exists():
        assert time.monotonic() < deadline, "the process is still there"
        time.sleep(0.05)
