"""A measuring that was stopped goes on with the answers that it had."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from finetune.data.dataset import Row
from finetune.evaluate.kept.answers import KeptAnswers, weights_of
from pdc.domain.values import Box, Findings, Mark, Origin, Point, Question, Status, Task
from pdc.inference.adapter_ref import AdapterRef, Route

CELLS = Question(Task.COUNT_AND_BOX, ("cell",))
OUTLINE = (((1.0, 2.0), (5.0, 2.0), (5.0, 7.5)),)
FOUND = Findings(
    (
        Mark("m1", Box(1, 2, 5, 7.5), "cell", Origin.MODEL, Status.DOUBTFUL, 0.25, outline=OUTLINE, expert="blood"),
        Mark("m2", Point(1 / 3, 4), "cell", Origin.MODEL, Status.OPEN, 0.1, extent=Box(0, 0, 9, 9), votes=(3, 4)),
    ),
    {"cell": 2},
    complete=False,
)


def rows(folder: Path, n: int) -> list[Row]:
    paths = [folder / f"{i}.png" for i in range(n)]
    for i, path in enumerate(paths):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(path)
    return [Row(path, 8, 8, "g", CELLS, Findings()) for path in paths]


def test_what_was_answered_before_a_stop_is_not_asked_again(tmp_path: Path):
    said = list(zip(rows(tmp_path, 3), (FOUND, None, Findings()), strict=True))
    kept = KeptAnswers(tmp_path / "measuring" / "a.jsonl")
    with pytest.raises(KeyboardInterrupt), kept:
        for row, answer in said[:2]:
            assert kept.answer("w", row, lambda answer=answer: answer) == answer
        raise KeyboardInterrupt
    with kept.path.open("ab") as file:
        file.write(b'{"key": "torn')
    asked: list[Path] = []
    with KeptAnswers(kept.path) as again:
        assert again.known == 2
        for row, answer in said:
            assert again.answer("w", row, lambda row=row, answer=answer: asked.append(row.path) or answer) == answer
    assert asked == [tmp_path / "2.png"] and not kept.path.exists()


def test_answers_of_other_weights_or_to_another_question_are_not_taken(tmp_path: Path):
    (row,) = rows(tmp_path, 1)
    other = Row(row.path, 8, 8, "g", Question(Task.COUNTING, ("cell",)), Findings())
    with KeptAnswers(tmp_path / "a.jsonl") as kept:
        for weights, about in (("w", row), ("x", row), ("w", other)):
            asked: list[str] = []
            kept.answer(weights, about, lambda asked=asked: asked.append("") or Findings())
            assert asked


def test_weights_differ_once_a_file_of_the_model_or_of_an_adapter_has_changed(tmp_path: Path):
    model, adapter = tmp_path / "model", tmp_path / "adapter"
    for folder in (model, adapter):
        folder.mkdir()
        (folder / "a").write_bytes(b"1")
    route = Route((AdapterRef("a", str(adapter)),))
    seen = [weights_of(model, Route()), weights_of(model, route), weights_of(model, route, 4)]
    (adapter / "a").write_bytes(b"12")
    seen.append(weights_of(model, route))
    (model / "a").write_bytes(b"12")
    assert len({*seen, weights_of(model, Route())}) == 5
