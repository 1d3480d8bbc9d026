"""`python -m finetune tiny`: build, train, measure and ship the embedded model, stage by stage.

Every stage goes on from its last checkpoint, so a killed run is resumed by the same command.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from finetune.tiny import LABELS, SOURCES

STAGES = ("teach", "see", "read", "join", "ship", "thresholds", "measure")
ON_FINISHED = ("thresholds", "measure")  # stages that need a finished model and no training
FRESH_RATES = {"muon_lr": 3e-3, "adam_lr": 1.5e-3, "decay": 0.5}
FINISHED_RATES = {"muon_lr": 1.5e-3, "adam_lr": 7e-4, "decay": 0.95, "joined_from": 0.2}
PIXELS = 250 * 250, 290 * 290  # smallest and largest area the shipped model looks at


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m finetune tiny",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Train the embedded model from scratch: the vision tower sees, the language model reads, both join.",
    )
    wanted = f"folder with {', '.join(SOURCES)}, each with train.json and dev.json (COCO)"
    top.add_argument("--data", type=Path, required=True, help=wanted)
    top.add_argument("--out", type=Path, required=True, help="working folder: checkpoints, logs and the finished model")
    top.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    top.add_argument("--teach-steps", type=int, default=1200, help="steps of 16 crops for the teacher")
    top.add_argument("--see-steps", type=int, default=1900, help="steps of 16 crops for the vision tower alone")
    top.add_argument("--read-steps", type=int, default=1200, help="steps of 16 crops for the language model alone")
    top.add_argument("--join-steps", type=int, default=2000, help="steps of 16 crops for both")
    top.add_argument("--start", type=Path, help="go on from the weights of a finished model folder")
    top.add_argument("--join-from", type=Path, help="go on from an earlier join.pt: weights that do not ship too")
    top.add_argument("--limit", type=int, default=60, help="dev images of each kind to measure on")
    top.add_argument("--quantization", choices=("nf4", "none"), default="nf4", help="how the model is measured: 4 bit, or bf16")
    top.add_argument("--seed", type=int, default=0, help="seeds weights, crops and questions")
    top.add_argument("--threads", type=int, default=2)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    missing = [s for s in SOURCES if not (arguments.data / s / "train.json").is_file()]
    if missing:
        print(f"finetune: {arguments.data} lacks {', '.join(missing)} with a train.json; see --help.", file=sys.stderr)
        return 1
    if trained := [s for s in arguments.stages if s not in ON_FINISHED]:
        _run(arguments, trained)
    model = arguments.out / "model" if trained or not arguments.start else arguments.start
    _finish(arguments, model)
    return 0


def _finish(arguments: argparse.Namespace, model: Path) -> None:
    from finetune.tiny.measure import measure_folder
    from finetune.tiny.thresholds import choose_folder

    arguments.out.mkdir(parents=True, exist_ok=True)
    for stage, run in zip(ON_FINISHED, (choose_folder, measure_folder), strict=True):
        if stage in arguments.stages:
            run(model, arguments.data, arguments.out, arguments.limit, arguments.quantization)


def _run(arguments: argparse.Namespace, stages: Sequence[str]) -> None:
    import torch

    from finetune.tiny.model import HIDDEN, Reader, build_model, load_tokenizer
    from finetune.tiny.reading_stage import ReadingStageConfig, train_reading
    from finetune.tiny.speed import fast_language, fast_vision
    from finetune.tiny.teacher import DistillationHint, TeacherConfig, load_teacher, train_teacher
    from finetune.tiny.tokenizer import build_tokenizer
    from finetune.tiny.vision_stage import VisionStageConfig, train_vision
    from pdc.inference.dense_head import DenseHead

    torch.set_num_threads(arguments.threads)
    out, seed = arguments.out, arguments.seed
    build_tokenizer(out / "tokenizer")
    (out / "tokenizer" / "config.json").write_text('{"model_type": "qwen2_5_vl"}\n')
    tokenizer = load_tokenizer(out / "tokenizer")
    model = build_model(tokenizer, seed)
    torch.manual_seed(seed)
    head, reader = DenseHead(HIDDEN, len(LABELS)), Reader()
    fast_vision(model.model.visual)
    fast_language(model.model.language_model)
    if arguments.start:
        _take_shipped(arguments.start, model, head)
    teacher = None
    if "teach" in stages:
        teacher = train_teacher(arguments.data, out, TeacherConfig(steps=arguments.teach_steps, seed=seed + 11))
    elif (out / "teach.pt").is_file():
        teacher = load_teacher(out / "teach.pt")
    hint = DistillationHint(teacher)
    if "see" in stages:
        train_vision(
            model.model.visual, head, hint, arguments.data, out, VisionStageConfig(steps=arguments.see_steps, seed=seed + 1)
        )
    elif (out / "see.pt").is_file():
        _take(out / "see.pt", model, head, reader, hint)
    if "read" in stages:
        config = ReadingStageConfig(steps=arguments.read_steps, decay=0.05, seed=seed + 2)
        train_reading(model, tokenizer, head, reader, hint, arguments.data, out, config, "read")
    elif (out / "read.pt").is_file():
        _take(out / "read.pt", model, head, reader, hint)
    if arguments.join_from:
        _take(arguments.join_from, model, head, reader, hint)
    if "join" in stages:
        # A finished model is shaken by the rates that a fresh one needs.
        rates = FINISHED_RATES if arguments.start or arguments.join_from else FRESH_RATES
        config = ReadingStageConfig(steps=arguments.join_steps, vision=True, seed=seed + 3, **rates)
        train_reading(model, tokenizer, head, reader, hint, arguments.data, out, config, "join")
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


if __name__ == "__main__":
    sys.exit(main())
