"""Training crops a second, part by part: `python -m tests.bench.crops --data DATA [--device cuda] [--batch 192]`.

`windows`: choosing what a crop shows and saying it as tensors; `words`: its question and answer as tokens; both are what each
process beside the device does. `pixels`: cutting, recolouring, dense targets and patches, on the device. `step`: forward and
backward of the vision tower with its dense head on them. All in one run, so that their ratios hold on a busy machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from finetune.tiny import LABELS
from finetune.tiny.crops.batch import cut, described, features
from finetune.tiny.crops.pixels import ImageStore, patches
from finetune.tiny.crops.sources import drawn_samples, load_split
from finetune.tiny.crops.views import MIXTURE, Catalogue, batch_of_views
from finetune.tiny.loop import machine_of, moved
from finetune.tiny.model import HIDDEN, build_model, load_tokenizer
from finetune.tiny.prompts import tokenize_answer
from finetune.tiny.reading_stage import make_batch
from finetune.tiny.speed import fast_vision
from finetune.tiny.targets import dense_loss
from pdc.inference.dense_head import DenseHead
from pdc.settings import EMBEDDED_MODEL

STEPS = 12


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--device", default="cpu")
    ask.add_argument("--batch", type=int, default=16)
    asked = ask.parse_args()
    machine, samples = machine_of(asked.device, threads=2), load_split(asked.data, "train") | {"drawn": drawn_samples(24, 0)}
    catalogue, store, tokenizer = Catalogue(samples), ImageStore(samples, machine.device), load_tokenizer(EMBEDDED_MODEL)
    visual, head = build_model(tokenizer, 0).model.visual, DenseHead(HIDDEN, len(LABELS))
    fast_vision(visual)
    for module in (visual, head):
        nn.Module.to(module, machine.device)
    views = [batch_of_views(catalogue, asked.batch, 1, step, MIXTURE) for step in range(STEPS)]
    batches = [moved(described(v, (1, i)), machine.device) for i, v in enumerate(views)]

    def words(step: int) -> None:
        rng = np.random.default_rng(step)
        make_batch(views[step], [tokenize_answer(tokenizer, v, rng) for v in views[step]], tokenizer)

    def trained(step: int) -> None:
        crops = cut(store, batches[step])
        with torch.autocast(machine.device.type, torch.bfloat16):
            logits, boxes = head(features(visual, crops.images))
            heat, box = dense_loss(logits.float(), boxes.float(), crops.dense)
        (heat + box).backward()

    parts: dict[str, Callable[[int], object]] = {
        "windows": lambda step: described(batch_of_views(catalogue, asked.batch, 2, step, MIXTURE), (2, step)),
        "words": words,
        "pixels": lambda step: patches(cut(store, batches[step]).images),
        "step": trained,
    }
    for name, part in parts.items():
        print(f"{name:<10}{asked.batch * STEPS / seconds(part, machine.on_gpu):10.0f} crops a second")


def seconds(part: Callable[[int], object], on_gpu: bool) -> float:
    """Of all the steps, once each has been run."""
    for step in range(STEPS):
        part(step)
    if on_gpu:
        torch.cuda.synchronize()
    started = time.perf_counter()
    for step in range(STEPS):
        part(step)
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
