"""A look that shows little, or is unsure, is taken again closer where closer looks show more of what they were taught to see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from pdc.domain.errors import BadModel
from pdc.domain.values import Box, Mark, Question, Task
from pdc.inference.answer_settings import sizes_of
from pdc.inference.predictors.looks import See, plan_by_content

ASK = Question(Task.COUNT_AND_BOX, ("nucleus",))
SIZES = {"nucleus": (0.03, 0.25), "polyp": (0.1, 0.95)}
FIELD = Image.effect_noise((512, 512), 60).convert("RGB")


def crowd(n: int, side: float, score: float, label: str = "nucleus") -> list[Mark]:
    """n x n objects on a grid over the field, in image pixels."""
    step = FIELD.width / n
    centres = [((i % n + 0.5) * step, (i // n + 0.5) * step) for i in range(n * n)]
    return [Mark("p", Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), label, score=score) for x, y in centres]


def sees(far: Sequence[Mark], near: Sequence[Mark]) -> See:
    """A look at the whole field shows `far`, a closer one what of `near` lies in its window."""

    def see(window: Box) -> list[Mark]:
        shown = far if window.width == FIELD.width else near
        inside = [m for m in shown if window.x1 <= m.shape.center.x < window.x2 and window.y1 <= m.shape.center.y < window.y2]
        moved = [Box(*(v - d for v, d in zip(m.body.xyxy, (window.x1, window.y1) * 2, strict=True))) for m in inside]
        return [Mark("p", shape, m.label, score=m.score) for m, shape in zip(inside, moved, strict=True)]

    return see


def looks(far: Sequence[Mark], near: Sequence[Mark], asked: Question = ASK, sizes=SIZES) -> int:
    return len(plan_by_content(FIELD, asked, {"nucleus", "polyp"}, sees(far, near), sizes))


def test_objects_too_small_for_one_look_are_found_by_closer_ones():
    assert looks([], crowd(4, 30, 0.8)) == 4


def test_whole_cells_boxed_in_doubt_give_way_to_the_nuclei_that_closer_looks_show():
    assert looks(crowd(4, 100, 0.4), crowd(4, 30, 0.8)) == 4


def test_closer_looks_are_not_taken_for_marks_of_a_size_that_was_never_learnt():
    assert looks(crowd(2, 60, 0.4), crowd(4, 120, 0.8)) == 1


@pytest.mark.parametrize("near", [[], crowd(1, 30, 0.9)])
def test_an_empty_field_stays_one_look(near):
    assert looks([], near) == 1


def test_a_sure_look_is_not_taken_again():
    asked: list[Box] = []
    see = sees(crowd(3, 90, 0.8), crowd(8, 30, 0.9))
    plan_by_content(FIELD, ASK, {"nucleus"}, lambda window: asked.append(window) or see(window), SIZES)
    assert len(set(asked)) == 1


def test_what_is_of_every_size_is_not_looked_for_closer():
    polyp = Question(Task.COUNT_AND_BOX, ("polyp",))
    assert looks([], crowd(4, 60, 0.9, "polyp"), polyp) == 1


def test_a_model_that_does_not_say_its_sizes_looks_as_before():
    assert looks([], crowd(4, 30, 0.8), sizes={}) == 1


@pytest.mark.parametrize("sizes", [{"nucleus": [0.3, 0.1]}, {"nucleus": 0.2}, {"nucleus": ["a", "b"]}, [1, 2]])
def test_sizes_that_are_none_are_refused(sizes, tmp_path: Path):
    (tmp_path / "pdc.json").write_text(json.dumps({"sizes": sizes}))
    with pytest.raises(BadModel, match="smallest and a largest side"):
        sizes_of(str(tmp_path))
