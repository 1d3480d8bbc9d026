"""Whole files or none: what a writer that was killed left behind is swept away, and nobody else's."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pdc import files


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_stays(tmp_path: Path):
    left, fresh, whole = tmp_path / ".a.png.0.part", tmp_path / ".b.png.1.part", tmp_path / "c.png"
    for path in (left, fresh, whole):
        path.write_bytes(b"half")
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    os.utime(whole, (an_hour_ago, an_hour_ago))
    assert files.sweep(tmp_path, tmp_path / "not there") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.png.1.part", "c.png"]
