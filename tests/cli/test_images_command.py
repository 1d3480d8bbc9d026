"""`pdc images`: what is retired, by whom and why, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from annotations import put

from pdc.__main__ import main


@pytest.fixture
def said(tmp_path: Path, monkeypatch, capsys):
    """What a command prints, line by line; the store holds two images of one name and one of another."""
    monkeypatch.setenv("PDC_HOME", str(tmp_path / "home"))
    lines = "file,name,label,x,y", "1.png,a.png,cell,5,5", "2.png,a.png,cell,6,6", "3.png,b.png,cell,7,7"
    put(tmp_path, {"a.csv": "\n".join(lines)}, {"1.png": "red", "2.png": "blue", "3.png": "lime"})

    def run(*words: str) -> list[str]:
        run.code = main(list(words))
        out = capsys.readouterr()
        return [line.rstrip() for line in (out.out + out.err).splitlines()]

    run("import", str(tmp_path / "a.csv"))
    return run


def test_an_image_is_retired_listed_and_brought_back(said, tmp_path: Path):
    assert [line.split("  ")[1] for line in said("images", "list")] == ["a.png", "a.png", "b.png"]
    (retired,) = said("images", "retire", "b.png", "--why", "wrong patient", "--by", "ada")
    assert retired.startswith("retired b.png (")
    (line,) = said("images", "list", "--retired")
    assert "  b.png  retired by ada on 20" in line and line.endswith("UTC: wrong patient")
    assert "2 images" in said("export", str(tmp_path / "out"))[-1]
    said("images", "restore", "b.png", "--by", "bob")
    assert said("images", "list", "--retired") == []
    assert [line.split("  ")[2].split(" on ")[0] for line in said("images", "list", "--history")] == [
        "retired by ada",
        "restored by bob",
    ]


def test_a_name_of_several_images_is_not_guessed(said):
    (line,) = said("images", "retire", "a.png")
    assert said.code == 1 and "2 images are called 'a.png'; name one by the start of its sha256: " in line
    first = line.rsplit(": ", 1)[1].split(",")[0]
    said("images", "retire", first)
    assert said.code == 0
    said("images", "retire", "a.png")  # now only one of them is left to retire
    assert said.code == 0 and len(said("images", "list", "--retired")) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("retire", "c.png"), "There is no image 'c.png'"),
        (("restore", "b.png"), "'b.png' is in that state already"),
        (("retire", "abc"), "There is no image 'abc'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(said, words: tuple[str, ...], sentence: str):
    assert sentence in " ".join(said("images", *words)) and said.code == 1


def test_an_image_is_held_back_from_exports_listed_and_released(said, tmp_path: Path):
    assert said("images", "hold-back", "b.png", "--why", "a face in it", "--by", "ada")[0].startswith("held back b.png (")
    (line,) = said("images", "list", "--held")
    assert "  b.png  held back by ada on 20" in line and line.endswith("UTC: a face in it")
    told = " ".join(said("export", str(tmp_path / "out")))
    assert "2 images" in told and "held back from exports" in told
    assert said("export", str(tmp_path / "c.csv"), "--format", "counts")[-1].endswith("left out: 1.")
    said("images", "release", "b.png", "--by", "bob")
    assert said("images", "list", "--held") == [] and "3 images" in said("export", str(tmp_path / "out"))[-1]
