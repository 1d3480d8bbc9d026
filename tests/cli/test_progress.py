"""Long work says how far it is, on standard error; results stay alone on standard output."""

from __future__ import annotations

import io
import sys

import pytest
from annotations import BOXED, a_coco
from places import Place

from finetune.train.schedule import LearningRateSchedule
from pdc.cli import progress
from pdc.domain.progress import follow
from pdc.formats.exporting import export
from pdc.formats.importing import import_file


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_comes_every_five_seconds_and_none_for_what_is_short():
    said: list[str] = []
    now = [100.0]
    lines = progress.Lines(said.append, lambda: now[0])
    for done in range(13):
        lines("Importing images", done, 12)
        now[0] += 2
    assert said == [
        "Importing images: 3 of 12, 18 s left",
        "Importing images: 6 of 12, 12 s left",
        "Importing images: 9 of 12, 6 s left",
    ]
    for done in range(4):
        lines("Importing images", done, 4)
        now[0] += 0.5
    assert len(said) == 3


def test_the_end_of_long_work_is_told_in_minutes():
    said: list[str] = []
    now = [0.0]
    lines = progress.Lines(said.append, lambda: now[0])
    lines("Training steps", 0, 100)
    now[0] = 30.0
    lines("Training steps", 10, 100)
    assert said == ["Training steps: 10 of 100, 4 min left"]  # 270 s


def test_a_terminal_shows_bars_and_standard_output_holds_the_results_only(monkeypatch):
    terminal, results = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", results)
    monkeypatch.setenv("TERM", "xterm")
    with progress.shown() as told:
        for number in follow("Answering images", [1, 2, 3], told):
            print(f'{{"image": {number}}}')
            if number == 2:
                told("Training steps", 5, 40)
    assert results.getvalue().splitlines() == ['{"image": 1}', '{"image": 2}', '{"image": 3}']
    assert "Training steps" in terminal.getvalue() and "5/40" in terminal.getvalue()


def test_without_a_terminal_nothing_moves(monkeypatch):
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stderr", plain)
    with progress.shown() as told:
        told("Answering images", 1, 3)
    assert plain.getvalue() == ""


@pytest.mark.parametrize("format", ["coco", "medmultipoints"])
def test_import_and_export_tell_how_far_they_are(place: Place, tmp_path, format: str):
    told: list[tuple[str, int, int]] = []
    path = a_coco(tmp_path, [BOXED, {**BOXED, "image_id": 2}])
    import_file(place.store, place.files, path, "ada", progress=lambda *far: told.append(far))
    assert told == [(what, n, 2) for what in ("Importing images", "Storing reviews") for n in range(3)]
    told.clear()
    export(place.store, place.files, tmp_path / "out", format, lambda *far: told.append(far))
    assert told == [(what, n, 2) for what in ("Reading reviews", "Exporting images") for n in range(3)]


def test_steps_that_time_will_not_allow_are_not_promised():
    now = [0.0]
    clock = LearningRateSchedule(100, 60.0, lambda: now[0])
    assert clock.steps_in_all(0) == 100
    now[0] = 30.0
    assert clock.steps_in_all(10) == 20
    now[0] = 1.0
    assert clock.steps_in_all(50) == 100
