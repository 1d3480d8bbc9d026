"""What an adapter saves a reader, or costs."""

from __future__ import annotations

from typing import Any

import pytest

from pdc.adapters.saved_work import saved_work


def measured(candidate: float, **before: float) -> dict[str, Any]:
    changes = {name: {"value": candidate - n, "low": candidate - n - 1, "high": candidate - n + 1} for name, n in before.items()}
    return {"edits": {name: {"value": n} for name, n in {**before, "candidate": candidate}.items()} | {"changes": changes}}


def test_it_is_compared_with_what_served_or_with_drawing_where_that_is_less_work():
    served = saved_work(measured(20, base=90, active=30, scratch=52))
    drawn = saved_work(measured(64, base=90, active=80, scratch=52))
    assert served and (served.before, served.change, served.scratch, served.makes_work) == (30, -10, False, False)
    assert drawn and (drawn.before, drawn.change, drawn.scratch, drawn.makes_work) == (52, 12, True, True)
    alone = saved_work(measured(20, base=90, active=30, scratch=100), "base")
    assert alone and alone.before == 90


def test_the_sentence_says_how_much_and_in_which_direction():
    saves, costs = (saved_work(measured(n, active=52, scratch=60)) for n in (20.04, 63.7))
    assert saves and saves.sentence() == "It saves 32.0 edits an image on held-out images: 52.0 before, 20.0 after."
    assert costs and costs.sentence() == "It costs 11.7 edits an image on held-out images: 52.0 before, 63.7 after."
    assert saves.cell() == "52.0 → 20.0 (-32.0 [-33.0, -31.0])"


@pytest.mark.parametrize(("after", "makes"), [(10.4, False), (10.6, True), (10.0, False), (8.0, False)])
def test_a_twentieth_more_is_no_work_worth_naming(after, makes):
    work = saved_work(measured(after, active=10, scratch=30))
    assert work and work.makes_work is makes


@pytest.mark.parametrize("metrics", [{}, {"edits": {}}, {"edits": {"candidate": None, "scratch": None, "changes": {}}}])
def test_nothing_is_said_where_edits_were_not_measured(metrics):
    assert saved_work(metrics) is None
