"""The watch over what leaves the machine works: whoever asks for another machine is refused and told of, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from egress import LOG, WATCHED, is_here

CONNECT = "import socket; socket.create_connection(('{host}', 9), 1)"


def ran(code: str, log: Path) -> str:
    """What a process says that runs this code."""
    env = {**os.environ, LOG: str(log), "PYTHONPATH": str(WATCHED)}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60).stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org"])
def test_a_process_that_asks_for_another_machine_is_refused_and_told_of(tmp_path: Path, host: str):
    said = ran(CONNECT.format(host=host), tmp_path / "log")
    assert "tests reach nobody" in said and host in (tmp_path / "log").read_text()


def test_a_process_may_ask_this_machine(tmp_path: Path):
    assert "refused" in ran(CONNECT.format(host="127.0.0.1"), tmp_path / "log") and not (tmp_path / "log").exists()


def test_this_process_is_watched_too():
    assert os.environ.get(LOG) and str(WATCHED) in os.environ["PYTHONPATH"]


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.2", True), ("::1", True), (b"localhost", True), ("0.0.0.0", True), ("10.0.0.1", False)]
)
def test_only_addresses_of_this_machine_are_here(host: object, here: bool):
    assert is_here(host) is here
