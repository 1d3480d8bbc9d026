"""The embedded model's numbers: one table on `dev` images, each with n and a 95 % interval, by the same predictor that serves.

One-to-one matching by two rules of `pdc.domain.matching`. EVALUATION is what `finetune evaluate` measures by too: boxes at an
IoU of 0.5, points within 10 px of the true box's centre. CARD is for points alone, as the model card has counted them since
its first version: within 12 px, polyps within the box. Intervals are percentile bootstraps over the groups of the data, over
images where it names too few groups to draw from. What is said where nothing is, is measured by `finetune.tiny.report.negatives`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from finetune.data.coco import read_coco
from finetune.evaluate.bootstrap import Group, ratio_of_pairs, rounded
from finetune.evaluate.tables import format_estimate
from finetune.evaluate.views import Answers, View
from finetune.tiny import SOURCES
from finetune.tiny.prompts import OWN
from finetune.tiny.report.negatives import drawn_groups, measure_negatives
from pdc.domain.matching import CARD, EVALUATION, match, match_inside
from pdc.domain.values import Findings, Mark, Question, Task
from pdc.inference.predictors.base import Answer, Predictor

FULL_FIELD = 40  # nuclei fields above it are a row of their own
BRIGHT = 127  # grey levels: nuclei on a ground brighter than this are stained, the others fluoresce
STRICT_IOU = 0.75
SAME_COUNT = 20  # images of each kind that all five tasks are asked about
INSIDE = "polyps"  # a point anywhere in a polyp's box says where it is
BOXES, STRICT, COUNT = f"F1, IoU {EVALUATION.iou:g}", f"F1, IoU {STRICT_IOU:g}", "count MAE / mean"
POINTS, CARD_POINTS = f"F1, points {EVALUATION.distance:g} px", f"{CARD.distance:g} px or in polyp"
COLUMNS = BOXES, STRICT, POINTS, CARD_POINTS, COUNT
RESAMPLES = 2000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Field:
    """One image, its true boxes in image pixels, the labels of its kind, and the group of images that it belongs to."""

    path: Path
    true: Findings
    labels: tuple[str, ...]
    group: Group = None


def measure(answers: Answers, data: Path, limit: int, say: Say = print) -> dict[str, object]:
    """Measure on the first `limit` dev images of each kind (0: on all); says a row at a time and returns all numbers."""
    kinds = fields(data, limit)
    whole = {kind: some for kind, some in kinds.items() if some}
    say(f"{'kind':<22}{'n':>5}  " + "".join(f"{title:<22}" for title in COLUMNS) + f"{'seconds':>8}")
    numbers: dict[str, object] = {
        kind: measure_kind(answers, kind, some, say) for kind, some in {**whole, **_stains(whole)}.items()
    }
    numbers["one label"] = _one_label(answers, kinds["blood_cells"], say)
    numbers["tasks agree"] = _agreement(answers.predictor, {k: f for k, f in whole.items() if "full" not in k}, say)
    numbers["negatives"] = measure_negatives(answers, whole, say)
    return numbers


def fields(data: Path, limit: int) -> dict[str, list[Field]]:
    """The first `limit` dev images per kind (0: all); nuclei fields with more than FULL_FIELD objects apart."""
    kinds: dict[str, list[Field]] = {}
    for source in SOURCES:
        rows = read_coco(data / source / "dev.json", Task.COUNT_AND_BOX)
        every = [Field(r.path, r.findings, OWN[source], r.group) for r in rows]
        kinds[source] = [f for f in every if len(f.true.marks) <= FULL_FIELD][: limit or None]
        if full := [f for f in every if len(f.true.marks) > FULL_FIELD][: limit or None]:
            kinds[f"{source}, full fields"] = full
    return kinds


def _stains(kinds: dict[str, list[Field]]) -> dict[str, list[Field]]:
    """The nuclei again, by what their ground looks like."""
    every = [f for kind, some in kinds.items() if kind.startswith("nuclei") for f in some]
    parts = {True: "nuclei, stained", False: "nuclei, fluorescent"}
    found = {name: [f for f in every if _is_bright(f.path) is bright] for bright, name in parts.items()}
    return {name: some for name, some in found.items() if some}


def _is_bright(path: Path) -> bool:
    with Image.open(path) as file:
        return float(np.median(np.array(file.convert("L")))) > BRIGHT


def ask(predictor: Predictor, path: Path, task: Task, labels: Sequence[str]) -> Answer:
    with Image.open(path) as file:
        return predictor.predict(file.convert("RGB"), Question(task, tuple(labels)))


def measure_kind(answers: Answers, kind: str, some: Sequence[Field], say: Say) -> dict[str, object]:
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in COLUMNS}
    seconds = []
    for field in some:
        view, true = View(field.path), field.true.marks
        found = answers.counted(view, Task.COUNT_AND_BOX, field.labels)
        pointed = answers.counted(view, Task.POINTING, field.labels)
        boxes, points = len(found) + len(true), len(pointed) + len(true)
        pairs[BOXES].append((2 * len(match(found, true, min_iou=EVALUATION.iou)), boxes))
        pairs[STRICT].append((2 * len(match(found, true, min_iou=STRICT_IOU)), boxes))
        pairs[POINTS].append((2 * len(match(pointed, true, max_distance=EVALUATION.distance)), points))
        pairs[CARD_POINTS].append((2 * _card_hits(kind, pointed, true), points))
        pairs[COUNT].append((abs(len(found) - len(true)), len(true)))
        seconds.append(answers.ask(view, Task.COUNT_AND_BOX, field.labels).seconds)
    groups = drawn_groups([f.group for f in some])
    row = {name: ratio(some_pairs, groups=groups) for name, some_pairs in pairs.items()}
    spread = np.percentile(seconds, [50, 95]).round(2).tolist()
    cells = "".join(f"{format_estimate(row[name]):<22}" for name in row)
    say(f"{kind:<22}{len(some):>5}  {cells}{spread[0]:>8} (95 %: {spread[1]})")
    return {"n": len(some), "groups": groups and len(set(groups)), **row, "seconds": spread}


def _card_hits(kind: str, points: Sequence[Mark], boxes: Sequence[Mark]) -> int:
    return len(match_inside(points, boxes) if kind == INSIDE else match(points, boxes, max_distance=CARD.distance))


def _one_label(answers: Answers, some: Sequence[Field], say: Say) -> dict[str, object]:
    """F1 of a label asked alone and asked with the others of its kind."""
    found: dict[str, dict[str, list]] = {}
    for field in some:
        together = answers.counted(View(field.path), Task.COUNT_AND_BOX, field.labels)
        for label in field.labels:
            true = [m for m in field.true.marks if m.label == label]
            alone = answers.counted(View(field.path), Task.COUNT_AND_BOX, [label])
            for way, marks in (("alone", alone), ("together", [m for m in together if m.label == label])):
                pair = 2 * len(match(marks, true)), len(marks) + len(true)
                found.setdefault(label, {}).setdefault(way, []).append(pair)
    groups = drawn_groups([f.group for f in some])
    numbers = {label: {way: ratio(pairs, groups=groups) for way, pairs in ways.items()} for label, ways in found.items()}
    for label, ways in numbers.items():
        said = (f"{how} {format_estimate(ways[way])}" for how, way in (("alone", "alone"), ("with the others", "together")))
        say(f"{label}: F1 {', '.join(said)}, n = {len(some)}")
    return {**numbers}


def _agreement(predictor: Predictor, kinds: dict[str, list[Field]], say: Say) -> list[float] | None:
    """Share of images where all five tasks, each asked by itself, come to the same count."""
    same = []
    for field in (f for some in kinds.values() for f in some[:SAME_COUNT]):
        answers = [(task, ask(predictor, field.path, task, field.labels).findings or Findings()) for task in Task]
        same.append((len({findings.count(task) for task, findings in answers}) == 1, 1))
    say(f"all five tasks come to the same count: {format_estimate(ratio(same))}, n = {len(same)}")
    return ratio(same)


def ratio(pairs: Sequence[tuple[float, float]], seed: int = 0, groups: Sequence[Group] | None = None) -> list[float] | None:
    """[sum of the first / sum of the second, lower, upper end of the 95 % interval]; one pair an image. None: 0 / 0."""
    return rounded(ratio_of_pairs(pairs, RESAMPLES, seed, groups))


@lru_cache(maxsize=1)
def answers_of(model: Path, quantization: str) -> Answers:
    """A finished model folder in the serving quantization, ready to be asked: by the next stage without asking again."""
    from pdc.inference.answer_settings import lists_of
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    predictor = LocalPredictor(lambda: load(str(model), quantization=quantization))
    predictor.load()
    return Answers(predictor, lists_of(str(model)))


def measure_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Measure a finished model folder in the serving quantization, its experts beside it: measured.json in `out`."""
    from pdc.inference.experts.registry import Experts

    started, experts = time.monotonic(), Experts(str(model))
    answers = answers_of(model, quantization).beside(experts)
    beside = [m.name for m in experts.manifests]
    numbers = {**measure(answers, data, limit), "quantization": quantization, "experts": beside}
    print(f"{time.monotonic() - started:.0f} s in all, {quantization}")
    (out / "measured.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
