"""Reviewed images as the fields of a sample: what the model had marked, and what its reader changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from places import Place, boxes

from pdc.counting.protocol import read_protocols
from pdc.counting.tally import Proposed
from pdc.domain.values import Prediction, Question, Review, Task, Verdict
from pdc.review.counting.samples import Known, Samples
from pdc.settings import ASSETS

SPERM = read_protocols(ASSETS / "protocols")["sperm-concentration"]
ASKED = Question(Task.COUNT_AND_BOX, ("sperm",))
SAID = boxes(*[("sperm", (x, 3.0, x + 2, 6.0)) for x in (2.0, 10.0, 38.0)])  # the last touches the right side
READ = replace(SAID, marks=(*SAID.marks[1:], *(replace(m, id="new") for m in boxes(("sperm", (20.0, 20.0, 24.0, 24.0))).marks)))


def reviewed(place: Place, name: str, blind: bool) -> Review:
    image, at = place.image(name, group="side a"), datetime.now(UTC)
    answer = Prediction(f"p {name}", image.sha256, ASKED, SAID, "[]", "pdc-tiny", "march", "compact-1", 0.1, at)
    place.store.add_prediction(answer)
    review = Review(f"r {name}", image.sha256, ASKED, answer.id, Verdict.CORRECTED, READ, "ada", 1, at, blind)
    return place.store.save_review(review, key=name, base_revision=0)


def test_a_field_says_what_the_model_had_counted_and_what_the_reader_changed(tmp_path: Path):
    place = Place(tmp_path)
    seen, blind = reviewed(place, "a", blind=False), reviewed(place, "b", blind=True)
    fields = Samples(place.store).read(SPERM, ["side a"], Known()).fields
    assert [(f.counted, f.left_out, f.blind, f.read_at) for f in fields] == [
        ({"sperm": 2}, {"sperm": 1}, False, seen.created_at),
        ({"sperm": 2}, {"sperm": 1}, True, blind.created_at),
    ]
    assert fields[0].proposed == Proposed("pdc-tiny, march", {"sperm": 2}, {"removed": 1, "added": 1})
    assert fields[1].proposed is None
