"""Adapters of the embedded model in forms of other libraries, written from the one it ships with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pdc.files import write_json
from pdc.inference.adapter_folder import AdapterManifest
from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.qwen import LORA_TARGETS
from pdc.settings import EMBEDDED_MODEL

SHIPPED = next(p.parent for p in (EMBEDDED_MODEL / "adapters").glob("*/pdc.json"))
LANGUAGE = "base_model.model.model.language_model."
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Weights = dict[str, "torch.Tensor"]  # noqa: F821


def today(weights: Weights) -> Weights:
    """The language model's weights under today's keys."""
    return {k: v for k, v in weights.items() if k.startswith(LANGUAGE)}


def old(weights: Weights) -> Weights:
    """The language model's weights as transformers named them before 4.52."""
    return {k.replace(".language_model.", "."): v for k, v in today(weights).items()}


def old_with_vision(weights: Weights) -> Weights:
    """All of the weights as transformers named them before 4.52."""
    vision = {k.replace(".model.model.visual.", ".model.visual."): v for k, v in weights.items() if ".visual." in k}
    return old(weights) | vision


def write(
    folder: Path, change: Callable[[Weights], Weights] = today, targets: str | Sequence[str] = LORA_TARGETS, **config: object
) -> Path:
    """An adapter without a pdc.json: the shipped weights, changed, and a config with these targets."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True)
    save_file(change(load_file(SHIPPED / "adapter_model.safetensors")), folder / "adapter_model.safetensors")
    shipped = json.loads((SHIPPED / "adapter_config.json").read_text())
    changed = {**shipped, "target_modules": targets, **config}
    (folder / "adapter_config.json").write_text(json.dumps(changed))
    return folder


def labelled(folder: Path, *labels: str, **changes: object) -> AdapterRef:
    """The shipped adapter once more, under the folder's name, as if it had been corrected on these labels (none: it does not
    say on which); its pdc.json with these changes."""
    shutil.copytree(SHIPPED, folder)
    shipped = AdapterManifest.read(folder)
    taught = sorted({*shipped.labels, *labels})
    said = {**shipped.to_json(), "name": folder.name, "serves": labels, "labels": taught, **changes}
    write_json(folder / "pdc.json", said)
    return AdapterRef(folder.name, str(folder))
