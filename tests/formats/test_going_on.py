"""Exports that were stopped: the next one goes on, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from random import Random

import pytest
from places import Place, boxes

from pdc.domain.values import Question, Task
from pdc.formats.exporting import export
from pdc.formats.outgoing.folder import BEGUN
from pdc.store.records import EventKind

CELLS = Question(Task.BOUNDING, ("cell",))
HARDEST = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Stopped(Exception):
    pass


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path)
    for i in range(12):
        place.review(place.image(f"field {i}.png", size=(400, 300)), CELLS, boxes(("cell", (1, 1, 9, 9 + i))))
    yield place
    place.store.close()


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def stop_at(n: int):
    def progress(what: str, done: int, total: int) -> None:
        if what == "Exporting images" and done == n:
            raise Stopped

    return progress


@pytest.mark.parametrize("format", ["coco", "yolo"])
def test_an_export_that_was_stopped_goes_on_and_says_what_was_there(place: Place, tmp_path: Path, format: str):
    with pytest.raises(Stopped):
        export(place.store, place.files, tmp_path / "out", format, stop_at(5))
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "images").iterdir()}
    assert len(kept) == 5 and (tmp_path / "out" / BEGUN).is_file()
    (tmp_path / "out" / "images" / ".field 4.png.0.part").write_bytes(b"half of")
    written = export(place.store, place.files, tmp_path / "out", format)
    assert "5 files of it stayed" in written.told(tmp_path) and {p: p.stat().st_mtime_ns for p in kept} == kept
    assert "stayed" not in export(place.store, place.files, tmp_path / "once", format).told(tmp_path)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "once")


def test_what_a_stopped_export_wrote_and_the_next_does_not_is_gone(place: Place, tmp_path: Path):
    with pytest.raises(Stopped):
        export(place.store, place.files, tmp_path / "out", "voc", stop_at(11))
    first = place.store.images()[0]
    place.store.add_events([first.sha256], EventKind.RETIRED, by="ada")
    export(place.store, place.files, tmp_path / "out", "voc")
    export(place.store, place.files, tmp_path / "once", "voc")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "once")


@HARDEST
@pytest.mark.parametrize("format", ["coco", "voc"])
def test_an_export_killed_at_any_moment_ends_like_one_that_was_not(place: Place, tmp_path: Path, format: str):
    random = Random(format)
    for _ in range(4):
        child = os.fork()
        if not child:
            export(place.store, place.files, tmp_path / "out", format)
            os._exit(0)
        time.sleep(random.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert all(p.read_bytes()[-8:] == b"IEND\xaeB`\x82" or p.suffix != ".png" for p in tmp_path.glob("out/images/field*"))
    export(place.store, place.files, tmp_path / "out", format)
    export(place.store, place.files, tmp_path / "once", format)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "once")
