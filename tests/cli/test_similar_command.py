"""`pdc similar`: how many images are described, and the rest of them described."""

from __future__ import annotations

from pathlib import Path

import pytest
from annotations import put
from command_line import Pdc

from pdc.store import Store


def stored(pdc: Pdc, folder: Path) -> Store:
    put(folder, {"a.csv": "file,name,label,x,y\n1.png,a.png,cell,5,5\n2.png,b.png,cell,6,6\n"}, {"1.png": "red", "2.png": "blue"})
    assert pdc("import", str(folder / "a.csv")).returncode == 0
    return Store.open(f"sqlite:///{folder / 'pdc.sqlite3'}")


def test_a_server_that_tells_nothing_is_named_as_the_reason(pdc: Pdc, tmp_path: Path):
    stored(pdc, tmp_path)
    assert "0 of 2 images are described" in pdc("similar", PDC_SERVER_URL="http://127.0.0.1:9").stdout
    refused = pdc("similar", "--build", PDC_SERVER_URL="http://127.0.0.1:9")
    assert refused.returncode == 1 and "does not tell what it sees" in refused.stderr


@pytest.mark.slow
def test_a_build_describes_what_is_not_described_yet(pdc: Pdc, tmp_path: Path):
    store = stored(pdc, tmp_path)
    assert "python -m pdc similar --build" in pdc("similar").stdout
    built = pdc("similar", "--build")
    assert (built.returncode, built.stdout.strip()) == (0, "2 of 2 images are described.")
    with store._read() as session:
        rows = session.connection().exec_driver_sql("select model, length(vector) from vectors").all()
    assert len(rows) == 2 and {size for _, size in rows} == {2 * 512}
    assert pdc("similar", "--build").stdout.strip() == "2 of 2 images are described."
