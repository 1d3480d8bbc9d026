"""Reads of several readers become rows of measures, with intervals over images or groups."""

from __future__ import annotations

from random import Random

import pytest

from pdc.domain.agreement.measures import ONE_LABEL, SAME_COUNTS
from pdc.domain.agreement.rows import Kind, Measure, Row
from pdc.domain.values import Box, Findings, Mark, Origin, Question, Task
from pdc.review.agreement.compare import Case, Comparison

ASK = Question(Task.COUNT_AND_BOX, ("cell", "platelet"))


def marks(*labels: str, at: float = 0) -> Findings:
    """A mark of each label in a row; `at` pixels further to the right."""
    placed = enumerate(labels)
    return Findings(tuple(Mark(f"h{i}", Box(50 * i + at, 0, 50 * i + 20 + at, 20), n, Origin.HUMAN) for i, n in placed if n))


def compare(*images: dict[str, Findings], groups: list[str] | None = None, question: Question = ASK) -> list[Row]:
    named = groups or [str(i) for i in range(len(images))]
    cases = tuple(Case(f"image {i}", named[i], question, reads) for i, reads in enumerate(images))
    return list(Comparison(Kind.INTER, tuple(images[0]), cases).rows())


def row(rows: list[Row], measure: Measure, label: str | None = None) -> Row:
    return next(r for r in rows if (r.measure, r.label) == (measure, label))


def test_one_careless_reader_loses_f1_on_the_label_that_they_miss_and_not_on_the_other():
    images = [{"ada": marks("cell", "platelet", "platelet"), "bob": marks("cell", "platelet", "", at=2)} for _ in range(6)]
    rows = compare(*images)
    assert row(rows, Measure.F1, "cell").estimate.value == 1
    assert row(rows, Measure.F1, "platelet").estimate.value == pytest.approx(2 / 3)
    assert row(rows, Measure.F1).estimate.value == pytest.approx(4 / 5)
    assert row(rows, Measure.BIAS, "platelet").estimate.value == 1
    assert row(rows, Measure.BIAS, "cell").estimate.value == 0


def test_kappa_is_of_the_labels_of_matched_objects_alone():
    agreed = {"ada": marks("cell", "platelet", "cell"), "bob": marks("cell", "platelet")}
    swapped = {"ada": marks("cell", "platelet"), "bob": marks("platelet", "cell")}
    assert row(compare(agreed), Measure.KAPPA).estimate.value == 1
    assert row(compare(agreed, swapped), Measure.KAPPA).estimate.value == pytest.approx(0)
    assert row(compare(agreed), Measure.KAPPA).n == 2


def test_three_readers_have_an_alpha_and_an_icc_and_no_pairs_measures():
    reads = [{r: marks("cell", "platelet", *["cell"] * (i % 3)) for r in ("ada", "bob", "eve")} for i in range(6)]
    rows = compare(*reads)
    assert {r.measure for r in rows} == {Measure.ALPHA, Measure.ICC}
    assert row(rows, Measure.ALPHA).estimate.value == 1
    assert row(rows, Measure.ICC, "cell").estimate.value == pytest.approx(1)


def test_what_cannot_be_computed_is_none_with_its_sentence():
    rows = compare(*({"ada": marks("cell"), "bob": marks("cell")} for _ in range(6)))
    kappa, icc = row(rows, Measure.KAPPA).estimate, row(rows, Measure.ICC).estimate
    assert (kappa.value, kappa.why) == (None, ONE_LABEL)
    assert (icc.value, icc.why) == (None, SAME_COUNTS)


def test_an_interval_holds_the_value_and_is_wider_when_images_belong_together():
    random = Random(1)
    images, groups = [], []
    for patient in range(8):
        missed = random.random()
        for _ in range(5):
            images.append(
                {"ada": marks(*["cell"] * 10), "bob": marks(*("cell" if random.random() > missed else "" for _ in range(10)))}
            )
            groups.append(f"patient {patient}")
    alone, together = (row(compare(*images, groups=g), Measure.F1).estimate for g in (None, groups))
    assert alone.low < alone.value < alone.high
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_too_few_images_give_a_value_without_an_interval_and_say_so():
    estimate = row(compare({"ada": marks("cell"), "bob": marks("cell")}), Measure.F1).estimate
    assert (estimate.value, estimate.low) == (1, None)
    assert "needs 5 images" in estimate.why


def test_an_incomplete_read_counts_for_labels_and_neither_for_counts_nor_for_f1():
    whole = {"ada": marks("cell", "platelet"), "bob": marks("cell", "platelet")}
    part = {"ada": marks("cell", "platelet"), "bob": Findings(marks("cell", "platelet").marks[:1], complete=False)}
    rows = compare(whole, part)
    assert row(rows, Measure.KAPPA).n == 3
    assert row(rows, Measure.F1).images == row(rows, Measure.ICC).images == 1


def test_when_only_counting_there_are_counts_and_nothing_else():
    question = Question(Task.COUNTING, ("cell",))
    images = [{"ada": Findings(stated={"cell": n}), "bob": Findings(stated={"cell": n + n % 2})} for n in range(10)]
    rows = compare(*images, question=question)
    assert {r.measure for r in rows} == {Measure.BIAS, Measure.LOWER, Measure.UPPER, Measure.ICC}
    assert row(rows, Measure.BIAS, "cell").estimate.value == pytest.approx(-0.5)


def test_images_that_were_not_asked_for_a_label_do_not_count_for_it():
    both = Case("a", "a", ASK, {"ada": marks("cell"), "bob": marks("cell")})
    one = Case("b", "b", Question(Task.COUNT_AND_BOX, ("cell",)), {"ada": marks("cell"), "bob": marks("cell")})
    rows = list(Comparison(Kind.INTER, ("ada", "bob"), (both, one)).rows())
    assert row(rows, Measure.BIAS, "platelet").images == 1
    assert row(rows, Measure.BIAS, "cell").images == 2


def test_the_dots_of_a_plot_are_the_counts_of_each_image():
    cases = tuple(Case(f"image {n}", "", ASK, {"ada": marks(*["cell"] * n), "bob": marks("cell", "platelet")}) for n in (1, 3))
    dots = list(Comparison(Kind.INTER, ("ada", "bob"), cases).differences("cell"))
    assert [(d.image, d.one, d.other) for d in dots] == [("image 1", 1, 1), ("image 3", 3, 1)]
