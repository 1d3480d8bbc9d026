"""What four looks that vote are worth against one, on the same dev images, with the models that serve.

    python -m tests.bench.votes --data DATA [--limit 60] [--kinds nuclei polyps] [--keep FOLDER]

Each image is asked four times, as it is and mirrored; the first of these answers is what one look says. Changes are paired:
images (groups of them, where the data names any) are drawn with both answers. The images of a kind are taken in an order that a
seed mixes, and with `--keep` each image's answers are kept, so that a run may be stopped and goes on.

`platelet alone` asks about nothing else. Rows of one label are the parts of the rows that ask for several. `sure` is by how many
bits the true counts surprise P(count) (0 is best); `scores` the Brier score of the marks' scores, as they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from finetune.evaluate.bootstrap import Estimate, Group, interval, totals
from finetune.tiny.measure import STRICT_IOU, Field, fields
from finetune.tiny.report.negatives import drawn_groups
from pdc.domain.certainty.counts import count_models
from pdc.domain.doubt import opened
from pdc.domain.matching import EVALUATION, match
from pdc.domain.values import Findings, Mark, Question, Task
from pdc.inference.predictors.base import Answer, Predictor
from pdc.inference.predictors.vote import MIRRORS, vote
from pdc.settings import EMBEDDED_MODEL
from pdc.store.mapping import dump_findings, load_chances, load_findings

KINDS = {"blood cells": "blood_cells", "nuclei": "nuclei", "nuclei, full fields": "nuclei, full fields", "polyps": "polyps"}
ALONE = "platelet alone"
LEAST = 1e-3  # what a count is given at least that was called impossible
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """One image with the answers of its looks, in pixels of the image."""

    field: Field
    question: Question
    looks: tuple[Answer, ...]

    def answer(self, looks: int) -> Answer:
        return self.looks[0] if looks == 1 else vote(self.question, self.looks[:looks])


def asked(predictor: Predictor, field: Field, question: Question, keep: Path | None) -> Asked:
    kept = keep and keep / f"{field.path.stem}-{len(question.labels)}.json"
    if kept and kept.is_file():
        return Asked(field, question, tuple(map(_answer, json.loads(kept.read_text("utf-8")))))
    with Image.open(field.path) as file:
        image = file.convert("RGB")
    answers = [(m, predictor.predict(m.image(image), question)) for m in MIRRORS]
    looks = tuple(replace(a, findings=a.findings and m.back(a.findings, image.size)) for m, a in answers)
    if kept:
        kept.write_text(json.dumps([_row(a) for a in looks]), "utf-8")
    return Asked(field, question, looks)


def _row(answer: Answer) -> dict[str, Any]:
    models = {label: {name: getattr(m, name) for name in m.__slots__} for label, m in answer.count_models.items()}
    numbers = {"counts": answer.counts, "more": answer.more, "thresholds": answer.thresholds, "models": models}
    return {
        "findings": answer.findings and dump_findings(answer.findings),
        "seconds": answer.seconds,
        **numbers,
        "cut": answer.cut,
    }


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        row["findings"] and load_findings(row["findings"]),
        "",
        "",
        None,
        "",
        row["seconds"],
        load_chances(json.dumps(row["counts"])),
        thresholds=row["thresholds"],
        cut=row["cut"],
        more=row["more"],
        count_models=count_models(row["models"]),
    )


def f1(iou: float) -> Callable[[Sequence[Mark], Sequence[Mark]], Pair]:
    return lambda found, true: (2 * len(match(found, true, min_iou=iou)), len(found) + len(true))


def count_error(found: Sequence[Mark], true: Sequence[Mark]) -> Pair:
    return abs(len(found) - len(true)), len(true)


def counted(findings: Findings | None, labels: Sequence[str]) -> list[Mark]:
    return [m for m in findings.marks if m.counts and m.label in labels] if findings else []


@dataclass(frozen=True, slots=True)
class Change:
    """A ratio of sums with one look, with several, and the paired change with its 95 % interval."""

    one: float
    several: float
    change: Estimate

    def __str__(self) -> str:
        c = self.change
        return f"{self.one:.3f} -> {self.several:.3f} ({c.value:+.3f} [{c.low:+.3f}, {c.high:+.3f}])"


def paired(one: Sequence[Pair], several: Sequence[Pair], groups: Sequence[Group] | None) -> Change | None:
    """None where there is nothing to divide by: no image shows any, and none was found."""
    table = np.hstack([np.array(one, float), np.array(several, float)])
    drawn, (a, b, c, d) = totals(table, groups=groups), table.sum(0)
    if not (b and d):
        return None
    drawn = drawn[(drawn[:, 1] > 0) & (drawn[:, 3] > 0)]
    changes = drawn[:, 2] / drawn[:, 3] - drawn[:, 0] / drawn[:, 1]
    return Change(a / b, c / d, Estimate(c / d - a / b, *interval(changes)))


def measures(some: Sequence[Asked], labels: Sequence[str], looks: int) -> dict[str, Change | None]:
    """Of the marks of these labels: F1 at both rules, the count's error, what P(count) and the scores are worth."""
    groups = drawn_groups([a.field.group for a in some])
    found: dict[str, Change | None] = {}
    for name, pair in {"F1 .5": f1(EVALUATION.iou), "F1 .75": f1(STRICT_IOU), "count": count_error}.items():
        one, several = ([pair(counted(a.answer(n).findings, labels), _true(a, labels)) for a in some] for n in (1, looks))
        found[name] = paired(one, several, groups)
    for name, number in {"sure": surprise, "scores": brier}.items():
        one, several = ([number(a.answer(n), _true(a, labels), labels) for a in some] for n in (1, looks))
        found[name] = paired(one, several, groups)
    return found


