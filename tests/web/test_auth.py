"""The key that signs logins, and who a cookie stands for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_app import client

from pdc.domain.errors import BadSetting
from pdc.store import Store
from pdc.web.auth import Access, _secret, hash_password

START = """
import sys
from pathlib import Path
from pdc.web.auth import _secret
print("ready", flush=True)
sys.stdin.readline()
print(_secret(Path(sys.argv[1])))
"""
FULL = """
import resource, signal, sys
from pathlib import Path
from pdc.web.auth import _secret
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
_secret(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("left", [b"", b"half a key", b" " * 64], ids=["empty", "half", "blanks"])
def test_a_key_file_without_a_whole_key_is_refused_with_a_way_out(tmp_path: Path, left: bytes):
    (tmp_path / "secret").write_bytes(left)
    with pytest.raises(BadSetting, match="Remove the file and start again"):
        Access(Store.open("sqlite://"), tmp_path, login=True)


def test_a_key_is_for_its_owner_only_and_stays(tmp_path: Path):
    key = _secret(tmp_path / "home")
    assert len(key) >= 32 and (tmp_path / "home" / "secret").stat().st_mode & 0o777 == 0o600
    assert _secret(tmp_path / "home") == key != _secret(tmp_path / "other")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret"]


@pytest.mark.slow
def test_processes_that_start_at_once_have_one_key(tmp_path: Path):
    starting = [
        subprocess.Popen([sys.executable, "-c", START, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.stdout.readline() for process in starting] == ["ready\n"] * 3
    for process in starting:
        process.stdin.write("\n")
        process.stdin.flush()
    assert {process.communicate(timeout=60)[0] for process in starting} == {f"{_secret(tmp_path)}\n"}


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files there")
def test_a_disk_that_fills_up_while_the_key_is_written_leaves_no_key(tmp_path: Path):
    ended = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "The disk is full" in ended.stderr and list(tmp_path.iterdir()) == []


def test_a_cookie_of_a_user_who_is_not_there_is_nobody(tmp_path: Path):
    web = client(tmp_path, login=True)
    web.app.state.store.add_user("maria", hash_password("correct horse"))
    web.post("/login", data={"name": "maria", "password": "correct horse"})
    assert web.get("/config").status_code == 200
    web.app.state.store.remove_user("maria")
    assert web.get("/config").status_code == 401
    assert web.post("/api/images?name=x.png", content=b"x").status_code == 401
