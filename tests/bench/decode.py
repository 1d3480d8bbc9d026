"""`python -m tests.bench.decode`: the same answers by transformers and by us, image by image, side by side.

Every way answers the same question about the same image before the next image comes, with the same checkpoint, device and
threads, so that a busy machine slows all of them alike. With one thread on a CPU the process's own time is counted, else the
wall's. Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from pdc.domain.errors import Unreadable
from pdc.domain.prompts import parse
from pdc.domain.values import Question, Task
from pdc.inference.decoding import Decoder
from pdc.inference.qwen import Qwen, load
from pdc.settings import EMBEDDED_MODEL
from tests.bench import ways as timing
from tests.bench.ways import Timed, generate, ours, pipeline

BARE, OURS, STEPS = "generate + grammar", "PDC", "PDC, a token a pass"


def main() -> None:
    options = _options()
    import torch
    from transformers import pipeline as make_pipeline

    torch.set_num_threads(options.threads)
    if options.threads == 1 and not torch.cuda.is_available():
        timing.CLOCK = time.process_time
    qwen = load(options.model, quantization=options.quantization)
    if options.adapter:
        qwen.use_adapter(None, options.adapter)
    decoder, plain = Decoder(qwen), Decoder(qwen, window=0)
    pipe = make_pipeline("image-text-to-text", model=qwen.model, processor=qwen.processor)
    ways: dict[str, Callable[[Any, Question], Timed]] = {
        "pipeline, no grammar": lambda image, q: pipeline(pipe, qwen, image, q),
        BARE: lambda image, q: generate(qwen, decoder.vocabulary, image, q),
        "generate + prompt lookup": lambda image, q: generate(qwen, decoder.vocabulary, image, q, prompt_lookup_num_tokens=8),
        STEPS: lambda image, q: ours(plain, image, q),
        OURS: lambda image, q: ours(decoder, image, q),
    }
    if options.short:
        ways = {name: ways[name] for name in (BARE, STEPS, OURS)}
    question = Question(options.task, tuple(options.label))
    rows, again = _measure(ways, decoder, question, options)
    print(json.dumps({**_report(rows, again, qwen, question), "memory": _memory(decoder, question, options)}, indent=1))


def _options() -> argparse.Namespace:
    top = argparse.ArgumentParser(prog="python -m tests.bench.decode", description=__doc__)
    top.add_argument("--model", default=str(EMBEDDED_MODEL))
    top.add_argument("--adapter", help="folder of a LoRA adapter")
    top.add_argument("--quantization", default="nf4", choices=("nf4", "none", "fp32"))
    top.add_argument("--data", type=Path, help="COCO file whose images to use; without it, drawn blood smears")
    top.add_argument("--images", type=int, default=12)
    top.add_argument("--least", type=int, default=10, help="fewest marks an answer must have to be counted")
    top.add_argument("--most", type=int, default=40)
    top.add_argument("--task", type=Task, default=Task.COUNT_AND_BOX)
    top.add_argument("--label", action="append")
    top.add_argument("--short", action="store_true", help="without the pipeline and prompt lookup")
    top.add_argument("--threads", type=int, default=1)
    options = top.parse_args()
    options.label = options.label or ["red blood cell"]
    return options


def _images(options: argparse.Namespace) -> Iterator[Image.Image]:
    if options.data:
        for row in json.loads(options.data.read_text("utf-8"))["images"]:
            with Image.open(options.data.parent / row["file_name"]) as file:
                yield file.convert("RGB")
        return
    import numpy as np

    from finetune.data.drawings import smear

    for seed in range(1000):
        yield Image.fromarray(smear(np.random.default_rng(seed), (640, 480)).image)


def _marks(question: Question, text: str, style: str) -> int | None:
    """None where the answer was cut: a field too full for one look."""
    try:
        return len(parse(question, text, style).marks)
    except Unreadable:
        return None


def _measure(ways: dict[str, Any], decoder: Decoder, question: Question, options: argparse.Namespace):
    """(per image: way -> Timed, per image: (first question's seconds, second question's)). The first image warms up."""
    rows: list[dict[str, Timed]] = []
    again: list[tuple[float, float]] = []
    for n, image in enumerate(_images(options)):
        marks = _marks(question, ours(decoder, image, question).text, decoder.qwen.prompt_style)
        if n and (marks is None or not options.least <= marks <= options.most):
            continue
        row = {name: ask(image, question) for name, ask in ways.items()}
        if n:
            rows.append(row)
            again.append((row[OURS].seconds, ours(decoder, image, _other(question), fresh=False).seconds))
        if len(rows) == options.images:
            break
    return rows, again


def _other(question: Question) -> Question:
    """A second question about the same image that wants as long an answer."""
    return Question(Task.BOUNDING if question.task is Task.COUNT_AND_BOX else Task.COUNT_AND_BOX, question.labels)


def _report(rows: list[dict[str, Timed]], again: list[tuple[float, float]], qwen: Qwen, question: Question) -> dict[str, Any]:
    report: dict[str, Any] = {"images": len(rows), "model": qwen.name, "adapter": qwen.adapter}
    for name in rows[0]:
        timed = [row[name] for row in rows]
        report[name] = {
            "seconds": round(statistics.median(t.seconds for t in timed), 3),
            "of bare generate": _spread([row[name].seconds / row[BARE].seconds for row in rows]),
            "first mark, of its own whole": _spread([t.first_mark / t.seconds for t in timed if t.first_mark]),
            "first mark, of bare's whole": _spread([r[name].first_mark / r[BARE].seconds for r in rows if r[name].first_mark]),
            "tokens": sum(len(t.tokens) for t in timed),
            "passes": sum(t.passes for t in timed),
            "valid": f"{sum(_valid(question, t.text, qwen.prompt_style) for t in timed)} of {len(timed)}",
            "same tokens as bare": f"{sum(row[name].tokens == row[BARE].tokens for row in rows)} of {len(rows)}",
            "same tokens as a token a pass": f"{sum(row[name].tokens == row[STEPS].tokens for row in rows)} of {len(rows)}",
        }
    report["second question, of the first"] = _spread([second / first for first, second in again])
    return report


def _memory(decoder: Decoder, question: Question, options: argparse.Namespace) -> dict[str, str]:
    """Bytes of one remembered image, and the most this process ever held (Linux: ru_maxrss in KiB)."""
    import resource

    encoded = decoder.encode(next(_images(options)))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"one image seen": f"{encoded.nbytes / 2**20:.1f} MB", "whole process at most": f"{most / 2**10:.0f} MB"}


def _spread(ratios: list[float]) -> str:
    """Median and quartiles."""
    if len(ratios) < 2:
        return "too few"
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _valid(question: Question, text: str, style: str) -> bool:
    try:
        parse(question, text, style)
    except Unreadable:
        return False
    return True


if __name__ == "__main__":
    main()
