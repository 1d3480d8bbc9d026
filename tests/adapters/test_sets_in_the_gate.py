"""What named test sets say about an adapter: against it where it is worse, and aloud where they cannot decide."""

from __future__ import annotations

from typing import Any

import pytest

from pdc.adapters.test_sets import (
    SET_HEADERS,
    more_failures_on_sets,
    more_images,
    seconds_a_question,
    set_notes,
    set_rows,
    worse_on_sets,
)


def found(value: float, low: float, high: float, *, serving: str | None = None, n: int = 40, **more: Any) -> dict[str, Any]:
    """metrics with one set, on which the score changed so much."""
    change = {"value": value, "low": low, "high": high}
    sides = {"base": {"score": 0.8, "adapter": None}, "active": {"score": 0.8, "adapter": serving}}
    candidate = {"score": 0.8 + value, "score_name": "F1"}
    about = {"set": {"margin": 0.05}, "n": n, "changes": {"base": change, "active": change}}
    return {"sets": {"clinic-b": {**sides, "candidate": candidate, **about, **more}}}


@pytest.mark.parametrize("change", [(-0.2, -0.25, -0.15), (-0.09, -0.2, 0.02), (-0.04, -0.07, -0.01)])
def test_an_adapter_that_is_worse_on_a_set_is_objected_to_with_both_scores_and_the_interval(change: tuple[float, float, float]):
    (said,) = worse_on_sets(found(*change), None)
    assert "clinic-b" in said and f"{100 * change[1]:+.1f}" in said and f"{0.8 + change[0]:.2f} against 0.80" in said


@pytest.mark.parametrize("change", [(0.1, 0.05, 0.15), (-0.01, -0.04, 0.02), (-0.02, -0.03, -0.01)])
def test_an_adapter_that_loses_less_than_the_margin_passes_in_silence(change: tuple[float, float, float]):
    metrics = found(*change)
    assert [*worse_on_sets(metrics, None), *set_notes(metrics, None)] == []


def test_where_the_interval_is_too_wide_a_note_says_how_many_more_images_it_takes():
    metrics = found(0.0, -0.1, 0.1, n=20)
    assert list(worse_on_sets(metrics, None)) == []
    (said,) = set_notes(metrics, None)
    assert "cannot be decided" in said and "60 more images" in said


def test_four_times_the_images_halve_the_interval():
    assert more_images(20, {"value": 0.0, "low": -0.1}, 0.05) == 60


def test_a_comparison_with_what_no_longer_serves_decides_nothing_and_says_so():
    metrics = found(-0.2, -0.25, -0.15, serving="old")
    assert list(worse_on_sets(metrics, "new")) == []
    (said,) = set_notes(metrics, "new")
    assert "old" in said and "new" in said and "measure it again" in said
    assert list(worse_on_sets(metrics, "old"))


def test_a_set_that_was_refused_says_why_and_one_that_was_forgotten_is_named():
    refused = {"sets": {"clinic-b": {"not_measured": "training was shown it", "set": {}}}}
    assert list(worse_on_sets(refused, None)) == []
    first, second = set_notes(refused, None, ("clinic-b", "clinic-c"))
    assert "training was shown it" in first and "clinic-c" in second


def test_an_adapter_that_answers_as_well_without_the_image_is_told_of():
    def free(low: float) -> dict[str, Any]:
        return {"image_free": {"exchanged": {"value": 0.79}, "gain": {"value": 0.01, "low": low, "high": 0.03}}}

    (said,) = set_notes(found(0.0, -0.01, 0.01, **free(-0.01)), None)
    assert "no better with the image than without" in said
    assert list(set_notes(found(0.0, -0.01, 0.01, **free(0.005)), None)) == []


def test_what_a_question_costs_is_the_time_of_every_model_that_was_asked():
    side = {"seconds": 20.0, "overall": {"answers": 10}}
    measured = {"base": {**side, "adapter": None}, "active": {**side, "adapter": None}, "candidate": {**side, "adapter": "new"}}
    assert seconds_a_question(measured) == 4.0
    assert seconds_a_question({}) is None


def test_the_training_tab_has_a_row_a_set_with_scores_changes_and_the_worth_of_a_guess():
    scored = {"score_name": "F1", "overall": {"f1": {"value": 0.8, "low": 0.7, "high": 0.9}}}
    free = {"exchanged": {"value": 0.1, "low": 0.0, "high": 0.2}}
    metrics = found(-0.02, -0.03, -0.01, base=scored, active=scored, candidate=scored, image_free=free)
    refused = {"not_measured": "training was shown it", "set": {}}
    rows = list(set_rows({"sets": {**metrics["sets"], "clinic-c": refused}}))
    cell = "F1 0.80 [0.70, 0.90]"
    assert rows[0] == ["clinic-b", "40", cell, cell, cell, "-2.0 [-3.0, -1.0]", "0.10 [0.00, 0.20]"]
    assert rows[1][:3] == ["clinic-c", "-", "not measured"] and len(rows[1]) == len(SET_HEADERS)


@pytest.mark.parametrize(("key", "words"), [("zero_case", "'none'"), ("unreadable", "cannot be read"), ("count_mae", "counts")])
def test_a_failure_that_is_surely_more_frequent_on_a_set_is_objected_to_though_the_score_is_kept(key: str, words: str):
    def side(value: float) -> dict[str, Any]:
        return {"adapter": None, "overall": {key: {"value": value, "low": value - 0.05, "high": value + 0.05}}}

    (said,) = more_failures_on_sets(found(0.0, -0.01, 0.01, base=side(0.1), candidate=side(0.3)), None)
    assert words in said and "0.30 [0.25, 0.35] against 0.10 [0.05, 0.15]" in said
    assert list(more_failures_on_sets(found(0.0, -0.01, 0.01, base=side(0.1), candidate=side(0.15)), None)) == []
    assert list(more_failures_on_sets(found(0.0, -0.01, 0.01, base=side(0.3), candidate=side(0.1)), None)) == []
