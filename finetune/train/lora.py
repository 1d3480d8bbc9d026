"""LoRA weights on a loaded Qwen2.5-VL: attach fresh ones or go on from an adapter, and write an adapter folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pdc.domain.errors import BadModel, StoreUnavailable
from pdc.domain.values import Task
from pdc.files import sha256, write_json
from pdc.inference.adapter_folder import MANIFEST, AdapterManifest
from pdc.inference.fingerprints import fingerprint
from pdc.inference.qwen import LORA_TARGETS, LORA_TARGETS_VISION, Qwen
from pdc.training.config import TrainConfig

if TYPE_CHECKING:
    from peft import PeftModel


def attach(qwen: Qwen, config: TrainConfig, parent: Path | None) -> PeftModel:
    """The base with trainable float32 LoRA weights: those in `parent`, or fresh ones that change nothing yet."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(config.seed)
    qwen.unload_adapters()
    if parent is not None:
        model = PeftModel.from_pretrained(qwen.base, str(parent), is_trainable=True)
    else:
        targets = LORA_TARGETS_VISION if config.vision else LORA_TARGETS
        model = get_peft_model(
            qwen.base,
            LoraConfig(
                r=config.rank,
                lora_alpha=config.alpha,
                target_modules=targets,
                lora_dropout=0.0,
                bias="none",
                base_model_name_or_path=qwen.name,
                task_type="CAUSAL_LM",
            ),
        )
    return to_float32(model)


def to_float32(model: PeftModel) -> PeftModel:
    """Trainable weights in float32; bf16 ones would swallow small updates."""
    import torch

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
    return model


def can_continue(folder: Path, config: TrainConfig) -> bool:
    """Whether the adapter in `folder` has LoRA where this run wants it, on the vision blocks or not."""
    targets = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get("target_modules")
    return targets == (LORA_TARGETS_VISION if config.vision else LORA_TARGETS)


def save(
    model: PeftModel,
    folder: Path,
    *,
    qwen: Qwen,
    name: str,
    parent: str | None,
    data: str,
    trained_on: Mapping[str, str] = MappingProxyType({}),
    lists: Task | None = None,
    counts_by: Task | None = None,
    labels: Collection[str] = (),
    serves: Collection[str] = (),
    windows: Mapping[str, float] = MappingProxyType({}),
) -> AdapterManifest:
    """Write weights, config and pdc.json. `data` is the digest in the training folder's manifest; `trained_on` names
    every image that was learnt from (sha256) with its likeness; `lists` the task by which it answers all five, `counts_by`
    that by whose marks it answers a count alone; `labels` what it was taught, replay and its parents' lessons too; `serves`
    what it was corrected on; `windows` the side, in image pixels, of the windows in which a label was learnt."""
    import torch

    weights = [p for p in model.parameters() if p.requires_grad]
    if not all(torch.isfinite(p).all() for p in weights):
        raise BadModel("Training broke down: the adapter holds numbers that are not finite. Try a lower learning rate.")
    part = folder.with_name(f"{folder.name}.part")
    with _whole_or_none(part, folder):
        # "auto" would ask the hub about the base; DPO keeps a copy of what it started from beside the "default" adapter
        model.save_pretrained(str(part), save_embedding_layers=False, selected_adapters=["default"])
        (part / "README.md").unlink(missing_ok=True)
        _make_portable(part / "adapter_config.json", qwen.name)
        manifest = replace(
            _manifest(part, qwen, model, name, parent, data, trained_on),
            lists=lists,
            counts_by=counts_by,
            labels=sorted(labels),
            serves=sorted(serves),
            windows=dict(windows),
        )
        write_json(part / MANIFEST, manifest.to_json())
    return manifest


@contextmanager
def _whole_or_none(part: Path, folder: Path) -> Iterator[None]:
    """`part` becomes `folder` when the block ends, or nothing of it stays; StoreUnavailable when the disk refuses."""
    from safetensors import SafetensorError

    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        yield
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except (OSError, SafetensorError) as error:
        raise StoreUnavailable(
            f"The adapter {folder} could not be written ({error}). Free some space, then train again."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _manifest(
    folder: Path, qwen: Qwen, model: PeftModel, name: str, parent: str | None, data: str, trained_on: Mapping[str, str]
) -> AdapterManifest:
    files = {p.name: sha256(p) for p in sorted(folder.iterdir()) if p.name != MANIFEST}
    return AdapterManifest(
        name=name,
        base=qwen.name,
        base_sha256=fingerprint(qwen.folder),
        prompt_version=qwen.prompt_style,
        max_pixels=qwen.max_pixels,
        answer_width=qwen.answer_width,
        parent=parent,
        data=data,
        files=files,
        in_process_only=_has_vision(model),
        created_at=datetime.now(UTC).isoformat(),
        trained_on=dict(trained_on),
    )


def _has_vision(model: PeftModel) -> bool:
    return any(".visual." in name for name, p in model.named_parameters() if p.requires_grad)


def _make_portable(path: Path, base: str) -> None:
    """PEFT writes the path of the base on this machine; the base's name is what matters elsewhere."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {**config, "base_model_name_or_path": base, "inference_mode": True})
