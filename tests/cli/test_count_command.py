"""`pdc count`: a sample from its fields to its signed sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Pdc
from counted import Bench, sperm

START = ("count", "start", "sperm-concentration", "--sample", "S-17", "--replicate", "side 1", "--replicate", "side 2")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    for side in ("side 1", "side 2"):
        bench.side(side, 1)
    yield bench
    bench.store.close()


def test_a_sample_is_counted_and_signed(pdc: Pdc, bench: Bench):
    begun = pdc(*START, "--squares", "5", "--author", "ada")
    assert begun.returncode == 0, begun.stderr
    assert "S-17: Sperm concentration. Fields: all: 1 images of 'side 1'" in begun.stdout
    assert pdc("count", "next", "S-17").stdout == "replicate 1, field 1: side 1 0.png, open\n"
    for image in bench.service.images("ada"):
        bench.read(image.sha256, sperm(210))
    assert "210 of 200, replicate 2 of 2: enough" in pdc("count", "list").stdout
    assert "replicate 2, field 1: side 2 0.png, read by ada, blind" in pdc("count", "progress", "S-17").stdout
    assert pdc("count", "next", "S-17").stdout == "No field is left to be read.\n"
    assert "dilution factor, ejaculate volume must be filled in" in pdc("count", "sign", "S-17").stderr
    assert pdc("count", "fill", "S-17", "dilution factor=2", "ejaculate volume=3").returncode == 0
    assert "S-17, draft" in pdc("count", "sheet", "S-17").stdout
    file = bench.service.files.folder.parent / "S-17.html"
    signed = pdc("count", "sign", "S-17", "--author", "ada", "--out", str(file), "--language", "de").stdout
    assert "Urteil über die Zählung: gültig" in file.read_text("utf-8") and "ENDGÜLTIG" in file.read_text("utf-8")
    assert "S-17, final" in signed and "by ada" in signed and "Verdict on the count: valid." in signed
    assert "S-17: Sperm concentration. closed" in pdc("count", "list").stdout


def test_a_field_is_withdrawn_with_a_reason(pdc: Pdc, bench: Bench):
    pdc(*START)
    assert "Say why" in pdc("count", "withdraw", "S-17", "side 1 0.png").stderr
    assert pdc("count", "withdraw", "S-17", "side 1 0.png", "--why", "bubble", "--author", "ada").returncode == 0
    assert "side 1 0.png, withdrawn by ada: bubble" in pdc("count", "progress", "S-17").stdout


def test_what_is_wrong_is_said(pdc: Pdc, bench: Bench):
    pdc(*START)
    for words, said in (
        (("progress", "S-18"), "There is no count 'S-18'"),
        (("fill", "S-17", "dilution factor"), "Fill in with NAME=VALUE"),
        (("fill", "S-17", "dilution factor=2", "--image", "side 9.png"), "no field 'side 9.png'"),
        (("start", "sperm-concentration", "--sample", "S", "--replicate", "side 1", "--way", "doubt"), "not chosen by doubt"),
        (("sign", "S-17", "--amend", "--why", "so"), "no final sheet yet"),
    ):
        done = pdc("count", *words)
        assert done.returncode != 0 and said in done.stderr


def test_of_two_counts_of_one_sample_the_id_says_which(pdc: Pdc, bench: Bench):
    ids = [pdc(*START).stdout[:8] for _ in "ab"]
    assert "2 counts are called 'S-17'" in pdc("count", "progress", "S-17").stderr
    assert pdc("count", "progress", ids[0]).returncode == 0
