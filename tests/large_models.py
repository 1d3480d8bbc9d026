"""A model in the form of Qwen2.5-VL-7B-Instruct on the hub, with two layers and random weights, and adapters of it."""

from __future__ import annotations

import json
from pathlib import Path

from adapter_files import SEVEN

from pdc.domain.prompts import COMPACT
from pdc.files import sha256
from pdc.inference.adapter_folder import AdapterManifest
from pdc.inference.qwen import LORA_TARGETS

HUB_EYES = {  # the original's preprocessor_config.json
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2_5_VLProcessor",
}


def write_model(folder: Path) -> Path:
    """No pdc.json, no dense head, window attention with full blocks between, and eyes for 12.8 megapixels."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    from finetune.tiny.model import build_model, load_tokenizer
    from finetune.tiny.tokenizer import build_tokenizer

    build_tokenizer(folder)
    config = build_model(load_tokenizer(folder), seed=1).config
    text, vision = config.text_config, config.vision_config
    text.num_hidden_layers, text.layer_types = 2, text.layer_types[:2]
    vision.depth, vision.fullatt_block_indexes = 2, [1]
    torch.manual_seed(1)
    Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(HUB_EYES))
    return folder


def write_adapter(folder: Path, model: Path) -> Path:
    """LoRA with random weights on the language model, in today's form, without a pdc.json."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2_5_VLForConditionalGeneration

    base = Qwen2_5_VLForConditionalGeneration.from_pretrained(model, dtype=torch.bfloat16)
    lora = LoraConfig(r=8, target_modules=LORA_TARGETS, init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(base, lora).save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink()
    return folder


def write_foreign(folder: Path, model: Path) -> Path:
    """One as the paper's authors published theirs: old keys, a list of targets, the base's hub name."""
    from safetensors.torch import load_file, save_file

    weights, config = (write_adapter(folder, model) / name for name in ("adapter_model.safetensors", "adapter_config.json"))
    save_file({k.replace(".language_model.", "."): v for k, v in load_file(weights).items()}, weights)
    said = {**json.loads(config.read_text()), "target_modules": SEVEN, "base_model_name_or_path": "Qwen/Qwen2.5-VL-7B-Instruct"}
    config.write_text(json.dumps(said))
    return folder


def write_own(folder: Path, model: Path, **said: object) -> Path:
    """One that PDC trained on this base, with these words about itself."""
    files = {p.name: sha256(p) for p in write_adapter(folder, model).iterdir()}
    made = AdapterManifest(folder.name, model.name, None, COMPACT, None, "", files, "2026-01-01T00:00:00+00:00")
    (folder / "pdc.json").write_text(json.dumps({**made.to_json(), **said}))
    return folder
