"""The stages that train the embedded model, one after the other, on a GPU or on this computer's processor.

Every stage goes on from its last checkpoint, so a killed run is resumed by the same command.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from finetune.tiny import LABELS
from finetune.tiny.crops.pixels import ImageStore
from finetune.tiny.crops.sources import drawn_samples, load_split
from finetune.tiny.crops.views import Catalogue
from finetune.tiny.loop import Machine, machine_of
from finetune.tiny.model import HIDDEN, VISION_DEPTH, Reader, build_model, grown, load_tokenizer
from finetune.tiny.reading_stage import ReadingStageConfig, train_reading
from finetune.tiny.speed import fast_language, fast_vision
from finetune.tiny.teacher import Distillation, Teacher, TeacherConfig, load_teacher, train_teacher
from finetune.tiny.tokenizer import build_tokenizer
from finetune.tiny.vision_stage import VisionStageConfig, train_vision
from pdc.inference.dense_head import DenseHead

FRESH_RATES = {"muon_lr": 3e-3, "adam_lr": 1.5e-3, "decay": 0.5}
FINISHED_RATES = {"muon_lr": 1.5e-3, "adam_lr": 7e-4, "decay": 0.95, "joined_from": 0.05, "served_from": 0.75}
SECONDS = {"teach": 0.2, "see": 0.2, "read": 0.1, "join": 0.5}  # how the stages share a time limit
BATCH = {"cpu": 16, "cuda": 192}  # crops a step
DRAWN = 300  # drawings in the training data
PIXELS = 250 * 250, 290 * 290  # smallest and largest area the shipped model looks at
HEADS = "heads.safetensors"  # weights that only training needs
UNLIMITED = 10**7  # steps, where time is the limit


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, from what, and for how long: `steps` by stage, or `seconds` in all."""

    data: Path
    out: Path
    stages: Sequence[str]
    steps: dict[str, int]
    seconds: float | None = None
    start: Path | None = None
    join_from: Path | None = None
    device: str = "cpu"
    threads: int = 2
    batch: int | None = None
    rate: float = 1.0
    seed: int = 0

    def limits(self, stage: str) -> dict[str, Any]:
        """Steps and seconds of a stage."""
        if self.seconds is None:
            return {"steps": self.steps[stage]}
        asked = sum(share for name, share in SECONDS.items() if name in self.stages)
        return {"steps": UNLIMITED, "seconds": self.seconds * SECONDS[stage] / asked}


class Parts:
    """The model that is trained, and what helps to train it."""

    def __init__(self, tokenizer: Any, seed: int) -> None:
        self.model = build_model(tokenizer, seed)
        torch.manual_seed(seed)
        self.head, self.reader = DenseHead(HIDDEN, len(LABELS)), Reader()
        fast_vision(self.model.model.visual)
        fast_language(self.model.model.language_model)

    def to(self, device: torch.device) -> None:
        for module in (self.model, self.head, self.reader):
            nn.Module.to(module, device)

    def take_finished(self, folder: Path) -> None:
        """The weights of a finished model folder, its vision tower grown where it has fewer blocks."""
        depth = json.loads((folder / "config.json").read_text("utf-8"))["vision_config"]["depth"]
        # from_pretrained, because the names in the file are not those in memory
        state = type(self.model).from_pretrained(folder, dtype=torch.float32).state_dict()
        self.model.load_state_dict(state if depth == VISION_DEPTH else grown(state, VISION_DEPTH))
        self.head.load_state_dict(load_file(folder / "dense_head.safetensors"))
        if (folder / HEADS).is_file():
            helping = load_file(folder / HEADS)
            self.head.load_state_dict(_named(helping, "head."))
            self.reader.load_state_dict(_named(helping, "reader."))

    def take(self, checkpoint: Path, distillation: Distillation) -> None:
        """The weights of an earlier stage."""
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        self.head.load_state_dict(state["head"])
        distillation.load_state_dict(state["hint"])
        if "visual" in state:
            self.model.model.visual.load_state_dict(state["visual"])
        else:
            self.model.load_state_dict(state["model"])
            self.reader.load_state_dict(state["reader"])


def train(recipe: Recipe) -> None:
    """Run the recipe's stages; the finished model lies in `out`/model."""
    machine, out = machine_of(recipe.device, recipe.threads), recipe.out
    tokenizer_folder = _tokenizer_folder(recipe)
    parts = Parts(load_tokenizer(tokenizer_folder), recipe.seed)
    if recipe.start:
        parts.take_finished(recipe.start)
    if trained := [s for s in recipe.stages if s in SECONDS]:
        _train(recipe, parts, trained, tokenizer_folder, machine)
    if "ship" in recipe.stages:
        parts.take(out / "join.pt", Distillation(None))
        ship(parts, tokenizer_folder, out / "model")


