"""What changed from one model to another on the same held-out images, for whoever decides which of them answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.evaluate.edits import edits_of
from finetune.evaluate.gallery import JudgedImage, judge_images
from finetune.evaluate.metrics import ScoredAnswer
from pdc.domain.values import Box, Mark

MOST_PICTURES = 6
FATES = ("found", "missed", "wrong")
Cases = Sequence[ScoredAnswer]


def count_changes(answers: Mapping[str, Cases], candidate: str) -> dict[str, Any]:
    """What metrics.json keeps under `images`: from each other model to the candidate, on how many images there is less to
    correct and on how many more; of each label the objects that were missed, and of those found and found no more."""
    return {name: _counted(cases, answers[candidate]) for name, cases in answers.items() if name != candidate}


def _counted(before: Cases, after: Cases) -> dict[str, Any]:
    change = _faults(after)
    change.subtract(_faults(before))
    better, worse = sum(n < 0 for n in change.values()), sum(n > 0 for n in change.values())
    missed, found, lost = _objects(before, after)
    return {"n": len(change), "better": better, "worse": worse, "missed": missed, "found": found, "lost": lost}


def _faults(cases: Cases) -> Counter[str]:
    """What there is to correct in each image, over all its questions; an image without a fault has 0."""
    found: Counter[str] = Counter()
    for case in cases:
        found[case.image] += faults_of(case)
    return found


def faults_of(case: ScoredAnswer) -> int:
    """Edits to the marks; where a number alone was asked for, by how much it is off."""
    if case.question.task.has_marks:
        return edits_of(case)
    said, true = (f.counts(case.question.task) if f else {} for f in (case.predicted, case.true))
    return sum(abs(said.get(label, 0) - true.get(label, 0)) for label in case.question.labels)


def _objects(before: Cases, after: Cases) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """By label: the objects that the first missed, those of them that the second finds, and those that it alone misses."""
    missed, found, lost = Counter[str](), Counter[str](), Counter[str]()
    for old, new in zip(map(judge_images, before), map(judge_images, after), strict=True):
        then, now = ({m.id for m in judged.missed} for judged in (old, new))
        missed.update(m.label for m in old.missed)
        found.update(m.label for m in old.missed if m.id not in now)
        lost.update(m.label for m in new.missed if m.id not in then)
    return dict(missed), dict(found), dict(lost)


def picture_changes(before: Cases, after: Cases) -> list[dict[str, Any]]:
    """The images with more or less to correct than before, the greatest changes first, as the run folder keeps them:
    {"image": sha256, "size": [w, h], "faults": [before, after], "before": {"found", "missed", "wrong"}, "after": ...}; marks
    are [label, x1, y1, x2, y2] or [label, x, y] in pixels."""
    pairs = [(a, b) for a, b in zip(map(judge_images, before), map(judge_images, after), strict=True) if a.faults != b.faults]
    pairs.sort(key=lambda pair: (-abs(pair[0].faults - pair[1].faults), pair[0].case.image))
    return [_picture(a, b) for a, b in pairs[:MOST_PICTURES]]


def _picture(before: JudgedImage, after: JudgedImage) -> dict[str, Any]:
    from PIL import Image

    path = Path(before.case.image)
    with Image.open(path) as file:
        size = list(file.size)
    told = {"image": path.stem, "size": size, "faults": [before.faults, after.faults]}
    return {**told, "before": _drawn(before), "after": _drawn(after)}


def _drawn(judged: JudgedImage) -> dict[str, list[Any]]:
    return {fate: [_place(mark) for mark in getattr(judged, fate)] for fate in FATES}


def _place(mark: Mark) -> list[Any]:
    shape = mark.shape
    corners = shape.xyxy if isinstance(shape, Box) else (shape.x, shape.y)
    return [mark.label, *(round(n, 1) for n in corners)]
