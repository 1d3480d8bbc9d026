"""What PDC writes is its owner's alone; older files are told of and closed; readers are not told where anything lies."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pictures import encoded
from PIL import Image

from pdc import files
from pdc.__main__ import main
from pdc.domain.errors import StoreUnavailable
from pdc.images.intake import ImageFiles
from pdc.web.ui.words import in_language

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")


def modes(folder: Path) -> dict[str, int]:
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in (folder, *folder.rglob("*"))}


def test_everything_under_the_home_is_its_owners_alone_and_older_files_are_closed(tmp_path: Path, monkeypatch, capsys):
    home, before = tmp_path / "home", os.umask(0o022)
    monkeypatch.setenv("PDC_HOME", str(home))
    (tmp_path / "1.png").write_bytes(encoded(Image.new("RGB", (40, 30), "red")))
    (tmp_path / "a.csv").write_text("file,label,x,y\n1.png,cell,5,5\n")
    try:
        assert main(["import", str(tmp_path / "a.csv"), "--burned-in", "keep"]) == 0
        assert main(["export", str(tmp_path / "out")]) == 0
        made = modes(home) | modes(tmp_path / "out")
        assert {"pdc.sqlite3", "images"} <= set(made) and not [name for name, mode in made.items() if mode & 0o077]
    finally:
        os.umask(before)
    (home / "images").chmod(0o755)
    (home / "pdc.sqlite3").chmod(0o644)
    found = files.open_to_others(home)
    assert {p.name for p in found} == {"images", "pdc.sqlite3"}
    files.close_to_others(found)
    assert files.open_to_others(home) == [] and (home / "pdc.sqlite3").stat().st_mode & 0o600


def test_a_reader_is_told_which_file_is_damaged_and_not_where_it_lies(tmp_path: Path):
    images = ImageFiles(tmp_path)
    (tmp_path / f"{'0' * 64}.png").write_bytes(b"no picture")
    with pytest.raises(StoreUnavailable) as refused:
        images.open("0" * 64)
    assert str(tmp_path) in str(refused.value)  # the terminal and the log
    for language in ("en", "de"):
        told = in_language(refused.value.message, language)
        assert str(tmp_path) not in told and f"{'0' * 64}.png" in told
