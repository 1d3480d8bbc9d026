"""P(count) of an answer: of one look or several, with doubtful marks, for every task; and the numbers it needs, in pdc.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pdc.domain.certainty.counts import CountModel
from pdc.domain.errors import BadModel
from pdc.domain.prompts import COMPACT
from pdc.domain.values import Box, Question, Status, Task
from pdc.inference.answer_settings import base_settings
from pdc.inference.frame import Frame
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.tiled import TileAnswer, TiledQuestion
from pdc.inference.predictors.tiling import Tile
from pdc.inference.predictors.zoom import zoom_answer
from pdc.inference.types import Decoded, TokenStep

ASK = Question(Task.BOUNDING, ("polyp",))
SIDE = 100
MODEL = CountModel(slope=1.0, offset=0.0, unlisted=1.0, missed=0.0)  # a score is its probability, P(more) a mean
SAID = {"slope": 1, "offset": 0.0, "unlisted": 1.0, "missed": 0.0, "spread": 0.0}


def look(column: int, score: float | None, more: float) -> TileAnswer:
    """A square of the image, side by side with the others, with one mark of that score or none; the list goes on by `more`."""
    window = Box(SIDE * column, 0, SIDE * (column + 1), SIDE)
    opening = TokenStep('[{"label":"polyp","bbox_2d":', 1.0, 1.0)
    mark = (TokenStep("[[", score, 1.0, score), TokenStep("30,30,60,60", 1.0, 1.0)) if score else ()
    steps = (opening, *mark, TokenStep("]]}]" if score else "[]}]", 1 - more, 1.0, more))
    return TileAnswer(
        Tile(window, window), Frame((SIDE, SIDE), (SIDE, SIDE)), Decoded("".join(s.text for s in steps), steps, True)
    )


def asked(*looks: TileAnswer, task: Task = Task.BOUNDING, thresholds: dict | None = None) -> Answer:
    question, models = replace(ASK, task=task), {"polyp": MODEL}
    return TiledQuestion(question, ASK, "tiny", None, COMPACT, thresholds or {}, count_models=models).answer(looks, 1.0)


def test_none_in_every_look_is_as_sure_as_all_looks_together_are():
    one, three = asked(look(0, None, 0.1)), asked(*(look(i, None, 0.1) for i in range(3)))
    assert one.counts["polyp"][0] == pytest.approx(0.905, abs=0.001)
    assert three.counts["polyp"][0] == pytest.approx(0.905**3, abs=0.002) and three.more == {"polyp": pytest.approx(0.3)}


def test_marks_of_several_looks_are_in_one_distribution():
    found = asked(look(0, 0.8, 0.0), look(1, 0.5, 0.0))
    assert len(found.findings.marks) == 2 and found.counts["polyp"] == pytest.approx({0: 0.1, 1: 0.5, 2: 0.4}, abs=0.001)


def test_a_none_after_doubtful_marks_are_hidden_is_worth_what_they_leave():
    hidden = asked(look(0, 0.2, 0.0), thresholds={"polyp": 0.3})
    assert [m.status for m in hidden.findings.marks] == [Status.DOUBTFUL]
    assert hidden.findings.count(Task.BOUNDING) == 0 and hidden.counts["polyp"] == pytest.approx({0: 0.8, 1: 0.2}, abs=0.001)


def test_a_number_alone_is_worth_what_its_marks_were():
    assert asked(look(0, 0.8, 0.0), task=Task.COUNTING).counts == asked(look(0, 0.8, 0.0)).counts


def test_where_one_look_does_not_tell_its_probabilities_nothing_is_known():
    silent = look(1, None, 0.1)
    silent = replace(silent, decoded=replace(silent.decoded, steps=()))
    assert asked(look(0, None, 0.1), silent).counts == {}


def test_a_closer_look_counts_again():
    class Nothing:
        def predict(self, image, question: Question) -> Answer:
            return replace(found, findings=replace(found.findings, marks=()))

    from PIL import Image

    found = asked(look(0, 0.5, 0.0))
    again = zoom_answer(Nothing(), Image.new("RGB", (SIDE, SIDE)), ASK, found, 1)  # type: ignore[arg-type]
    assert again.counts == found.counts != {}


def folder(tmp_path: Path, said: object) -> str:
    (tmp_path / "pdc.json").write_text(json.dumps({"prompt_version": COMPACT, "count_models": said}))
    return str(tmp_path)


def test_a_models_numbers_come_from_its_pdc_json(tmp_path: Path):
    assert base_settings(folder(tmp_path, {"polyp": SAID})).count_models == {"polyp": MODEL}


@pytest.mark.parametrize("said", [{"polyp": {**SAID, "slope": -1}}, {"polyp": {"slope": 1}}, {"polyp": 3}, ["polyp"]])
def test_numbers_that_cannot_be_are_refused_with_a_sentence(tmp_path: Path, said: object):
    with pytest.raises(BadModel, match=r"pdc\.json has a count model without good numbers for slope, offset, unlisted"):
        base_settings(folder(tmp_path, said))
