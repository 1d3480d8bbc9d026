"""What tests of the command line share."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from command_line import Done, Pdc

from pdc.cli.main import main


@pytest.fixture
def pdc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pdc:
    """pdc(words, stdin=..., PDC_PORT=...) in this process: what a process of its own says too, without its seconds of imports."""

    def run(*words: str, stdin: str = "", **env: str) -> Done:
        for name, value in {"PDC_HOME": str(tmp_path), **env}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(words)
        return Done(code, *capsys.readouterr())

    return run
