"""Ten thousand damaged, cut off and hostile answers: each is read or flagged, and none becomes "nothing found"."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from math import isfinite

import pytest

from pdc.domain.errors import Unreadable
from pdc.domain.prompts import MAX_COUNT, STYLES, answer, parse
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.frame import Frame
from pdc.inference.predictors.tiled import TileAnswer, TiledQuestion
from pdc.inference.predictors.tiling import Tile
from pdc.inference.types import Decoded

LABELS = ("red blood cell", "platelet")
MARKS = Findings(tuple(Mark(f"m{i}", Box(10 * i + 11, 20 + i, 10 * i + 40, 50 + i), LABELS[i % 2]) for i in range(6)))
HOSTILE = (
    "null",
    "true",
    "-0",
    "-1",
    "1e999",
    "NaN",
    "-Infinity",
    "9" * 5000,
    "1e-400",
    "0.5",
    '""',
    "{}",
    "[[]]",
    "[" * 3000,
    "\\",
    '"\\ud800"',
    "\x00",
    "\ufeff",
    "<|im_end|>",
    "```",
    "```json\n",
    "'",
    "//",
    "/* */",
    ",",
    ",]",
    '"label"',
    '"counts":0,',
    '"bbox_2d":[],',
    '"point_2d":[],',
    '"label":"platelet",',
    '{"label":"platelet"},',
    "⁠",
    "١٢",
    "</script>",
    "; DROP TABLE",
)


def edited(text: str, rng: random.Random) -> str:
    """One to four small edits."""
    letters = list(text)
    for _ in range(rng.randint(1, 4)):
        i = rng.randrange(len(letters) + 1)
        letters[i : i + rng.randint(0, 3)] = rng.choice(string.printable) * rng.randint(0, 2)
    return "".join(letters)


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))] + rng.choice(("", "", "]", "}]", "]]}]", '"}]', "\n```"))


def poisoned(text: str, rng: random.Random) -> str:
    i = rng.randrange(len(text) + 1)
    return text[:i] + rng.choice(HOSTILE) + text[i + rng.choice((0, 0, 1, 5)) :]


def repeated(text: str, rng: random.Random) -> str:
    """A stretch of the answer said again somewhere else."""
    a, b = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[a:b] * rng.randint(1, 3) + text[at:]


def retyped(text: str, rng: random.Random) -> str:
    """Good JSON in which one value is another kind of thing."""
    value = json.loads(text.removeprefix("```json\n").removesuffix("\n```"))
    spots: list[tuple[list | dict, int | str]] = []

    def walk(node: object) -> None:
        inside = enumerate(node) if isinstance(node, list) else node.items() if isinstance(node, dict) else ()
        for key, child in inside:
            spots.append((node, key))
            walk(child)

    walk(value)
    holder, key = rng.choice(spots)
    holder[key] = rng.choice((None, True, "", "12", -7, 10**400, 1e308, {}, [[]], [[1]], {"a": []}, ["x"], [[1, 2, 3, 4, 5]]))
    return json.dumps(value)


DAMAGES = (edited, cut, poisoned, repeated, retyped)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("damage", DAMAGES, ids=[d.__name__ for d in DAMAGES])
def test_a_thousand_bad_answers_are_read_or_flagged(damage: Callable[[str, random.Random], str], style: str):
    rng, flagged = random.Random(f"{damage.__name__} {style}"), 0
    for n in range(1000):
        question = Question(tuple(Task)[n % 5], LABELS)
        text = damage(answer(question, MARKS, style), rng)
        _check_as_answered(question, text, style)
        try:
            read = parse(question, text, style)
        except Unreadable:
            flagged += 1
            continue
        _check(question, read, text)
    assert flagged > 200


def _check_as_answered(question: Question, text: str, style: str) -> None:
    """The same text from a server: half-written or whole it stops nobody, and is marks in the image or unreadable."""
    whole = Box(0, 0, 700, 500)
    look = TileAnswer(Tile(whole, whole), Frame((700, 500), (280, 196)), Decoded(text, (), True))
    asked = TiledQuestion(question, question, "any", None, style)
    for found in (asked.so_far([look]), asked.answer([look], 0.0).findings):
        for mark in found.marks if found else ():
            numbers = mark.shape.xyxy if isinstance(mark.shape, Box) else (mark.shape.x, mark.shape.y)
            assert all(0 <= v <= 700 for v in numbers) and mark.score is None, text


def _check(question: Question, read: Findings, text: str) -> None:
    assert all(m.label in LABELS for m in read.marks) and all(0 <= n <= MAX_COUNT for n in read.stated.values()), text
    for mark in read.marks:
        numbers = mark.shape.xyxy if question.task.has_boxes else (mark.shape.x, mark.shape.y)
        assert all(map(isfinite, numbers)), text
    if question.task.has_marks:
        assert read.marks, f"marks were there and none was read: {text}"
    if question.task.states_count:
        assert set(read.stated) == set(LABELS), text


def test_marks_that_were_read_as_nothing_would_be_noticed():
    """The negative control: a parser that answers "nothing found" where it cannot read fails the check above."""
    with pytest.raises(AssertionError, match="none was read"):
        _check(Question(Task.COUNT_AND_BOX, LABELS), Findings(), '[{"bbox_2d": [1, 2')
