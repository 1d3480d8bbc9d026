"""Whether spellings of a label are understood where no dictionary helps: `python -m finetune tiny --stages words`.

Each label of the model is asked in its own spelling and in nine others, word for word, about the same dev images. Marks count
whatever their score: thresholds are those of the model's own spelling.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune.tiny.measure import Field, ask, fields, format_estimate, ratio
from finetune.tiny.spellings import usual_spellings
from pdc.domain.matching import EVALUATION, match
from pdc.domain.values import Findings, Task
from pdc.inference.predictors.base import Predictor

FILE = "words.json"
SPELLINGS = 10  # of each label, its own among them
Numbers = Mapping[str, Mapping[str, Any]]


def measure(predictor: Predictor, kinds: Mapping[str, Sequence[Field]], say: Callable[[str], None] = print) -> Numbers:
    """F1 of boxes per label and spelling, [value, low, high] with n; says a row at a time."""
    numbers: dict[str, dict[str, Any]] = {}
    for some in kinds.values():
        for label in some[0].labels if some else ():
            shown = [f for f in some if any(m.label == label for m in f.true.marks)]
            say(f"{label}: F1 of boxes as each spelling is asked, n = {len(shown)}")
            numbers[label] = {"n": len(shown), "spellings": _label(predictor, shown, label, say)}
    return numbers


def _label(predictor: Predictor, some: Sequence[Field], label: str, say: Callable[[str], None]) -> dict[str, Any]:
    found = {}
    for word in usual_spellings(label, SPELLINGS):
        found[word] = ratio([_pair(predictor, field, label, word) for field in some])
        say(f"  {word:<24}{format_estimate(found[word])}")
    return found


def _pair(predictor: Predictor, field: Field, label: str, word: str) -> tuple[float, float]:
    """Twice the hits on one image, and how many marks and objects there are."""
    said = ask(predictor, field.path, Task.COUNT_AND_BOX, [word]).findings or Findings()
    marks = [replace(m, label=label) for m in said.marks]
    true = [m for m in field.true.marks if m.label == label]
    return 2 * len(match(marks, true, min_iou=EVALUATION.iou)), len(marks) + len(true)


def measure_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Measure a finished model folder in the serving quantization and write words.json into `out`."""
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    started, qwen = time.monotonic(), load(str(model), quantization=quantization)
    kinds = {kind: some for kind, some in fields(data, limit).items() if "full" not in kind}
    numbers = measure(LocalPredictor(lambda: qwen), kinds)
    (out / FILE).write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{time.monotonic() - started:.0f} s in all, {quantization}")
