"""`python -m finetune tiny`: build, train, measure and ship the embedded model, stage by stage.

Every stage goes on from its last checkpoint, so a killed run is resumed by the same command.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from finetune.tiny import LABELS, SOURCES
from pdc.domain.errors import BadSetting

ON_FINISHED = ("thresholds", "measure", "robustness", "card")  # stages that need a finished model and no training
FRESH_RATES = {"muon_lr": 3e-3, "adam_lr": 1.5e-3, "decay": 0.5}
FINISHED_RATES = {"muon_lr": 1.5e-3, "adam_lr": 7e-4, "decay": 0.95, "joined_from": 0.2}
PIXELS = 250 * 250, 290 * 290  # smallest and largest area the shipped model looks at


class Stage(StrEnum):
    """What is done, in this order."""

    TEACH = "teach"
    SEE = "see"
    READ = "read"
    JOIN = "join"
    SHIP = "ship"
    THRESHOLDS = "thresholds"
    MEASURE = "measure"
    ROBUSTNESS = "robustness"
    CARD = "card"


def _steps(whom: str) -> Any:
    return typer.Option(help=f"Steps of 16 crops for {whom}.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is built from what, and for how long."""

    data: Annotated[Path, typer.Option(help=f"Folder with {', '.join(SOURCES)}, each with train.json and dev.json (COCO).")]
    out: Annotated[Path, typer.Option(help="Working folder: checkpoints, logs and the finished model.")]
    stages: Annotated[list[Stage] | None, typer.Option(help="What is done; name several (default: all).")] = None
    teach_steps: Annotated[int, _steps("the teacher")] = 1200
    see_steps: Annotated[int, _steps("the vision tower alone")] = 1900
    read_steps: Annotated[int, _steps("the language model alone")] = 1200
    join_steps: Annotated[int, _steps("both")] = 2000
    start: Annotated[Path | None, typer.Option(help="Go on from the weights of a finished model folder.")] = None
    join_from: Annotated[Path | None, typer.Option(help="Go on from an earlier join.pt: weights that do not ship too.")] = None
    limit: Annotated[int, typer.Option(help="Dev images of each kind to measure on.")] = 60
    quantization: Annotated[Literal["nf4", "none"], typer.Option(help="How the model is measured: 4 bit, or bf16.")] = "nf4"
    seed: Annotated[int, typer.Option(help="Seeds weights, crops and questions.")] = 0
    threads: Annotated[int, typer.Option(help="Threads to compute with.")] = 2


def build(plan: Plan) -> int:
    """Build and train the embedded model from scratch: the vision tower sees, the language model reads, both join."""
    missing = [s for s in SOURCES if not (plan.data / s / "train.json").is_file()]
    if missing:
        raise BadSetting(f"{plan.data} lacks {', '.join(missing)} with a train.json; see --help.")
    stages = plan.stages or tuple(Stage)
    if trained := [s for s in stages if s not in ON_FINISHED]:
        _run(plan, trained)
    _finish(plan, stages, plan.out / "model" if trained or not plan.start else plan.start)
    return 0


def _finish(plan: Plan, stages: Sequence[str], model: Path) -> None:
    from finetune.tiny.measure import measure_folder
    from finetune.tiny.report import card, robust
    from finetune.tiny.thresholds import choose_folder

    plan.out.mkdir(parents=True, exist_ok=True)
    runs = choose_folder, measure_folder, robust.measure_folder, card.write_folder
    for stage, run in zip(ON_FINISHED, runs, strict=True):
        if stage in stages:
            run(model, plan.data, plan.out, plan.limit, plan.quantization)


