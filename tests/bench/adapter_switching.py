"""`python -m tests.bench.adapter_switching`: what it costs when base and adapter are asked in turn.

The same questions about one image, three to the base and three to the adapter, in blocks (two switches) and in turn (six).
Both orders are run side by side, with one thread; on a CPU the process's own time is counted, else the wall's. Read the ratio,
not the seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from finetune.data.drawings import smear
from pdc.domain.values import Question, Task
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.local import LocalPredictor
from pdc.inference.qwen import load
from pdc.settings import EMBEDDED_MODEL

BASE, EACH = AdapterRef(), 3


def main() -> None:
    top = argparse.ArgumentParser(prog="python -m tests.bench.adapter_switching", description=__doc__)
    top.add_argument("--model", default=str(EMBEDDED_MODEL))
    top.add_argument("--adapter", default=str(next(p.parent for p in (EMBEDDED_MODEL / "adapters").glob("*/pdc.json"))))
    top.add_argument("--label", default="bacterium")
    top.add_argument("--runs", type=int, default=7)
    options = top.parse_args()
    torch.set_num_threads(1)
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    adapter = AdapterRef(Path(options.adapter).name, options.adapter)
    wanted = [BASE]
    predictor = LocalPredictor(lambda: load(options.model), lambda: wanted[0])
    image, question = (
        Image.fromarray(smear(np.random.default_rng(102), (640, 480)).image),
        Question(Task.COUNT_AND_BOX, (options.label,)),
    )

    def seconds(order: Sequence[AdapterRef]) -> float:
        started = clock()
        for wanted[0] in order:
            predictor.predict(image, question)
        return clock() - started

    blocks, turns = [adapter] * EACH + [BASE] * EACH, [adapter, BASE] * EACH
    seconds(blocks)  # loads the model, and the adapter for the first time
    runs = [(seconds(blocks), seconds(turns)) for _ in range(options.runs)]
    print(json.dumps(_report(runs), indent=1))


def _report(runs: Sequence[tuple[float, float]]) -> dict[str, object]:
    ratios = sorted(turns / blocks for blocks, turns in runs)
    return {
        "runs": len(runs),
        "in turn / in blocks": round(statistics.median(ratios), 2),
        "from, to": [round(ratios[0], 2), round(ratios[-1], 2)],
        "seconds in blocks, in turn": [round(statistics.median(column), 3) for column in zip(*runs, strict=True)],
    }


if __name__ == "__main__":
    main()