def _true(one: Asked, labels: Sequence[str]) -> list[Mark]:
    return [m for m in one.field.true.marks if m.label in labels]


def surprise(answer: Answer, true: Sequence[Mark], labels: Sequence[str]) -> Pair:
    """(bits by which the true counts of the labels surprise, how many of them are known)."""
    known = [label for label in labels if label in answer.counts]
    chances = [answer.counts[label].get(sum(m.label == label for m in true), 0.0) for label in known]
    return sum(-log2(max(p, LEAST)) for p in chances), len(known)


def brier(answer: Answer, true: Sequence[Mark], labels: Sequence[str]) -> Pair:
    """(summed squared difference of score and right or wrong, marks), doubtful marks too."""
    marks = [m for m in opened(answer.findings).marks if m.label in labels] if answer.findings else []
    right = {i for i, _ in match(marks, true)}
    return sum(((m.score or 0.0) - (i in right)) ** 2 for i, m in enumerate(marks)), len(marks)


def plan(data: Path, limit: int) -> Iterator[tuple[str, Question, list[Field]]]:
    """What is asked about which images."""
    every = fields(data, 0)
    for kind, source in KINDS.items():
        yield kind, Question(Task.COUNT_AND_BOX, every[source][0].labels), _mixed(every[source], limit)
    yield ALONE, Question(Task.COUNT_AND_BOX, ("platelet",)), _mixed(every["blood_cells"], limit)


def _mixed(some: Sequence[Field], limit: int) -> list[Field]:
    return Random(7).sample(list(some), len(some))[:limit]


def serving() -> Predictor:
    """The embedded model with its experts, as it ships, without an adapter."""
    from pdc.inference.experts.registry import Experts
    from pdc.inference.predictors.experts import ExpertPredictor
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    model = str(EMBEDDED_MODEL)
    return ExpertPredictor(LocalPredictor(lambda: load(model), folder=model), Experts(model), model=EMBEDDED_MODEL.name)


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--data", type=Path, required=True)
    top.add_argument("--limit", type=int, default=60, help="images of a kind")
    top.add_argument("--kinds", nargs="*", default=[*KINDS, ALONE])
    top.add_argument("--keep", type=Path, help="folder for the answers; those in it are not asked again")
    options = top.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    predictor = serving()
    for kind, question, some in plan(options.data, options.limit):
        if kind in options.kinds:
            say(kind, question, [asked(predictor, field, question, options.keep) for field in some])


def say(kind: str, question: Question, some: Sequence[Asked]) -> None:
    looks = len(MIRRORS)
    times = sum(sum(k.seconds for k in a.looks) for a in some) / max(sum(a.looks[0].seconds for a in some), 1e-9)
    print(f"{kind}: {len(some)} images, {times:.1f} times the seconds of one look", flush=True)
    parts = [question.labels] if len(question.labels) == 1 else [question.labels, *((label,) for label in question.labels)]
    for labels in parts:
        cells = (f"{name} {change or '-'}" for name, change in measures(some, labels, looks).items())
        print(f"  {', '.join(labels):<44} {'; '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
