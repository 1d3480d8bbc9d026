"""What reviews have shown is read once, by whichever process is first, and follows what happens to the images."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import pytest
from desk import ASK, Desk

from pdc.domain.values import Verdict
from pdc.review.calibration import scored_marks
from pdc.review.confidence_words import ConfidenceWords
from pdc.review.learnt import reviews as learnt
from pdc.review.learnt.reviews import LearntReviews
from pdc.store.store import Store


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def save(desk: Desk, i: int, *, keep: int = 2) -> str:
    """The answer about an image (two marks), of which the first `keep` are kept; returns the image."""
    sha256 = desk.image(f"{i}.png")
    draft = desk.service.predict(desk.service.open(sha256, ASK, "ada"))
    kept = replace(draft.findings, marks=draft.findings.marks[:keep])
    desk.service.save(desk.service.edit(draft, kept), Verdict.CORRECTED)
    return sha256


def total(store: Store) -> int:
    return sum(marks.total() for marks in store.score_sums().values())


@pytest.mark.slow
def test_a_second_process_reads_nothing_twice_and_sees_what_the_first_has_read(desk: Desk):
    for i in range(12):
        save(desk, i, keep=1)
    one, other = LearntReviews(desk.store), LearntReviews(desk.store)
    both = [Thread(target=of.catch_up) for of in (one, other)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert total(desk.store) == 24 and desk.store.unlearnt(1) is None
    assert [(e.number, e.edits, e.mean) for e in other.edits()] == [(i, 1, 1.0) for i in range(1, 13)]


@pytest.mark.slow
def test_what_was_read_meanwhile_by_another_process_is_not_added_again(desk: Desk):
    save(desk, 0)
    new = desk.store.unlearnt(10)
    LearntReviews(desk.store).catch_up()
    assert new and not desk.store.keep_learnt(new, {}, [], 10) and total(desk.store) == 2


@pytest.mark.slow
def test_a_retired_image_says_nothing_of_scores_until_it_is_restored(desk: Desk):
    reviews, sha256 = LearntReviews(desk.store), save(desk, 0)
    reviews.catch_up()
    assert total(desk.store) == 2
    for decide, marks in ((desk.service.retire, 0), (desk.service.restore, 2)):
        decide([sha256], "ada")
        ConfidenceWords(desk.store).learn()  # as each page does, also where nothing is left to learn from
        assert total(desk.store) == marks


@pytest.mark.slow
def test_the_sums_are_those_of_all_reviews_read_at_once(desk: Desk, monkeypatch):
    monkeypatch.setattr(learnt, "AT_ONCE", 1)
    reviews = LearntReviews(desk.store)
    for i in (0, 1, 2, 0, 1):
        save(desk, i, keep=i % 2 + 1)
        reviews.catch_up()
    answers = {p.id: p for p in desk.store.predictions()}
    newest = [{r.question: r for r in desk.store.reviews(sha)} for sha in desk.store.reviewed_images()]
    alone = [scored_marks((answers[r.prediction_id or ""], r) for r in of.values()) for of in newest]
    expected = sum(len(marks) for share in alone for marks in share.values())
    right = sum(r for share in alone for marks in share.values() for _, r in marks)
    sums = desk.store.score_sums().values()
    assert total(desk.store) == expected == 6
    assert sum(n for marks in sums for (_, kept), n in marks.items() if kept) == right