def _run(plan: Plan, stages: Sequence[str]) -> None:
    import torch

    from finetune.tiny.model import HIDDEN, Reader, build_model, load_tokenizer
    from finetune.tiny.reading_stage import ReadingStageConfig, train_reading
    from finetune.tiny.speed import fast_language, fast_vision
    from finetune.tiny.teacher import DistillationHint, TeacherConfig, load_teacher, train_teacher
    from finetune.tiny.tokenizer import build_tokenizer
    from finetune.tiny.vision_stage import VisionStageConfig, train_vision
    from pdc.inference.dense_head import DenseHead

    torch.set_num_threads(plan.threads)
    out, seed = plan.out, plan.seed
    build_tokenizer(out / "tokenizer")
    (out / "tokenizer" / "config.json").write_text('{"model_type": "qwen2_5_vl"}\n')
    tokenizer = load_tokenizer(out / "tokenizer")
    model = build_model(tokenizer, seed)
    torch.manual_seed(seed)
    head, reader = DenseHead(HIDDEN, len(LABELS)), Reader()
    fast_vision(model.model.visual)
    fast_language(model.model.language_model)
    if plan.start:
        _take_shipped(plan.start, model, head)
    teacher = None
    if "teach" in stages:
        teacher = train_teacher(plan.data, out, TeacherConfig(steps=plan.teach_steps, seed=seed + 11))
    elif (out / "teach.pt").is_file():
        teacher = load_teacher(out / "teach.pt")
    hint = DistillationHint(teacher)
    if "see" in stages:
        train_vision(model.model.visual, head, hint, plan.data, out, VisionStageConfig(steps=plan.see_steps, seed=seed + 1))
    elif (out / "see.pt").is_file():
        _take(out / "see.pt", model, head, reader, hint)
    if "read" in stages:
        config = ReadingStageConfig(steps=plan.read_steps, decay=0.05, seed=seed + 2)
        train_reading(model, tokenizer, head, reader, hint, plan.data, out, config, "read")
    elif (out / "read.pt").is_file():
        _take(out / "read.pt", model, head, reader, hint)
    if plan.join_from:
        _take(plan.join_from, model, head, reader, hint)
    if "join" in stages:
        # A finished model is shaken by the rates that a fresh one needs.
        rates = FINISHED_RATES if plan.start or plan.join_from else FRESH_RATES
        config = replace(ReadingStageConfig(steps=plan.join_steps, vision=True, seed=seed + 3), **rates)
        train_reading(model, tokenizer, head, reader, hint, plan.data, out, config, "join")
    if "ship" in stages:
        _take(out / "join.pt", model, head, reader, hint)
        ship(model, head, out / "tokenizer", out / "model")


def _take(checkpoint: Path, model, head, reader, hint) -> None:
    """Weights of an earlier stage."""
    import torch

    state = torch.load(checkpoint, weights_only=True)
    head.load_state_dict(state["head"])
    hint.load_state_dict(state["hint"])
    if "visual" in state:
        model.model.visual.load_state_dict(state["visual"])
    else:
        model.load_state_dict(state["model"])
        reader.load_state_dict(state["reader"])


def _take_shipped(folder: Path, model, head) -> None:
    import torch
    from safetensors.torch import load_file

    # from_pretrained, because the names in the file are not those in memory
    model.load_state_dict(type(model).from_pretrained(folder, dtype=torch.float32).state_dict())
    head.load_state_dict(load_file(folder / "dense_head.safetensors"))


def ship(model, head, tokenizer_folder: Path, folder: Path) -> None:
    """Write what PDC loads: bf16 safetensors, tokenizer, image processor, the dense head, and the prompt version."""
    from safetensors.torch import save_file
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from pdc.domain.prompts import COMPACT
    from pdc.domain.values import Task

    folder.mkdir(parents=True, exist_ok=True)
    for file in tokenizer_folder.iterdir():
        if file.name != "config.json":
            shutil.copy2(file, folder / file.name)
    model.bfloat16().save_pretrained(folder)
    Qwen2VLImageProcessorPil(min_pixels=PIXELS[0], max_pixels=PIXELS[1]).save_pretrained(folder)
    save_file({k: v.bfloat16().contiguous() for k, v in head.state_dict().items()}, folder / "dense_head.safetensors")
    described = {"name": "pdc-tiny", "prompt_version": COMPACT, "labels": list(LABELS), "lists": Task.COUNT_AND_BOX}
    (folder / "pdc.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
