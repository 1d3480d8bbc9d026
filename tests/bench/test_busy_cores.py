"""The bench that compares two checkouts beside busy loops: it times what it says, and says what is too slow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from finetune.data.drawings import smear
from tests.bench.busy_cores import HERE, TIMED, Way, _in_turn, _said


@pytest.mark.slow
@pytest.mark.nightly
def test_two_processes_answer_the_same_image_in_turn_and_say_when_each_mark_was_there(tmp_path):
    Image.fromarray(smear(np.random.default_rng(3), (480, 360)).image).save(tmp_path / "smear.png")
    way = Way("this checkout", HERE, policy="passive")
    with way.started(["red blood cell"]) as first, way.started(["red blood cell"]) as second:
        rows = _in_turn([first, second], tmp_path / "smear.png", turn=0)
    for row in rows:
        assert tuple(row) == TIMED
        assert 0 < row["first mark"] <= (row["ten marks"] or row["whole answer"]) <= row["whole answer"] and row["processor"] > 0


def test_a_ratio_above_the_limit_is_said_and_too_few_answers_too():
    assert "0.50 (0.50 to 0.50); medians 1.000 s and 2.000 s, n = 3" in _said("first mark", [(1, 2)] * 3)
    assert "more than 1.2" in _said("first mark", [(2.6, 2)] * 3)
    assert "too few" in _said("ten marks", [(1, 2)])
