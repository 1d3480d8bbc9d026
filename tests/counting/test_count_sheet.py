"""The sheet of a sample, and the line that says what comes next."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pdc.counting.area import whole_image
from pdc.counting.progress import progress
from pdc.counting.protocol import read_protocols
from pdc.counting.reader_error import ReaderError
from pdc.counting.sheet import BadSheet, Heading, SheetStatus, Withdrawn, as_kept, differences, from_json, make_sheet, to_json
from pdc.counting.tally import FieldCount, Proposed, Replicate, Sample
from pdc.domain.message import Message
from pdc.settings import ASSETS

SHIPPED = read_protocols(ASSETS / "protocols")
SPERM = SHIPPED["sperm-concentration"]
HEADING = Heading("S-17", datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "ada", "all 4 fields", model="pdc-tiny")
FILLED = {"dilution factor": 2, "ejaculate volume": 3.5}


def sample(*replicates: tuple[int, ...], squares: int = 5) -> Sample:
    read = [
        Replicate(
            tuple(FieldCount(f"r{i} f{j}", {"sperm": n}, {"sperm": 2}, squares=squares) for j, n in enumerate(counts)), "ada"
        )
        for i, counts in enumerate(replicates)
    ]
    return Sample(tuple(read), FILLED, "improved Neubauer, centre grid")


def test_a_sheet_read_back_has_the_same_numbers():
    sheet = make_sheet(HEADING, SPERM, sample((101, 103), (99, 107)), ReaderError(1.5, 6.0, 180))
    text = json.dumps(to_json(sheet))
    assert from_json(text) == sheet and differences(text) == []
    assert sheet.verdict == "valid" and json.loads(text)["results"][0]["k"] == 410


def test_what_was_signed_is_read_back_as_it_was_with_what_another_language_needs():
    counted = sample((101, 103), (99, 107), squares=4)
    first = replace(
        counted.replicates[0].fields[0],
        proposed=Proposed("pdc-tiny", {"sperm": 98}, {"added": 3}),
        read_at=HEADING.made_at,
        area=whole_image(40, 30, squares=4),
    )
    counted = replace(counted, replicates=(replace(counted.replicates[0], fields=(first,)), *counted.replicates[1:]), filled={})
    heading = replace(HEADING, withdrawn=(Withdrawn("r0 f1", "out of focus", "ada", 1),), id="s1", revision=1)
    sheet = make_sheet(heading, SPERM, counted)
    text = json.dumps(to_json(sheet))
    assert as_kept(text) == sheet == from_json(text) and sheet.lines[0].missing is not None
    said = [o.said for o in as_kept(text).outcomes]
    assert [(m.text, str(m)) for m in said] == [(o.said.text, str(o.said)) for o in sheet.outcomes]
    assert any(isinstance(m.fields.get("missing"), Message) for m in said)
    kept = json.loads(text)
    kept["rules"] = [rule | {"verdict": "valid"} for rule in kept["rules"]]
    text = json.dumps(kept)
    assert "rules" in differences(text) and as_kept(text).verdict == "valid" and from_json(text).verdict == "repeat"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda s: s["results"][0].update(value=99.0), "concentration"),
        (lambda s: s.update(verdict="repeat"), "verdict"),
        (lambda s: s["sample_counted"]["replicates"][0]["fields"][0]["counted"].update(sperm=7), "concentration"),
        (lambda s: s["protocol"]["rules"]["target"].update(least=10), "protocol"),
    ],
)
def test_what_was_changed_afterwards_is_named(change, found):
    kept = to_json(make_sheet(HEADING, SPERM, sample((101, 103), (99, 107))))
    change(kept)
    assert found in differences(json.dumps(kept))


def test_a_final_sheet_needs_what_the_protocol_requires():
    final = replace(HEADING, status=SheetStatus.FINAL)
    empty = replace(sample((101, 103), (99, 107)), filled={"dilution factor": 2})
    with pytest.raises(BadSheet, match="ejaculate volume must be filled in"):
        make_sheet(final, SPERM, empty)
    assert make_sheet(final, SPERM, sample((101, 103), (99, 107))).heading.status is SheetStatus.FINAL


def test_an_amended_sheet_says_what_it_replaces_and_why():
    with pytest.raises(BadSheet, match="names the one that it replaces"):
        make_sheet(replace(HEADING, status=SheetStatus.AMENDED, amends="1"), SPERM, sample((101, 103), (99, 107)))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1}'])
def test_what_is_no_sheet_is_refused_with_a_sentence(text):
    with pytest.raises(BadSheet, match=r"no sheet of PDC|has format 2"):
        from_json(text)


@pytest.mark.parametrize(
    ("counted", "squares", "said"),
    [
        ((), 5, "0 of 200, replicate 1 of 2: go on with the next field."),
        (((90,),), 5, "90 of 200, replicate 1 of 2: go on with the next field."),
        (((150, 60),), 4, "210 of 200, replicate 1 of 2: finish the row. 2 squares are left."),
        (((150, 60),), 5, "210 of 200, replicate 1 of 2: begin replicate 2 of 2."),
        (((150, 60), (60,)), 5, "60 of 200, replicate 2 of 2: go on with the next field."),
        (((150, 60), (160, 70)), 5, "230 of 200, replicate 2 of 2: enough, look at the result."),
    ],
)
def test_the_next_step_finishes_the_row_before_it_ends(counted, squares, said):
    found = progress(SPERM, sample(*counted, squares=squares))
    assert str(found.said) == said and found.done == ("enough" in said)
