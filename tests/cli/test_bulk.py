"""A folder of images is answered once each, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from colour_finder import ColourFinder, painted
from PIL import Image

from pdc.cli import bulk
from pdc.cli.answer_lines import in_words
from pdc.cli.bulk import BulkRun
from pdc.cli.predict import PredictOptions, _predict_files
from pdc.domain.errors import BadImage, BadModel, BadSetting
from pdc.domain.values import Findings, Mark, Point, Question, Task
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.vote import VotePredictor
from pdc.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ASKED = Question(Task.COUNTING, ("polyp",))


class Shades:
    """Answers with the picture's first pixel; refuses strips, as a model does, and stops for good after `most` batches."""

    def __init__(self, most: int = 1000) -> None:
        self.most, self.batches = most, []

    def predict(self, image, question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def predict_many(self, asked) -> list[Answer]:
        if len(self.batches) == self.most:
            raise BadModel("The model is gone; start it again.")
        self.batches.append([image.size for image, _ in asked])
        if any(image.width > 20 * image.height for image, _ in asked):
            raise BadImage("The image is a strip. Crop it first.")
        return [self._answer(image, question) for image, question in asked]

    def _answer(self, image, question) -> Answer:
        shade = image.getpixel((0, 0))[0]
        marks = (Mark("m1", Point(shade, 1), question.labels[0], score=0.5),) if question.task.has_marks else ()
        return Answer(Findings(marks, {question.labels[0]: shade}), "", "shades", None, "compact-1", 1.0)

    def untaught(self, question) -> tuple[str, ...]:
        return ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """20 good images of two sizes, one in a folder below, and three files that cannot be used."""
    place = tmp_path / "in"
    (place / "below").mkdir(parents=True)
    for i in range(20):
        Image.new("RGB", (64, 48) if i % 2 else (80, 48), (i, 0, 0)).save(place / ("below" if i == 3 else "") / f"{i:02}.png")
    Image.new("RGB", (400, 10)).save(place / "strip.png")
    (place / "broken.jpg").write_bytes(b"not an image")
    (place / "empty.tif").write_bytes(b"")
    (place / "notes.txt").write_text("not named like an image")
    return place


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def run(folder: Path, out: Path, predictor=None, **options) -> tuple[int, list[str]]:
    said: list[str] = []
    failed = bulk.run(BulkRun(folder, out, options.pop("question", ASKED), **options), predictor or Shades(), said.append)
    return failed, said


def test_images_over_the_limit_of_pillow_are_answered_in_a_folder_and_as_files(folder: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # PDC's own limit is the one that holds
    assert run(folder, tmp_path / "out.jsonl")[0] == 3  # the strip, and two files that are none
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    options = PredictOptions([folder / "07.png"])
    assert _predict_files(options, Settings.from_env({}), ASKED, Shades()) == 0 and "7" in capsys.readouterr().out


def test_every_image_gets_one_line_and_every_bad_file_one_with_its_reason(folder: Path, tmp_path: Path):
    out = tmp_path / "new" / "out.jsonl"
    failed, said = run(folder, out)
    by_name = {r["image"]: r for r in rows(out)}
    assert failed == 3 and len(by_name) == len(rows(out)) == 23
    assert by_name["below/03.png"]["count"] == 3 and by_name["00.png"]["width"] == 80
    assert [n for n, r in by_name.items() if "error" in r] == sorted(["broken.jpg", "empty.tif", "strip.png"])
    assert "Crop" in by_name["strip.png"]["error"] and any("strip.png" in line for line in said)
    assert "23 images answered" in said[-1] and "a second" in said[-1]


def test_images_of_one_size_are_asked_together(folder: Path, tmp_path: Path):
    (folder / "strip.png").unlink()
    shades = Shades()
    run(folder, tmp_path / "out.jsonl", shades, batch=4)
    assert sum(len(set(sizes)) > 1 for sizes in shades.batches) <= 2 and max(map(len, shades.batches)) == 4


def test_a_stopped_run_goes_on_and_a_torn_line_is_cut_off(folder: Path, tmp_path: Path):
    out = tmp_path / "out.jsonl"
    with pytest.raises(BadModel):
        run(folder, out, Shades(most=3), batch=3)
    before = rows(out)
    assert 0 < len(before) < 23
    with out.open("ab") as file:
        file.write(b'{"image": "19.png", "sha2')
    _, said = run(folder, out, batch=3)
    assert rows(out)[: len(before)] == before and len({r["image"] for r in rows(out)}) == len(rows(out)) == 23
    assert f"{len(before)} had an answer already" in said[-1]
    whole = out.read_bytes()
    run(folder, out, Shades(most=0))
    assert out.read_bytes() == whole


def test_another_image_under_a_known_name_is_asked_about(folder: Path, tmp_path: Path):
    out = tmp_path / "out.jsonl"
    run(folder, out)
    Image.new("RGB", (64, 48), (99, 0, 0)).save(folder / "01.png")
    run(folder, out)
    assert [r["count"] for r in rows(out) if r["image"] == "01.png"] == [1, 99]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"image": "a", "sha256": "b", "task": "bounding", "labels": ["polyp"]}\n', "another question"),
        ('{"image": "a"}\n', "not a file of answers"),
        ("hello\n", "not a file of answers"),
        ("[1]\n", "not a file of answers"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(folder: Path, tmp_path: Path, content: str, sentence: str):
    out = tmp_path / "out.jsonl"
    out.write_text(content + "torn")
    with pytest.raises(BadSetting, match=sentence):
        run(folder, out)
    assert out.read_text() == content + "torn"


def test_a_folder_without_images_is_refused(tmp_path: Path):
    with pytest.raises(BadSetting, match="no image"):
        run(tmp_path, tmp_path / "out.jsonl")


@pytest.mark.nightly  # stopped and gone on with is tried above, a killed worker in tests/jobs
def test_a_run_of_the_real_model_killed_twice_is_finished_without_duplicates(tmp_path: Path):
    place, out, rng = tmp_path / "in", tmp_path / "out.jsonl", random.Random()
    place.mkdir()
    for i in range(60):
        Image.new("RGB", (64 + 28 * (i % 3), 48), (4 * i, 90, 90)).save(place / f"{i:02}.png")
    command = [sys.executable, "-m", "pdc", "predict", str(place), "--out", str(out), "--batch", "2"]
    command += ["--task", ASKED.task.value, "--label", *ASKED.labels]
    environment = {**os.environ, "PDC_HOME": str(tmp_path / "home"), "PDC_ADAPTER": "none"}
    for _ in range(2):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        wanted = (out.read_bytes().count(b"\n") if out.exists() else 0) + rng.randint(1, 20)
        while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < wanted):
            time.sleep(0.005)
        assert process.poll() is None, "it was done before it could be killed"
        process.kill()
        process.wait()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "had an answer already" in done.stderr, done.stderr
    found = rows(out)
    assert sorted(r["image"] for r in found) == [f"{i:02}.png" for i in range(60)]
    assert all(r["readable"] and r["model"] == "pdc-tiny" for r in found)


def test_a_line_says_from_how_many_looks_it_was_voted_and_who_saw_each_mark(tmp_path: Path):
    painted({"red": (4, 6, 14, 20)}).save(tmp_path / "a.png")
    question, unread = Question(Task.COUNT_AND_BOX, ("red",)), ColourFinder(lambda a: replace(a, findings=None))
    assert run(tmp_path, tmp_path / "out.jsonl", VotePredictor(unread), question=question)[0] == 0
    (row,) = rows(tmp_path / "out.jsonl")
    assert (row["looks"], row["lost_looks"], row["count"], row["marks"][0]["votes"]) == (4, 1, 1, [3, 3])
    assert row["notes"] == ["1 of 4 looks could not be read to their end and had no vote."]
    assert in_words(row).endswith("(red; 2.0 s; finder, adapter none, 4 looks)")
    run(tmp_path, tmp_path / "one.jsonl", ColourFinder(), question=question)
    (row,) = rows(tmp_path / "one.jsonl")
    assert (row["looks"], "votes" in row["marks"][0]) == (1, False) and in_words(row).endswith("adapter none)")
