"""The table of counts: what was asked, what was not found, who was unsure; and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from annotations import ran
from places import Place, boxes

from pdc.domain.values import Findings, Question, Task, Verdict
from pdc.formats.outgoing.counts import AFTER, BEFORE, Counts, write_counts

CELLS = Question(Task.COUNT_AND_BOX, ("cell", "=ghost"))


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def written(place: Place, folder: Path) -> list[dict[str, str]]:
    path = write_counts(place.store, folder)
    assert path == folder / "counts.csv" and path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_every_review_is_a_line_and_every_label_a_column(place: Place, tmp_path: Path):
    found = boxes(("cell", (1, 1, 9, 9)), ("cell", (2, 2, 9, 9)))
    place.review(place.image("a.png", group='"p, 1"'), CELLS, found)
    place.review(place.image("b.png"), Question(Task.COUNTING, ("polyp",)), Findings(stated={"polyp": 12}))
    place.review(place.image("c.png"), CELLS, found, Verdict.SKIPPED)
    place.review(place.image("d.png"), CELLS, replace(Findings(), complete=False))
    place.image("new.png")
    rows = written(place, tmp_path)
    assert list(rows[0]) == [*BEFORE, "'=ghost", "cell", "polyp", *AFTER]
    told = [(r["image"], r["cell"], r["'=ghost"], r["polyp"], r["none"], r["unsure"], r["complete"]) for r in rows]
    assert told == [
        ("a.png", "2", "0", "", "'=ghost", "no", "yes"),
        ("b.png", "", "", "12", "", "no", "yes"),
        ("c.png", "", "", "", "", "yes", "yes"),
        ("d.png", "0", "0", "", "", "no", "no"),  # at least: none of it is said to be absent
    ]
    assert (rows[0]["group"], rows[0]["reviewed_by"], rows[0]["revision"]) == ('"p, 1"', "ada", "1")
    assert pandas.read_csv(tmp_path / "counts.csv")["cell"].sum() == 2


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@sum.png", "'quoted.png"])
def test_no_cell_is_a_formula(place: Place, tmp_path: Path, name: str):
    place.review(place.image(name), CELLS, Findings())
    (row,) = written(place, tmp_path)
    assert row["image"] == f"'{name}"


def test_only_the_current_review_counts_and_of_one_author_only_theirs(place: Place):
    image = place.image("a.png")
    place.review(image, CELLS, Findings())
    place.review(image, CELLS, boxes(("cell", (1, 1, 9, 9))), base=1)
    (row,) = Counts(place.store, place.store.images()).rows()
    assert row.counts == {"cell": 1, "=ghost": 0} and row.review.revision == 2
    assert list(Counts(place.store, place.store.images(), "bob").rows()) == []


def test_the_command_writes_a_file_or_into_a_folder(tmp_path: Path, monkeypatch, capsys):
    for target, place in (("my.csv", "my.csv"), ("out", "out/counts.csv")):
        code, line = ran(monkeypatch, capsys, tmp_path / "home", "export", str(tmp_path / target), "--format", "counts")
        assert code == 0 and line == f"Wrote the counts to {tmp_path / place}." and (tmp_path / place).is_file()
