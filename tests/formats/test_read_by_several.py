"""Signed reviews and images of several readers, on their way out, on their way in, and into a training run."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from places import Place, boxes

from pdc.domain.errors import BadSetting
from pdc.domain.values import Findings, Image, Question, Review, Task, Verdict
from pdc.formats.exporting import export
from pdc.formats.importing import import_file
from pdc.formats.outgoing.counts import write_counts
from pdc.review.reading.reads import Reads
from pdc.store.reading.records import Signature, SignatureKind
from pdc.training.dataset_export import export_training_set

CELLS = Question(Task.COUNT_AND_BOX, ("nucleus",))
ONE = boxes(("nucleus", (4.5, 3, 12.25, 9)))
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.store.close()


def sign(place: Place, review: Review) -> None:
    place.store.add_signature(
        Signature(review.id, review.image_sha256, review.question, SignatureKind.SIGNED, review.revision, "=carl", AT)
    )


def read_by(place: Place, image: Image, *readers: str) -> Reads:
    reads = Reads(place.store)
    reads.assign([image.sha256], CELLS, ["anna", "bert"], "lead")
    for reader in readers:
        said = Review(f"{image.name} {reader}", image.sha256, CELLS, None, Verdict.CORRECTED, ONE, reader, 1, AT)
        place.store.save_read(said, turn=1, key=said.id, base_revision=0)
    return reads


def test_exports_say_who_signed_and_when(place: Place, tmp_path: Path):
    for name in ("signed.png", "open.png"):
        place.review(place.image(name), CELLS, ONE)
    sign(place, place.store.current_reviews()[0])
    for format in ("csv", "coco"):
        export(place.store, place.files, tmp_path / format, format)
    rows = list(csv.DictReader((tmp_path / "csv" / "marks.csv").open(encoding="utf-8", newline="")))
    assert [(r["signed_by"], r["signed_at"]) for r in rows] == [("'=carl", "2026-03-01T09:30:00+00:00"), ("", "")]
    asked = [image["asked"][0] for image in json.loads((tmp_path / "coco" / "coco.json").read_text())["images"]]
    assert [a.get("signed_by") for a in asked] == ["=carl", None]
    counts = list(csv.DictReader(write_counts(place.store, tmp_path).open(encoding="utf-8-sig", newline="")))
    assert [(r["signed_by"], r["signed_at"]) for r in counts] == [("'=carl", "2026-03-01 09:30:00"), ("", "")]


def test_what_several_readers_read_leaves_only_as_their_consensus(place: Place, tmp_path: Path):
    alone, shared = place.image("alone.png"), place.image("shared.png")
    place.review(alone, CELLS, ONE)
    reads = read_by(place, shared, "anna", "bert")
    before = export(place.store, place.files, tmp_path / "out", "csv")
    assert before.images == 1 and "several readers read it, and there is no consensus yet" in before.told(tmp_path)
    reads.adjudicate(shared.sha256, CELLS, Findings(), "carl")
    after = export(place.store, place.files, tmp_path / "out", "csv")
    assert (after.images, after.marks, after.none) == (2, 1, 1) and "no consensus" not in after.told(tmp_path)


def test_an_import_adds_nothing_over_a_signature_or_beside_several_readers(place: Place, tmp_path: Path):
    images = {name: place.image(f"{name}.png") for name in ("signed", "shared", "open")}
    for image in images.values():
        place.review(image, CELLS, ONE)
    export(place.store, place.files, tmp_path / "out", "csv")
    table = tmp_path / "out" / "marks.csv"
    table.write_text(table.read_text().replace(",4.5,", ",2.5,"))
    sign(place, next(r for r in place.store.current_reviews() if r.image_sha256 == images["signed"].sha256))
    read_by(place, images["shared"], "anna")
    done = import_file(place.store, place.files, tmp_path / "out", "ada", replace=True)
    assert [r.image_sha256 for r in done.reviews] == [images["open"].sha256]
    reasons = " ".join(str(e.reason) for e in done.left_out)
    assert "=carl signed the stored review on 2026-03-01" in reasons and "only the consensus of their reads" in reasons


def test_a_read_without_a_consensus_is_not_trained_on_and_the_account_says_so(place: Place, tmp_path: Path):
    shared = place.image("shared.png", group="shared")
    reads = read_by(place, shared, "anna")
    with pytest.raises(BadSetting, match="what one of several readers read is no truth"):
        export_training_set(place.store, place.files, tmp_path / "run")
    for name in ("a", "b", "c"):
        place.review(place.image(f"{name}.png", group=name), CELLS, ONE)
    manifest = export_training_set(place.store, place.files, tmp_path / "run", held_out_share=0)
    assert manifest.unsettled == (shared.sha256,) and f"images/{shared.sha256}.png" not in manifest.images
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["unsettled"] == [shared.sha256]
    reads.withdraw([shared.sha256], CELLS, "bert", "lead", "on leave")
    reads.adjudicate(shared.sha256, CELLS, ONE, "carl")
    again = export_training_set(place.store, place.files, tmp_path / "next", held_out_share=0)
    assert again.unsettled == () and f"images/{shared.sha256}.png" in again.images
