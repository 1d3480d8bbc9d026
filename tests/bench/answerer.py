"""Answers images that are named on standard input, one a line, and says how long each took. Started by `busy_cores`.

It imports the `pdc` of whatever checkout PYTHONPATH names, under the module names that it has there: those since the rooms, or
those of commit afa8e1b before them.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any

MANY = 10


def main(model: str, labels: tuple[str, ...]) -> None:
    load, embedded = _named("load", "pdc.inference.qwen", "pdc.qwen"), _named("EMBEDDED_MODEL", "pdc.settings")
    task, question = (_named(name, "pdc.domain.values", "pdc.domain") for name in ("Task", "Question"))
    qwen = load(model or str(embedded))
    local = _named("LocalPredictor", "pdc.inference.predictors.local", "pdc.predictors.local")(lambda: qwen)
    predictor = _serving(local, model or str(embedded))
    for line in sys.stdin:
        print(json.dumps(_timed(predictor, line.strip(), question(task("bounding"), labels))), flush=True)


def _serving(local: Any, model: str) -> Any:
    """The model with its experts, where the checkout knows such."""
    try:
        experts = import_module("pdc.inference.experts.registry").Experts(model)
        return import_module("pdc.inference.predictors.experts").ExpertPredictor(local, experts)
    except ModuleNotFoundError:
        return local


def _named(name: str, *modules: str) -> Any:
    """The thing of that name in the first module that is there and has it."""
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise SystemExit(f"{name} is in none of {', '.join(modules)}.")


def _timed(predictor: Any, path: str, question: Any) -> dict[str, float | None]:
    """Seconds until the first mark, the tenth and the end of the answer, None where it has not as many; and of the processor."""
    from PIL import Image

    with Image.open(path) as file:
        image = file.convert("RGB")
    started, used, at = time.perf_counter(), time.process_time(), {}
    for found in predictor.stream(image, question):
        findings = getattr(found, "findings", found)  # the answer comes last, findings before it
        passed = time.perf_counter() - started
        for n in range(1, len(findings.marks if findings else ()) + 1):
            at.setdefault(n, passed)
    whole, processor = time.perf_counter() - started, time.process_time() - used
    return {"first mark": at.get(1), "ten marks": at.get(MANY), "whole answer": whole, "processor": processor}


if __name__ == "__main__":
    main(sys.argv[1], tuple(sys.argv[2:]))
