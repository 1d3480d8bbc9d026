"""`pdc sheet`: from reviewed images to the result of a sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Pdc
from places import Place, boxes

from pdc.counting.sheet import differences
from pdc.domain.values import Question, Task
from pdc.store import Store

SPERM = Question(Task.COUNT_AND_BOX, ("sperm",))
COUNTED = ("sheet", "sperm-concentration", "--sample", "S-17", "--replicate", "side a", "--replicate", "side b", "--squares", "5")
FILLED = ("--fill", "dilution factor=2", "--fill", "ejaculate volume=3")


@pytest.fixture
def read(tmp_path: Path) -> Place:
    """Two sides of a chamber, two images each, 52 sperm in an image, of which two touch the line that is out."""
    place = Place(tmp_path)
    place.store = Store.open(f"sqlite:///{tmp_path / 'pdc.sqlite3'}")
    inside = [("sperm", (x, y, x + 2.0, y + 2.0)) for x in range(1, 36, 4) for y in range(1, 26, 5)]
    found = boxes(
        *inside[:45],
        *[("sperm", (5.0 * i, 3.0, 5.0 * i + 1, 4.0)) for i in range(1, 6)],
        *[("sperm", (37.0, y, 40.0, y + 2)) for y in (2, 8)],
    )
    for side in ("side a", "side b"):
        for n in (1, 2):
            place.review(place.image(f"{side} {n}.png", group=side), SPERM, found)
    return place


def test_every_protocol_is_listed_with_what_a_lab_has_to_set(pdc: Pdc):
    said = pdc("sheet").stdout
    assert "sperm-concentration (version 1)" in said and "Set by your lab: target, border, replicates, clumps, rounding." in said


def test_a_sample_gets_its_number_its_errors_and_its_verdict(pdc: Pdc, read: Place, tmp_path: Path):
    done = pdc(*COUNTED, *FILLED, "--final", "--out", str(tmp_path / "sheet.json"))
    assert done.returncode == 0, done.stderr
    assert "concentration: 5 10^6/mL; sampling 95 % 4.33 to 5.74 (200 counted)" in done.stdout
    assert "(100 + 100) / 0.08 uL x 2 (dilution factor) = 5 10^6/mL" in done.stdout
    assert "8 marks are left out" in done.stdout and "Read by ada." in done.stdout
    assert "Replicates 100 and 100 agree (difference 0, allowed 28)." in done.stdout
    assert "estimated: 100 of 200 counted in replicate 1." in done.stdout and "Verdict on the count: estimated." in done.stdout
    assert "Reader and model error: not known" in done.stdout
    text = (tmp_path / "sheet.json").read_text()
    assert json.loads(text)["status"] == "final" and differences(text) == []


@pytest.mark.parametrize(
    ("ending", "begins", "holds"),
    [
        ("html", "<!doctype html>", "Urteil über die Zählung: geschätzt"),
        ("csv", "\ufeffresult,", "concentration,,5.0,10^6/mL"),
        ("fhir.json", "{", "Urteil über die Zählung: geschätzt."),
    ],
)
def test_a_sheet_is_written_by_the_ending_of_its_file(
    pdc: Pdc, read: Place, tmp_path: Path, ending: str, begins: str, holds: str
):
    file = tmp_path / f"S-17.{ending}"
    done = pdc(*COUNTED, *FILLED, "--language", "de", "--out", str(file))
    assert done.returncode == 0, done.stderr
    text = file.read_text("utf-8")
    assert text.startswith(begins) and holds in text


def test_a_name_as_the_code_of_a_sample_is_warned_of(pdc: Pdc, read: Place):
    assert "looks like the name of a person" in pdc(*[w.replace("S-17", "Jane Doe") for w in COUNTED], *FILLED).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sheet", "sperms"), "There is no protocol 'sperms'; there are"),
        (("sheet", "sperm-concentration"), "A sheet needs --sample CODE"),
        ((*COUNTED, "--chamber", "Thoma"), "There is no chamber 'Thoma'"),
        ((*COUNTED, "--fill", "dilution=2"), "this protocol asks for dilution factor"),
        ((*COUNTED, "--fill", "dilution factor=two"), "dilution factor is a number"),
        ((*COUNTED, *FILLED, "--out", "sheet.docx"), "A sheet is written as .fhir.json"),
        ((*COUNTED, *FILLED, "--out", "s.pdf", "--language", "fr"), "A sheet is said in en, de."),
        ((*COUNTED, "--final"), "dilution factor, ejaculate volume must be filled in"),
        ((*COUNTED, "--replicate", "side c"), "no image of the group 'side c'"),
    ],
)
def test_what_is_missing_or_wrong_is_said(pdc: Pdc, read: Place, words: tuple[str, ...], said: str):
    done = pdc(*words)
    assert done.returncode != 0 and said in done.stderr


def test_an_image_that_nobody_read_stops_the_sheet(pdc: Pdc, read: Place):
    read.image("side a 3.png", group="side a")
    assert "1 of 3 images of 'side a' have not been reviewed, among them side a 3.png" in pdc(*COUNTED, *FILLED).stderr


def test_a_lab_has_protocols_of_its_own(pdc: Pdc, read: Place, tmp_path: Path):
    from pdc.settings import ASSETS

    own = json.loads((ASSETS / "protocols" / "sperm-concentration.json").read_text())
    (tmp_path / "protocols").mkdir()
    file = tmp_path / "protocols" / "ours.json"
    file.write_text(json.dumps(own))
    assert "A protocol named sperm-concentration ships with PDC" in pdc("sheet").stderr
    file.write_text(json.dumps(own | {"name": "ours", "target": own["target"] | {"least": 100}}))
    done = pdc("sheet", "ours", *COUNTED[2:], *FILLED)
    assert "Verdict on the count: valid." in done.stdout