def _train(recipe: Recipe, parts: Parts, stages: Sequence[str], tokenizer_folder: Path, machine: Machine) -> None:
    out, seed = recipe.out, recipe.seed
    batch = recipe.batch or BATCH[machine.device.type]
    samples = load_split(recipe.data, "train") | {"drawn": drawn_samples(DRAWN, seed + 77)}
    catalogue, store = Catalogue(samples), ImageStore(samples, machine.device)
    teacher = _teacher(recipe, stages, store, catalogue, machine, batch)
    distillation = Distillation(teacher).to(machine.device)
    parts.to(machine.device)
    tokenizer = load_tokenizer(tokenizer_folder)
    for stage in ("see", "read"):
        if stage not in stages and (out / f"{stage}.pt").is_file():
            parts.take(out / f"{stage}.pt", distillation)
    # Blends and a fixed number of hints pay where a step is cheap; on a processor each crop counts.
    hints = {"hints": batch // 8, "blends": True} if machine.on_gpu else {}
    if "see" in stages:
        config = VisionStageConfig(batch=batch, seed=seed + 1, **hints, **recipe.limits("see"))
        visual = parts.model.model.visual
        train_vision(visual, parts.head, distillation, store, catalogue, recipe.data, out, config, machine)

    def read(config: ReadingStageConfig, name: str) -> None:
        train_reading(
            parts.model, tokenizer, parts.head, parts.reader, distillation, store, catalogue, out, config, name, machine
        )

    if "read" in stages:
        read(ReadingStageConfig(batch=batch, decay=0.05, seed=seed + 2, **recipe.limits("read")), "read")
    if recipe.join_from:
        parts.take(recipe.join_from, distillation)
    if "join" in stages:
        # A finished model is shaken by the rates that a fresh one needs.
        rates = FINISHED_RATES if recipe.start or recipe.join_from else FRESH_RATES
        rates = rates | {name: rates[name] * recipe.rate for name in ("muon_lr", "adam_lr")}
        config = ReadingStageConfig(batch=batch, vision=True, seed=seed + 3, **hints, **recipe.limits("join"))
        read(replace(config, **rates), "join")


def _teacher(
    recipe: Recipe, stages: Sequence[str], store: ImageStore, catalogue: Catalogue, machine: Machine, batch: int
) -> Teacher | None:
    if "teach" in stages:
        config = TeacherConfig(batch=batch, seed=recipe.seed + 11, **recipe.limits("teach"))
        return train_teacher(store, catalogue, recipe.data, recipe.out, config, machine)
    checkpoint = recipe.out / "teach.pt"
    return load_teacher(checkpoint, machine.device) if checkpoint.is_file() else None


def _tokenizer_folder(recipe: Recipe) -> Path:
    """The tokenizer of the model that is gone on from, else a new one."""
    folder = recipe.out / "tokenizer"
    if recipe.start:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            if (recipe.start / name).is_file():
                shutil.copy2(recipe.start / name, folder / name)
    else:
        build_tokenizer(folder)
    (folder / "config.json").write_text('{"model_type": "qwen2_5_vl"}\n')
    return folder


def _named(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def ship(parts: Parts, tokenizer_folder: Path, folder: Path) -> None:
    """Write what PDC loads: bf16 safetensors, tokenizer, image processor, the dense head, and the prompt version.

    Beside it, in heads.safetensors, what only training needs: a run that goes on from here finds its parts again.
    """
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from pdc.domain.prompts import COMPACT
    from pdc.domain.values import Task

    folder.mkdir(parents=True, exist_ok=True)
    for file in tokenizer_folder.iterdir():
        if file.name != "config.json":
            shutil.copy2(file, folder / file.name)
    helping = {
        f"{name}.{k}": v for name, m in (("head", parts.head), ("reader", parts.reader)) for k, v in m.state_dict().items()
    }
    save_file({k: v.float().contiguous() for k, v in helping.items()}, folder / HEADS)
    parts.model.bfloat16().save_pretrained(folder)
    Qwen2VLImageProcessorPil(min_pixels=PIXELS[0], max_pixels=PIXELS[1]).save_pretrained(folder)
    save_file({k: v.bfloat16().contiguous() for k, v in parts.head.state_dict().items()}, folder / "dense_head.safetensors")
    described = {"name": "pdc-tiny", "prompt_version": COMPACT, "labels": list(LABELS), "lists": Task.COUNT_AND_BOX}
    (folder / "pdc.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
