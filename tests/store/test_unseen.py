"""What nobody has looked at is nobody's word: no reader of reviews takes an auto-accepted answer for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from store_values import ASK, SHA, a_prediction, a_review, an_image, url_of

from pdc.domain.errors import BadSetting
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Question, Task, Verdict
from pdc.formats.exporting import prepared
from pdc.formats.outgoing.counts import Counts
from pdc.images.intake import ImageFiles
from pdc.review.blind_reading import blind_readings
from pdc.review.calibration import scored_marks
from pdc.review.confidence_words import ConfidenceWords
from pdc.review.edit_counts import count_first_edits
from pdc.store import Store
from pdc.training.dataset_export import export_all, export_held_out, export_training_set, likenesses_to_learn_from
from pdc.training.readers import offered, reviews_to_compare

pytestmark = pytest.mark.both_databases("nightly")

UNSEEN = (Verdict.AUTO_ACCEPTED, Verdict.TAKEN_BACK)


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    store.add_prediction(a_prediction())
    return store


def save(store: Store, verdict: Verdict, base: int = 0, id: str = "r1", **changes) -> None:
    review = a_review(id, verdict=verdict, prediction_id="p1", **changes)
    store.save_review(review, key=id, base_revision=base)


def trains(store: Store, folder: Path) -> object:
    try:
        return export_training_set(store, ImageFiles(folder / "images"), folder / "run")
    except BadSetting:
        return []


TAKERS: dict[str, Callable[[Store, Path], object]] = {
    "usable reviews": lambda store, _: store.usable_reviews(),
    "current reviews": lambda store, _: store.current_reviews(),
    "reviews": lambda store, _: store.reviews(),
    "lines": lambda store, _: store.review_lines(),
    "reviewed images": lambda store, _: store.reviewed_images(),
    "a read of one's own": lambda store, _: store.has_read("ada", SHA, ASK),
    "label uses": lambda store, _: store.label_uses(),
    "training": trains,
    "held out": lambda store, folder: export_held_out(store, ImageFiles(folder / "images"), folder / "held"),
    "test sets": lambda store, folder: export_all(store, ImageFiles(folder / "i"), folder / "s", "set.jsonl", lambda _: True),
    "likeness": lambda store, folder: likenesses_to_learn_from(store, ImageFiles(folder / "images")),
    "suspicions": lambda store, _: list(reviews_to_compare(store)),
    "what is new to learn": lambda store, _: store.count_usable(),
    "readers of a fold": lambda store, _: offered(store),
    "calibration": lambda store, _: scored_marks((a_prediction(), r) for r in store.reviews(unseen=True)),
    "words for scores": lambda store, _: learnt(store),
    "blind reading": lambda store, _: blind_readings([replace(r, blind=True) for r in store.reviews(unseen=True)]),
    "edits per image": lambda store, _: list(count_first_edits(store.reviews(unseen=True), [a_prediction()])),
    "agreement": lambda store, _: store.all_reads(),
}


WITH_FILES = {"training", "held out", "test sets", "likeness", "agreement"}


def learnt(store: Store) -> object:
    ConfidenceWords(store).learn()
    return store.score_sums()


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("verdict", UNSEEN)
def test_no_reader_of_reviews_takes_what_nobody_has_looked_at(store: Store, tmp_path, name: str, verdict: Verdict):
    save(store, Verdict.AUTO_ACCEPTED)
    if verdict is Verdict.TAKEN_BACK:
        save(store, verdict, 1, "r2")
    assert not TAKERS[name](store, tmp_path)


@pytest.mark.parametrize("name", sorted(set(TAKERS) - WITH_FILES))
def test_each_of_these_takes_what_a_reader_confirmed(store: Store, tmp_path, name: str):
    save(store, Verdict.AUTO_ACCEPTED)
    save(store, Verdict.ACCEPTED, 1, "r2")
    assert TAKERS[name](store, tmp_path)


def test_the_table_of_counts_names_it_and_an_export_of_annotations_leaves_it_out_with_a_line(store: Store, tmp_path):
    save(store, Verdict.AUTO_ACCEPTED)
    (row,) = Counts(store, store.images()).rows()
    assert row.counts == {"polyp": 1, "Blutkörperchen": 0} and row.auto_accepted
    with pytest.raises(BadSetting, match=r"slide 7.*auto-accepted, and nobody has looked at it"):
        prepared(store, ImageFiles(tmp_path / "images"), "coco")
    save(store, Verdict.TAKEN_BACK, 1, "r2")
    assert list(Counts(store, store.images()).rows()) == [] and store.current_ids() == {}


def test_an_answer_accepted_unseen_never_stands_before_a_readers_word(store: Store):
    """Labels that are merged make two questions one: the later row is not the one that counts."""
    other = Question(Task.COUNT_AND_BOX, ("adenoma", "Blutkörperchen"))
    for label in ("polyp", "adenoma", "Blutkörperchen"):
        store.add_label(label)
    save(store, Verdict.CORRECTED)
    save(store, Verdict.AUTO_ACCEPTED, 0, "r2", question=other)
    store.change_label("adenoma", LabelChange.MERGED, "polyp", by="ada")
    assert [r.id for r in store.usable_reviews()] == ["r1"]
    current = store.current_review(SHA, ASK)
    assert current is not None and current.id == "r1"
    assert store.current_ids()[SHA] == [("r1", Verdict.CORRECTED)]
