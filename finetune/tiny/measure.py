"""The embedded model's numbers: one table on `dev` images, each with n and a 95 % interval, by the same predictor that serves.

One-to-one matching by two rules of `pdc.domain.matching`. EVALUATION is what `finetune evaluate` measures by too: boxes at an
IoU of 0.5, points within 10 px of the true box's centre. CARD is for points alone, as the model card has counted them since
its first version: within 12 px, polyps within the box. Intervals are percentile bootstraps over images.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from finetune.data.coco import read_coco
from finetune.evaluate.bootstrap import ratio_of_pairs
from finetune.tiny import LABELS, SOURCES
from finetune.tiny.clean import clean_piece
from finetune.tiny.prompts import OWN
from pdc.domain.matching import CARD, EVALUATION, match, match_inside
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.predictors.base import Answer, Predictor

FULL_FIELD = 40  # nuclei fields above it are a row of their own
INSIDE = "polyps"  # a point anywhere in a polyp's box says where it is
BOXES, COUNT = f"F1, IoU {EVALUATION.iou:g}", "count MAE / mean"
POINTS, CARD_POINTS = f"F1, points {EVALUATION.distance:g} px", f"{CARD.distance:g} px or in polyp"
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Field:
    """One image, its true boxes in image pixels, and the labels of its kind."""

    path: Path
    true: Findings
    labels: tuple[str, ...]


def measure(predictor: Predictor, data: Path, limit: int, say: Callable[[str], None] = print) -> dict[str, object]:
    """Measure on the first `limit` dev images of each kind; says a row at a time and returns all numbers."""
    kinds = fields(data, limit)
    numbers: dict[str, object] = {}
    say(f"{'kind':<22}{'n':>5}  " + "".join(f"{title:<22}" for title in (BOXES, POINTS, CARD_POINTS, COUNT)) + f"{'seconds':>8}")
    for kind, some in kinds.items():
        if some:
            numbers[kind] = _kind(predictor, kind, some, say)
    everything = {kind: some[: max(limit // 2, 1)] for kind, some in kinds.items() if some and "full" not in kind}
    numbers["none"] = _none(predictor, everything, say)
    numbers["alarms"] = _alarms(predictor, kinds["polyps"], say)
    numbers["one label"] = _one_label(predictor, everything["blood_cells"], say)
    numbers["tasks agree"] = _agreement(predictor, everything, say)
    return numbers


def fields(data: Path, limit: int) -> dict[str, list[Field]]:
    """The first `limit` dev images per kind; nuclei fields with more than FULL_FIELD objects apart."""
    kinds: dict[str, list[Field]] = {}
    for source in SOURCES:
        rows = read_coco(data / source / "dev.json", Task.COUNT_AND_BOX)
        kinds[source] = [Field(r.path, r.findings, OWN[source]) for r in rows if len(r.findings.marks) <= FULL_FIELD][:limit]
        full = [Field(r.path, r.findings, OWN[source]) for r in rows if len(r.findings.marks) > FULL_FIELD][:limit]
        if full:
            kinds[f"{source}, full fields"] = full
    return kinds


def ask(predictor: Predictor, path: Path, task: Task, labels: Sequence[str]) -> Answer:
    with Image.open(path) as file:
        return predictor.predict(file.convert("RGB"), Question(task, tuple(labels)))


def _kind(predictor: Predictor, kind: str, some: Sequence[Field], say: Callable[[str], None]) -> dict[str, object]:
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in (BOXES, POINTS, CARD_POINTS, COUNT)}
    seconds = []
    for field in some:
        answer = ask(predictor, field.path, Task.COUNT_AND_BOX, field.labels)
        found, true = _marks(answer), field.true.marks
        pointed = _marks(ask(predictor, field.path, Task.POINTING, field.labels))
        both = len(pointed) + len(true)
        pairs[BOXES].append((2 * len(match(found, true, min_iou=EVALUATION.iou)), len(found) + len(true)))
        pairs[POINTS].append((2 * len(match(pointed, true, max_distance=EVALUATION.distance)), both))
        pairs[CARD_POINTS].append((2 * _card_hits(kind, pointed, true), both))
        pairs[COUNT].append((abs(len(found) - len(true)), len(true)))
        seconds.append(answer.seconds)
    row = {name: ratio(some_pairs) for name, some_pairs in pairs.items()}
    spread = np.percentile(seconds, [50, 95]).round(2).tolist()
    cells = "".join(f"{format_estimate(row[name]):<22}" for name in row)
    say(f"{kind:<22}{len(some):>5}  {cells}{spread[0]:>8} (95 %: {spread[1]})")
    return {"n": len(some), **row, "seconds": spread}


def _card_hits(kind: str, points: Sequence[Mark], boxes: Sequence[Mark]) -> int:
    return len(match_inside(points, boxes) if kind == INSIDE else match(points, boxes, max_distance=CARD.distance))


def _marks(answer: Answer) -> tuple[Mark, ...]:
    return tuple(m for m in answer.findings.marks if m.counts) if answer.findings else ()


def _none(predictor: Predictor, kinds: dict[str, list[Field]], say: Callable[[str], None]) -> list[float] | None:
    """Share of questions about labels that are not there which are answered with none: foreign labels, and empty fields."""
    right = []
    for some in kinds.values():
        for i, field in enumerate(some):
            present = {m.label for m in field.true.marks}
            foreign = [label for label in LABELS if label not in field.labels]
            asked = [foreign[i % len(foreign)], *[label for label in field.labels if label not in present][:1]]
            right += [(not _marks(ask(predictor, field.path, Task.COUNT_AND_BOX, [label])), 1) for label in asked]
    right += [
        (not _marks(predictor.predict(Image.new("RGB", (320, 240), color), Question(Task.COUNT_AND_BOX, (label,)))), 1)
        for color in ("black", "white", "#c08070", "#404858")
        for label in LABELS
    ]
    say(f"'none' for labels of another kind and on flat colours: {format_estimate(ratio(right))}, n = {len(right)}")
    return ratio(right)


def _alarms(predictor: Predictor, some: Sequence[Field], say: Callable[[str], None]) -> dict[str, object]:
    """Share of frames with an object, and of their pieces without one, where at least one is counted."""
    said = {"frames": [], "clean pieces": []}
    for field in some:
        with Image.open(field.path) as file:
            image = file.convert("RGB")
        question = Question(Task.COUNT_AND_BOX, field.labels)
        piece = clean_piece(image.size, [m.shape for m in field.true.marks if isinstance(m.shape, Box)])
        for kind, shown_part in (("frames", image), ("clean pieces", image.crop(piece) if piece else None)):
            if shown_part is not None:
                said[kind].append((bool(_marks(predictor.predict(shown_part, question))), 1))
    for kind, pairs in said.items():
        say(f"polyp counted on {kind}: {format_estimate(ratio(pairs))}, n = {len(pairs)}")
    return {kind: {"n": len(pairs), "counted": ratio(pairs)} for kind, pairs in said.items()}


def _one_label(predictor: Predictor, some: Sequence[Field], say: Callable[[str], None]) -> dict[str, object]:
    """F1 of a label asked alone and asked with the others of its kind."""
    found: dict[str, dict[str, list]] = {}
    for field in some:
        together = _marks(ask(predictor, field.path, Task.COUNT_AND_BOX, field.labels))
        for label in field.labels:
            true = [m for m in field.true.marks if m.label == label]
            alone = _marks(ask(predictor, field.path, Task.COUNT_AND_BOX, [label]))
            for way, marks in (("alone", alone), ("together", [m for m in together if m.label == label])):
                pair = 2 * len(match(marks, true)), len(marks) + len(true)
                found.setdefault(label, {}).setdefault(way, []).append(pair)
    numbers = {label: {way: ratio(pairs) for way, pairs in ways.items()} for label, ways in found.items()}
    for label, ways in numbers.items():
        say(
            f"{label}: F1 alone {format_estimate(ways['alone'])}, "
            f"with the others {format_estimate(ways['together'])}, n = {len(some)}"
        )
    return {**numbers}


def _agreement(predictor: Predictor, kinds: dict[str, list[Field]], say: Callable[[str], None]) -> list[float] | None:
    """Share of images where all five tasks come to the same count."""
    same = []
    for some in kinds.values():
        for field in some[:20]:
            answers = [(task, ask(predictor, field.path, task, field.labels).findings or Findings()) for task in Task]
            same.append((len({findings.count(task) for task, findings in answers}) == 1, 1))
    say(f"all five tasks come to the same count: {format_estimate(ratio(same))}, n = {len(same)}")
    return ratio(same)


def ratio(pairs: Sequence[tuple[float, float]], seed: int = 0) -> list[float] | None:
    """[sum of the first / sum of the second, lower, upper end of the 95 % interval]; one pair an image. None: 0 / 0."""
    found = ratio_of_pairs(pairs, RESAMPLES, seed)
    return found and [round(v, 3) for v in (found.value, found.low, found.high)]


def format_estimate(estimate: Sequence[float] | None) -> str:
    if estimate is None:
        return "-"
    value, low, high = estimate
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def measure_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Measure a finished model folder in the serving quantization and write measured.json into `out`."""
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    predictor, started = LocalPredictor(lambda: load(str(model), quantization=quantization)), time.monotonic()
    predictor.load()
    numbers = {**measure(predictor, data, limit), "quantization": quantization}
    print(f"{time.monotonic() - started:.0f} s in all, {quantization}")
    (out / "measured.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
