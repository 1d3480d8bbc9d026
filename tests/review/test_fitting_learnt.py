"""Labels that nobody measured are fitted as their reviews show: once these are enough, and only where it helps."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from pictures import cells, encoded
from places import Place

from pdc.domain.values import Box, Findings, Image, Mark, Question, Task
from pdc.images.intake import accept
from pdc.inference.experts.registry import NOBODY
from pdc.inference.fitting.rules import UNMEASURED, Way
from pdc.inference.fitting.trial import choose
from pdc.review.fitting.learnt import LearntRules

BOXES = [Box(x, y, x + 26, y + 22) for y in (12, 60) for x in (10, 60, 110)]
PICTURE = np.asarray(cells((150, 100), [box.xyxy for box in BOXES]))
GRAIN = np.random.default_rng(1).integers(90, 110, PICTURE.shape).astype(np.uint8)
RODS = Question(Task.COUNT_AND_BOX, ("rods",))


def test_a_way_of_fitting_that_brings_approved_boxes_back_is_taken_up():
    rule = choose([(PICTURE, BOXES)] * 5, None)
    assert (rule.by, rule.release, rule.click, rule.loose) == (Way.COLOUR, True, True, 0.0)


def test_nothing_is_taken_up_where_boxes_are_few_or_fitting_does_not_help():
    assert choose([(PICTURE, BOXES)] * 4, None) == UNMEASURED
    assert choose([(PICTURE, BOXES[:5])] * 5, None) == UNMEASURED
    assert choose([(GRAIN, BOXES)] * 6, None) == UNMEASURED


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def reviewed(place: Place, number: int) -> None:
    """So many images of rods whose boxes a reader saved."""
    for n in range(number):
        accepted = accept(encoded(cells((150 + n, 100), [box.xyxy for box in BOXES])), f"{n}.png")
        place.files.put(accepted)
        image: Image = place.store.add_image(accepted.image(None))
        place.review(image, RODS, Findings(tuple(Mark(f"m{i}", box, "rods") for i, box in enumerate(BOXES))))


def test_reviews_of_a_label_are_tried_and_again_once_there_are_more(place: Place):
    learnt = LearntRules(place.store, place.files, NOBODY)
    reviewed(place, 2)
    assert learnt.try_out("rods") == UNMEASURED
    reviewed(place, 12)
    assert learnt.try_out("rods").release and learnt.try_out("other") == UNMEASURED


def test_nobody_waits_for_a_trial(place: Place):
    reviewed(place, 7)
    learnt = LearntRules(place.store, place.files, NOBODY)
    assert learnt.rule("rods") == UNMEASURED
    deadline = time.monotonic() + 60
    while not learnt.rule("rods").release:
        assert time.monotonic() < deadline, "the trial did not end within 60 seconds"
        time.sleep(0.05)
