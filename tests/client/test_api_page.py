"""The page docs/api.md teaches the client: every example of its part for scripts is run, against a server of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from script_user import Office, served

from pdc.domain.users.roles import Role

pytestmark = pytest.mark.slow  # a server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
PART = PAGE.read_text("utf-8").split("## The API for scripts\n")[1].split("\n## ")[0]
THERE = "https://pdc.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Office]]:
    with served(tmp_path_factory.mktemp("documented")) as (url, place):
        yield url, place


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PART, re.DOTALL)


def test_every_python_example_runs_from_the_first_to_the_last(
    server: tuple[str, Office], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    url, place = server
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smear.png").write_bytes(place.picture())
    known = {"TOKEN": place.token("maria", Role.ADMIN)}
    for example in examples("python"):
        exec(compile(example.replace(THERE, url), "docs/api.md", "exec"), known)
    said = capsys.readouterr().out
    assert len(examples("python")) >= 9
    assert "maria Role.ADMIN" in said or "maria admin" in said
    assert "2 {'red blood cell': 1, 'platelet': 1}" in said and "done: 2" in said
    assert (
        "rejected" not in said
        and "corrected {" in said
        and "revision 2 by maria" in said
        and "404 There is no image" in said
        and "export.zip" in said
    )
    assert [r.author for r in place.desk.store.reviews()] == ["maria", "maria"]
    assert known["png"].startswith(b"\x89PNG") and known["following"] is None


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs bash and curl")
def test_every_example_for_the_shell_runs(server: tuple[str, Office], tmp_path: Path):
    url, place = server
    (tmp_path / "smear.png").write_bytes(place.picture())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "TOKEN": place.token("maria"), "PATH": path}
    for example in examples("bash"):
        done = subprocess.run(
            ["bash", "-ec", example.replace(THERE, url)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert '"total":2' in done.stdout, done.stdout + done.stderr
    assert examples("bash")
