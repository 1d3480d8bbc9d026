"""A disk that runs full under the app: no acknowledged save is lost, reading goes on, and with room again so does saving."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DRILL = """
import os, sqlite3, sys
from pathlib import Path
sys.path.insert(0, "tests")
from desk import drawn
from house import bar_of, living
from pictures import corners, encoded

home = Path(sys.argv[1])
with living(home, PDC_LEAST_FREE_MB="0") as house:
    ada = house.reader("ada")
    sha = ada.upload("a.png")
    value = ada.open(sha, "platelet")
    assert len(ada.send("GET", "/api/worklist").json()["rows"]) == 1  # as a page asks after an upload
    filler, acknowledged = home / "filler", 0
    free = os.statvfs(home)
    filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 120_000))
    for n in range(400):
        said = ada.save(value, *(drawn(x=float(n + i)) | {"id": f"m{n}-{i}"} for i in range(60)))
        if "Saved" not in said:
            break
        acknowledged += 1
    assert "is full" in said and acknowledged > 0, said
    assert len(house.store.reviews(sha)) == acknowledged
    assert ada.send("GET", f"/images/{sha}.png").status_code == 200
    assert len(ada.send("GET", "/api/worklist").json()["rows"]) == 1
    refused = ada.send("POST", "/api/images?name=b.png", content=encoded(corners()))
    assert refused.status_code == 507 and "full" in refused.json()["error"], refused.text
    filler.unlink()
    assert "Saved" in ada.save(value, drawn(x=900.0))
    assert len(house.store.reviews(sha)) == acknowledged + 1
    assert ada.send("POST", "/api/images?name=b.png", content=encoded(corners())).status_code == 200
checked = sqlite3.connect(home / "pdc.sqlite3")
assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
print("acknowledged", acknowledged)
"""


def mounted(command: str) -> subprocess.CompletedProcess[str]:
    """A command in a mount namespace of its own, where this user may have one."""
    return subprocess.run(["unshare", "-m", "sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare on this system")
def test_on_a_full_disk_nothing_acknowledged_is_lost_and_with_room_it_goes_on_without_a_restart(tmp_path: Path):
    home, mount = tmp_path / "home", "mount -t tmpfs -o size=30m tmpfs"
    home.mkdir()
    if mounted(f"{mount} {home}").returncode:
        pytest.skip("this user may not mount a small disk")
    environment = f"PYTHONPATH={os.pathsep.join(map(str, (ROOT, ROOT / 'tests')))}"
    done = mounted(f"{mount} {home} && {environment} {sys.executable} -c '{DRILL}' {home}")
    assert done.returncode == 0 and done.stdout.startswith("acknowledged"), done.stderr[-3000:]
