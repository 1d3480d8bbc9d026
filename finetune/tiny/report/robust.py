"""The embedded model's robustness table: `python -m finetune tiny --stages robustness`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from finetune.data.coco import read_coco
from finetune.data.dataset import Row
from finetune.evaluate.robustness.measure import Robustness, measure_robustness
from finetune.evaluate.robustness.tables import robustness_markdown, robustness_table
from finetune.tiny import SOURCES
from finetune.tiny.measure import FULL_FIELD
from pdc.domain.progress import Progress, unseen
from pdc.domain.values import Task
from pdc.inference.predictors.base import Predictor

FILE = "robustness.json"


def rows_of(data: Path, limit: int) -> dict[str, list[Row]]:
    """Dev images of each kind, at most `limit` (0: all), spread over all of them; without fields too full for one look."""
    return {source.replace("_", " "): _thinned(data / source / "dev.json", limit) for source in SOURCES}


def _thinned(path: Path, limit: int) -> list[Row]:
    rows = [r for r in read_coco(path, Task.COUNT_AND_BOX) if len(r.findings.marks) <= FULL_FIELD]
    n = min(limit or len(rows), len(rows))
    return [rows[i * len(rows) // n] for i in range(n)]


def measure(predictor: Predictor, kinds: Mapping[str, list[Row]], out: Path, progress: Progress = unseen) -> Robustness:
    """Print the table; robustness.json and robustness.md into `out`."""
    found = measure_robustness(predictor, kinds, progress=progress)
    print(robustness_table(found))
    (out / FILE).write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
    (out / "robustness.md").write_text(robustness_markdown(found) + "\n", encoding="utf-8")
    return found


def measure_folder(model: Path, data: Path, out: Path, limit: int, quantization: str) -> None:
    """Measure a finished model folder in the serving quantization, its experts included."""
    from pdc.inference.experts.registry import Experts
    from pdc.inference.predictors.experts import ExpertPredictor
    from pdc.inference.predictors.local import LocalPredictor
    from pdc.inference.qwen import load

    started, qwen = time.monotonic(), load(str(model), quantization=quantization)
    predictor = ExpertPredictor(LocalPredictor(lambda: qwen), Experts(str(model)), model=qwen.name)
    measure(predictor, rows_of(data, limit), out, _told)
    print(f"{time.monotonic() - started:.0f} s in all, {quantization}")


def _told(what: str, done: int, total: int) -> None:
    """A line for every twentieth of the work."""
    if done * 20 // total > (done - 1) * 20 // total:
        print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)
