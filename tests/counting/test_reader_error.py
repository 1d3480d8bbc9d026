"""The error that reading shows: of all, of each class, and of reads without the model in sight."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from places import Place, boxes

from pdc.counting.protocol import read_protocols
from pdc.counting.reader_error import FEWEST, reader_error, reader_errors
from pdc.counting.sheet import Heading, from_json, make_sheet, to_json
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.domain.values import Prediction, Question, Review, Task, Verdict
from pdc.review.counting.samples import Samples
from pdc.settings import ASSETS

SHIPPED = read_protocols(ASSETS / "protocols")
SEEN = [{"a": (10, 12), "b": (5, 5)}, {"a": (8, 8), "b": (4, 3)}, {"a": (9, 10)}, {"a": (7, 9), "b": (6, 6)}, {"a": (11, 11)}]
BLIND = [{"a": (10, 14), "b": (5, 6)}] * FEWEST


def test_the_few_reviews_are_the_wider_the_error_that_is_said():
    few, many = ([(50, 55), (48, 50), (60, 60), (40, 46), (52, 54), (30, 31)] * k for k in (1, 10))
    narrow, wide = reader_error(many, 10, 500), reader_error(few, 10, 500)
    assert wide is not None and narrow is not None and wide.bias == pytest.approx(narrow.bias)
    assert wide.spread > 1.3 * narrow.spread


@pytest.mark.parametrize(("reviews", "least"), [(6, 0.915), (40, 0.935)])
def test_totals_of_other_fields_lie_within_the_error_that_is_said(reviews, least):
    """Fields of unlike fullness, of which the model misses some: about 95 % of new samples have their change inside."""
    rng, inside, tried = np.random.default_rng(5), 0, 1500
    for _ in range(tried):
        after = rng.poisson(30, reviews + 10)
        before = rng.binomial(after, rng.beta(18, 2, reviews + 10))
        pairs = list(zip(before[:reviews].tolist(), after[:reviews].tolist(), strict=True))
        found = reader_error(pairs, 10, int(after[reviews:].sum()))
        assert found is not None
        change = 100 * (after[reviews:] - before[reviews:]).sum() / after[reviews:].sum()
        inside += abs(change - found.bias) <= found.spread
    assert inside / tried >= least


def test_each_class_and_blind_reads_have_a_line_of_their_own():
    found = reader_errors(SEEN, BLIND, 4, {"a": 40, "b": 20}, ("a", "b"))
    assert found is not None and found.n == 5
    parts = {(p.name, p.blind): p for p in found.parts}
    assert set(parts) == {("a", False), ("", True)}  # of b only three images were asked
    assert parts["a", False].bias == pytest.approx(100 * 5 / 50) and parts["", True].bias == pytest.approx(25)


def test_blind_reads_alone_are_better_than_none():
    found = reader_errors([], BLIND, 4, {"a": 40, "b": 20}, ("a", "b"))
    assert found is not None and found.n == FEWEST and [p.blind for p in found.parts] == [True]
    assert reader_errors(SEEN[:4], BLIND[:4], 4, {"a": 40, "b": 20}, ("a", "b")) is None


def test_a_sheet_keeps_the_error_of_each_class():
    sample = Sample((Replicate((FieldCount("f", {"live": 60, "dead": 50}),)),))
    error = reader_errors([{"live": (9, 10), "dead": (5, 6)}] * 6, [], 1, {"live": 60, "dead": 50}, ("live", "dead"))
    heading = Heading("S-1", datetime(2026, 3, 1, tzinfo=UTC), "ada", "all")
    sheet = make_sheet(heading, SHIPPED["haemocytometer"], sample, error)
    assert error is not None and len(error.parts) == 2
    assert from_json(json.dumps(to_json(sheet))).error == error


def test_reviews_of_the_store_tell_seen_from_blind_and_leave_out_what_is_unfinished(tmp_path):
    place, question = Place(tmp_path), Question(Task.BOUNDING, ("live cell", "dead cell"))
    live = [("live cell", (3.0 * i, 1.0, 3.0 * i + 2, 4.0)) for i in range(4)]
    for i in range(3 * FEWEST):
        image, how = place.image(f"{i}.png"), ("seen", "blind", "unfinished")[i % 3]
        said = Prediction(f"p{i}", image.sha256, question, boxes(*live[:3]), "", "m", None, "1", 0.1, datetime.now(UTC))
        place.store.add_prediction(said)
        found = replace(boxes(*live), complete=how != "unfinished")
        shown = None if how == "blind" else said.id
        about = (f"r{i}", image.sha256, question, shown, Verdict.CORRECTED, found, "ada", 1, datetime.now(UTC))
        place.store.save_review(Review(*about, blind=how == "blind"), key=f"k{i}", base_revision=0)
    sample = Sample((Replicate((FieldCount("f", {"live": 40}),)),))
    found = Samples(place.store).error(SHIPPED["haemocytometer"], sample)
    assert found is not None and (found.n, found.bias) == (FEWEST, 25)
    assert [(p.name, p.blind, p.n) for p in found.parts] == [("live", False, FEWEST), ("", True, FEWEST)]
