"""What goes to the editor and what comes back, without a browser."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from pdc.domain.errors import PdcError
from pdc.domain.values import Box, Findings, Image, Mark, Origin, Point, Question, Status, Task
from pdc.settings import ASSETS
from pdc.web.ui import annotator

IMAGE = Image("0" * 64, "a.png", 100, 80, "g", datetime(2026, 1, 1, tzinfo=UTC))
QUESTION = Question(Task.COUNT_AND_BOX, ("platelet", "red cell"))
FINDINGS = Findings(
    (
        Mark("m1", Box(1, 2, 30.5, 40), "platelet", score=0.25),
        Mark("h1", Point(50, 60), "red cell", Origin.HUMAN, Status.ACCEPTED),
        Mark("m2", Box(0, 0, 100, 80), "red cell", Origin.EDITED, Status.REJECTED, 0.9),
    ),
    {"platelet": 2},
)


def value(**changes: Any) -> dict:
    return annotator.to_value("case", QUESTION, FINDINGS, IMAGE, "/images/a") | changes


def mark(**changes: Any) -> dict:
    plain = {"id": "m1", "label": "platelet", "box": [1, 2, 3, 4], "origin": "model", "status": "open", "score": None}
    return {k: v for k, v in (plain | changes).items() if v is not ...}


def test_findings_survive_the_way_to_the_editor_and_back() -> None:
    assert annotator.findings_from(json.loads(json.dumps(value()))) == FINDINGS


def test_the_value_says_what_the_editor_needs() -> None:
    sent = value()
    assert sent["kind"] == "box"
    assert sent["labels"] == ["platelet", "red cell"]
    assert sent["image"] == {"url": "/images/a", "width": 100, "height": 80, "name": "a.png"}
    assert (sent["rev"], sent["edits"], sent["readonly"], sent["model_stated"]) == (0, 0, False, None)


def test_calibration_goes_along_only_as_far_as_the_editor_knows_it() -> None:
    assert (value()["calibration"], value()["answering"]) == ({}, False)
    measured = {"confident": 0.8, "unsure": 0.3, "n": 212}
    sent = annotator.to_value(
        "case", QUESTION, FINDINGS, IMAGE, "/a", calibration={"platelet": {**measured, "slope": 1.2}}, answering=True
    )
    assert (sent["calibration"], sent["answering"]) == ({"platelet": measured}, True)


def test_merge_and_acknowledgement_are_there_only_where_they_apply() -> None:
    assert not {"merge", "acked"} & set(value())
    sent = annotator.to_value("case", QUESTION, FINDINGS, IMAGE, "/a", merge=True, acked=0)
    assert (sent["merge"], sent["acked"]) == (True, 0)


def test_a_note_is_no_draft() -> None:
    note = annotator.notes_value("case", 3, acked=7)
    assert note == {"case": "case", "rev": 3, "acked": 7}
    assert annotator.notes_value("case", 3, answering=False) == {"case": "case", "rev": 3, "answering": False}
    with pytest.raises(PdcError):
        annotator.findings_from(note, wh=(100, 80))


@pytest.mark.parametrize(("task", "kind"), [(Task.POINTING, "point"), (Task.BOUNDING, "box"), (Task.COUNTING, "count")])
def test_kind_follows_the_task(task: Task, kind: str) -> None:
    assert annotator.kind_of(task) == kind


def test_shapes_from_the_browser_are_ordered_and_clipped() -> None:
    marks = [mark(box=[90, 70, -5, 200.5]), mark(id="m2", box=..., point=[150, -1])]
    shapes = [m.shape for m in annotator.findings_from(value(marks=marks)).marks]
    assert shapes == [Box(0, 70, 90, 80), Point(100, 0)]


def test_the_callers_size_wins_over_the_browsers() -> None:
    forged = value(marks=[mark(box=[0, 0, 900, 900])], image={"width": 10**6, "height": 10**6})
    assert annotator.findings_from(forged, wh=(100, 80)).marks[0].shape == Box(0, 0, 100, 80)


def test_unknown_keys_are_ignored() -> None:
    assert annotator.findings_from(value(marks=[mark(colour="red")], more=1)).marks[0].id == "m1"


BAD = {
    "not an object": [1],
    "no image": value(image=None),
    "size is a bool": value(image={"width": True, "height": 80}),
    "marks not a list": value(marks={}),
    "no marks": {k: v for k, v in value().items() if k != "marks"},
    "too many marks": value(marks=[mark()] * 6401),
    "mark is text": value(marks=["m1"]),
    "no id": value(marks=[mark(id=None)]),
    "long id": value(marks=[mark(id="m" * 65)]),
    "control character in id": value(marks=[mark(id="m\n1")]),
    "same id twice": value(marks=[mark(), mark()]),
    "no shape": value(marks=[mark(box=...)]),
    "two shapes": value(marks=[mark(point=[1, 2])]),
    "three numbers": value(marks=[mark(box=[1, 2, 3])]),
    "text for a number": value(marks=[mark(box=[1, 2, "3", 4])]),
    "bool for a number": value(marks=[mark(box=[1, 2, True, 4])]),
    "not a number": value(marks=[mark(box=[1, 2, float("nan"), 4])]),
    "infinite": value(marks=[mark(box=[1, 2, float("inf"), 4])]),
    "beyond floats": value(marks=[mark(box=[1, 2, 10**400, 4])]),
    "label with markup": value(marks=[mark(label="<b>")]),
    "label is a number": value(marks=[mark(label=3)]),
    "unknown origin": value(marks=[mark(origin="robot")]),
    "unhashable status": value(marks=[mark(status=[])]),
    "score above one": value(marks=[mark(score=1.5)]),
    "score is text": value(marks=[mark(score="high")]),
    "negative count": value(stated={"platelet": -1}),
    "half a count": value(stated={"platelet": 1.5}),
    "count of markup": value(stated={"<b>": 1}),
    "counts as a list": value(stated=[1]),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_a_draft_is_refused_with_a_sentence(bad: object) -> None:
    with pytest.raises(PdcError) as refused:
        annotator.findings_from(bad)
    assert str(refused.value).endswith(".")


def test_a_label_outside_the_question_is_refused_where_the_caller_asks() -> None:
    with pytest.raises(PdcError, match="not part of this question"):
        annotator.findings_from(value(), labels=["platelet"])


def test_the_editor_component_carries_no_data_in_its_template() -> None:
    editor = annotator.Annotator(value())
    assert "${" not in editor.html_template and "{{" not in editor.html_template
    assert all(callable(getattr(editor, event)) for event in ("edit", "save", "next", "previous", "stop"))


def _schemes() -> dict[str, dict[str, str]]:
    theme = (ASSETS / "theme.css").read_text("utf-8")
    light, dark = theme.split(".dark, .pdc-dark")
    colors = re.compile(r"--pdc-([a-z-]+): (#[0-9a-f]{6})")
    return {"light": dict(colors.findall(light)), "dark": dict(colors.findall(dark.split("@media")[0]))}


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(a: str, b: str) -> float:
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_reads_at_four_and_a_half_to_one(scheme: str) -> None:
    c = _schemes()[scheme]
    inks = ("text", "muted", "accent", "good", "bad", "warn")
    grounds = ("bg", "panel", "raised", "accent-soft")
    pairs = [(ink, ground) for ink in inks for ground in grounds]
    pairs += [("on-accent", "accent"), ("on-alarm", "alarm"), ("text", "warn-soft"), ("warn", "warn-soft"), ("muted", "stage")]
    ratios = {(ink, ground): round(_contrast(c[ink], c[ground]), 2) for ink, ground in pairs}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
