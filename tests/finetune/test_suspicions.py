"""Poisoned folds are flagged before they train, clean ones are not; what cannot be judged is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from finetune.evaluate.suspicions.reads import Comparison, Read
from finetune.evaluate.suspicions.report import find_suspicions
from finetune.evaluate.suspicions.suspicion import Kind, Suspicion, significant
from finetune.evaluate.suspicions.tails import at_least, binomial_tail, design_effect, fisher, images_at_most
from pdc.adapters.suspicions import SENTENCES
from pdc.domain.values import Box, Findings, Mark, Point, Status
from tests.bench import poisoning
from tests.bench.poisoning import DRAWN_MODELS, LABELS, RED, WHITE, Dice, drawn_scenes, folds_of, report_of

FOLDS = poisoning.folds_of(LABELS)
CLEAN = [name for name in FOLDS if name.startswith("clean")]
POISONED = {
    "two labels swapped": Kind.RELABELLED,
    "a quarter of a label renamed": Kind.RELABELLED,
    "accepts at a glance": Kind.UNCHANGED,
    "deletes a third of a label": Kind.REMOVED,
    "boxes of half the side": Kind.SMALLER,
    "boxes a quarter to the side": Kind.SHIFTED,
    "imported, swapped or half deleted": Kind.RELABELLED,
    "one of three readers": Kind.RELABELLED_UNLIKE_OTHERS,
    "near copies read by two": Kind.OTHER_LABELS,
}


def found_in(name: str, seeds: int, images: int = 15) -> list[Sequence[Suspicion]]:
    return [report_of(FOLDS[name], drawn_scenes(images, Dice(seed)), Dice(seed)).found for seed in range(seeds)]


def test_a_lone_reader_who_swaps_two_labels_is_flagged_in_19_of_20_seeds():
    flagged = [{(s.reader, s.label, s.other) for s in found} for found in found_in("two labels swapped", 20)]
    assert sum({("eve", RED, WHITE), ("eve", WHITE, RED)} <= names for names in flagged) >= 19


@pytest.mark.parametrize(("name", "kind"), POISONED.items())
def test_every_kind_of_poisoning_is_flagged_for_what_it_is(name, kind):
    images = 40 if name == "one of three readers" else 15
    for found in found_in(name, 4, images):
        assert kind in {s.kind for s in found} and all("eve" in (s.reader, s.other) for s in found)


def test_who_leaves_half_of_what_another_marks_on_near_copies_is_flagged_though_there_is_only_one_label():
    cells = [(s, tuple(m for m in s.truth if m.label == RED)) for s in drawn_scenes(15, Dice(1))]
    scenes = [replace(s, labels=(RED,), truth=red) for s, red in cells]
    plays = poisoning.of_copies(poisoning.deleting(0.5)), poisoning.of_copies(poisoning.human)
    found, left_alone = [[report_of(play, scenes, Dice(seed)).found for seed in range(6)] for play in plays]
    assert all(Kind.OTHER_COUNTS in {s.kind for s in of} for of in found) and not any(left_alone)


@pytest.mark.parametrize("name", CLEAN)
def test_honest_readers_are_left_alone(name):
    assert [list(found) for found in found_in(name, 8)] == [[]] * 8


@pytest.mark.nightly
@pytest.mark.parametrize("images", [15, 40])
def test_of_20_clean_folds_of_each_kind_at_most_one_is_flagged(images):
    assert all(sum(map(bool, found_in(name, 20, images))) <= 1 for name in CLEAN)


def test_a_label_that_the_base_does_not_know_is_not_judged_against_it_and_that_is_said():
    dice = Dice(1)
    scenes = drawn_scenes(15, dice)
    refined = poisoning.fold(scenes, poisoning.renaming({RED: "sickle cell"}), dice)
    reads = [replace(r, labels=(*LABELS, "sickle cell")) for r in refined]
    report = find_suspicions(reads, DRAWN_MODELS)
    assert report.found == () and report.unjudged == {"sickle cell": 15}


def test_reviews_without_an_answer_of_the_base_are_counted_and_not_judged():
    dice = Dice(1)
    reads = [replace(r, answered=None, shown=None, judged=frozenset()) for r in swapped(dice)]
    report = find_suspicions(reads, DRAWN_MODELS)
    assert (report.found, report.reviews, report.compared) == ((), 15, 0) and set(report.unjudged) == set(LABELS)


def test_a_missing_mark_says_nothing_where_the_review_is_not_complete():
    dice = Dice(2)
    reads = poisoning.fold(drawn_scenes(15, dice), poisoning.deleting(0.9), dice)
    assert find_suspicions(reads, DRAWN_MODELS).found
    assert not find_suspicions([replace(r, reviewed=replace(r.reviewed, complete=False)) for r in reads], DRAWN_MODELS).found


def test_without_known_error_rates_renamed_marks_are_flagged_all_the_same():
    found = find_suspicions(swapped(Dice(3)), {}).found
    assert {s.kind for s in found} == {Kind.RELABELLED}


def test_the_images_to_look_at_come_with_the_worst_first():
    worst = max(swapped(Dice(4)), key=lambda r: sum(f.other is not None for f in comparison(r).fates if f.before.label == RED))
    report = find_suspicions(swapped(Dice(4)), DRAWN_MODELS)
    first = next(s for s in report.found if s.label == RED)
    assert first.images[0] == worst.image and len(first.images) == 15
    assert report.to_json()["found"][0]["images"] == list(report.found[0].images)


def swapped(dice: Dice) -> list[Read]:
    return poisoning.fold(drawn_scenes(15, dice), poisoning.renaming(poisoning.swap(LABELS)), dice)


def comparison(read: Read) -> Comparison:
    assert read.against_base
    return read.against_base


def test_marks_are_compared_by_place_whatever_they_are_called_and_doubtful_ones_add_nothing():
    said = (mark("a", 0, RED), mark("b", 50, WHITE), replace(mark("c", 100, RED), status=Status.DOUBTFUL))
    left = (mark("x", 1, WHITE), mark("y", 101, RED), mark("z", 200, RED), replace(mark("b", 50, WHITE), status=Status.REJECTED))
    compared = Comparison(Findings(said), Findings(left))
    assert [(f.before.id, f.after and f.after.id, f.other) for f in compared.fates] == [("a", "x", WHITE), ("b", None, None)]
    assert [m.id for m in compared.added] == ["z"] and compared.is_changed


def test_points_are_compared_by_distance():
    said, left = Mark("a", Point(5, 5), RED), [Mark(f"m{x}", Point(x, 5), WHITE) for x in (14, 40)]
    compared = Comparison(Findings((said,)), Findings(tuple(left)))
    assert compared.fates[0].other == WHITE and [m.id for m in compared.added] == ["m40"]


def mark(id: str, x: float, label: str) -> Mark:
    return Mark(id, Box(x, 0, x + 20, 20), label)


def test_holms_procedure_stops_at_the_first_that_chance_explains():
    some = [Suspicion(Kind.REMOVED, "eve", str(p), "", 1, 1, 0.0, p, ()) for p in (0.2, 0.001, 0.02, 0.04)]
    assert [s.p for s in significant(some)] == [0.001] and significant([]) == []


def test_reads_are_gone_through_once_so_that_they_need_not_be_in_memory():
    for seed, play in enumerate(folds_of(LABELS).values()):
        reads, copies = play(drawn_scenes(20, Dice(seed)), Dice(seed))
        assert find_suspicions(iter(reads), DRAWN_MODELS, copies) == find_suspicions(reads, DRAWN_MODELS, copies)


def test_every_kind_has_its_sentence():
    assert set(SENTENCES) == set(map(str, Kind))


@pytest.mark.parametrize(("table", "p"), [((3, 4, 1, 4), 0.242857), ((10, 10, 0, 10), 5.41e-6), ((0, 5, 3, 5), 1.0)])
def test_fishers_test_by_the_book(table, p):
    assert fisher(*table) == pytest.approx(p, rel=1e-3)


def test_tails_by_the_book():
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5) and binomial_tail(0, 3, 0.5) == 1
    assert binomial_tail(2, 2, 0.5) == pytest.approx(0.25) and images_at_most(0, [0.5, 0.1]) == pytest.approx(0.45)
    assert binomial_tail(900, 2000, 0.4) < 1e-5  # no overflow


def test_marks_of_one_image_count_less_than_marks_of_many():
    assert design_effect([1, 1, 1]) == 1 and design_effect([11]) == pytest.approx(2)
    assert at_least(20, [200], 0.04) > at_least(20, [1] * 200, 0.04)
