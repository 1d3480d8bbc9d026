"""One reader who flips labels is found; readers who only err like everybody are not."""

from __future__ import annotations

import random

import pytest
from store_values import a_prediction, a_review, an_image, url_of

from finetune.__main__ import main
from finetune.evaluate.reader_audit import JudgedReview, audit_readers, audit_table, fisher
from pdc.domain.diff import CorrectionKind
from pdc.domain.values import Box, Findings, Mark, Status
from pdc.store import Store

LABELS = ("red blood cell", "platelet")


def review(reader: str, chance: random.Random, flips: float, removes: float = 0.02, marks: int = 12) -> JudgedReview:
    """A prediction with errors of the model's own, and what a reader makes of it: 3 % relabelled, `flips` more."""
    predicted, left = [], []
    for i in range(marks):
        mark = Mark(f"m{i}", Box(20 * i, 0, 20 * i + 15, 15), chance.choice(LABELS))
        predicted.append(mark)
        wrong = chance.random() < 0.03 or (mark.label == LABELS[0] and chance.random() < flips)
        label = LABELS[1 - LABELS.index(mark.label)] if wrong else mark.label
        status = Status.REJECTED if chance.random() < removes else Status.ACCEPTED
        left.append(Mark(mark.id, mark.shape, label, status=status))
    return JudgedReview(reader, Findings(tuple(predicted)), Findings(tuple(left)))


def reviews(seed: int, flips: float, images: int = 50) -> list[JudgedReview]:
    chance = random.Random(seed)
    return [review(r, chance, flips if r == "eve" else 0.0) for r in ("ada", "bob", "eve") for _ in range(images)]


def test_a_reader_who_flips_a_tenth_of_a_label_is_caught_in_19_of_20_seeds():
    caught = 0
    for seed in range(20):
        found = audit_readers(reviews(seed, flips=0.10))
        caught += bool(found) and (found[0].reader, found[0].label) == ("eve", LABELS[0])
    assert caught >= 19


@pytest.mark.slow
def test_honest_readers_are_seldom_accused():
    assert sum(bool(audit_readers(reviews(seed, flips=0.0))) for seed in range(100)) <= 8


def test_a_reader_who_removes_what_others_keep_is_named_too():
    chance = random.Random(1)
    found = audit_readers([review(r, chance, 0.0, 0.25 if r == "eve" else 0.02) for r in ("ada", "eve") for _ in range(40)])
    assert {s.reader for s in found} == {"eve"} and {s.kind for s in found} == {CorrectionKind.REMOVED}
    assert "eve" in audit_table(found) and "removed" in audit_table(found)


def test_one_reader_alone_cannot_be_compared():
    chance = random.Random(1)
    assert audit_readers([review("eve", chance, 0.5) for _ in range(50)]) == [] and audit_readers([]) == []


def test_the_command_counts_the_readers_of_the_stored_reviews(tmp_path, capsys):
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    store.add_prediction(a_prediction())
    for n, reader in enumerate(("ada", "bob"), start=1):
        store.save_review(a_review(f"r{n}", prediction_id="p1", author=reader), key=reader, base_revision=n - 1)
    store.close()
    assert main(["audit", "--home", str(tmp_path)]) == 0
    assert "by 2 reader(s)" in capsys.readouterr().out


@pytest.mark.parametrize(("table", "p"), [((3, 4, 1, 4), 0.242857), ((10, 10, 0, 10), 5.41e-6), ((0, 5, 3, 5), 1.0)])
def test_fishers_test_by_the_book(table, p):
    assert fisher(*table) == pytest.approx(p, rel=1e-3)
