"""Questions packed behind their image's prefix are the questions TRL's collator asks one by one: tokens, losses, gradients."""

from __future__ import annotations

import pytest
import torch

from finetune.data.dataset import Examples
from finetune.data.packing import IGNORED, Packer, packed_attention_mask
from finetune.train.cpu_speed import make_fast
from finetune.train.lora import attach
from pdc.inference.qwen import load
from pdc.training.config import EVEN_TASKS, TrainConfig


def batches(qwen, rows, questions: int = 3) -> tuple[dict, dict]:
    """Six questions about two views, packed and as TRL puts them side by side."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    asked = Examples(rows, qwen, length=6, seed=1, augment=True, tasks=EVEN_TASKS, questions=questions)
    examples = asked.as_dataset().__getitems__(list(range(6)))
    apart = DataCollatorForVisionLanguageModeling(qwen.processor, completion_only_loss=True)
    return Packer(qwen)(examples), dict(apart(examples))


def losses(model, batch: dict) -> torch.Tensor:
    """Of every token of every answer, in order."""
    labels = batch["labels"][:, 1:]
    logits = model(**{key: value for key, value in batch.items() if key != "labels"}).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits[labels != IGNORED], labels[labels != IGNORED], reduction="none")


def trainable(model_folder, quantization: str):
    """In float32 throughout, with LoRA that changes something on the vision blocks too."""
    qwen = load(str(model_folder), quantization=quantization, device="cpu")
    torch.nn.Module.float(qwen.base)  # 4-bit weights stay; transformers' own refuses
    for module in qwen.base.modules():
        if hasattr(module, "compute_dtype"):
            module.compute_dtype = module.weight.quant_state.dtype = torch.float32
    config = TrainConfig(str(model_folder), quantization=quantization, device="cpu", vision=True, rank=8)
    model = attach(qwen, config, None)
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data = 0.02 * torch.randn(weight.shape, generator=generator)
    return qwen, model


@pytest.mark.parametrize(("quantization", "fast"), [("fp32", False), ("nf4", True)])
def test_every_question_has_the_loss_and_the_gradient_it_has_alone(model_folder, rows, quantization, fast):
    qwen, model = trainable(model_folder, quantization)
    packed, apart = batches(qwen, rows)
    weights = [p for p in model.parameters() if p.requires_grad]
    expected = losses(model, apart)
    gradients = torch.autograd.grad(expected.mean(), weights)
    if fast:
        make_fast(model)
    found = losses(model, packed)
    assert torch.allclose(found, expected, atol=1e-4)
    for one, other in zip(torch.autograd.grad(found.mean(), weights), gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6 + 1e-3 * float(other.abs().max()))


def test_the_image_is_there_once_and_nothing_is_padded(qwen, rows):
    packed, apart = batches(qwen, rows)
    image = qwen.base.config.image_token_id
    assert 3 * int((packed["input_ids"] == image).sum()) == int((apart["input_ids"] == image).sum())
    assert 3 * len(packed["pixel_values"]) == len(apart["pixel_values"])
    packed_answers, answers = (b["labels"][b["labels"] != IGNORED] for b in (packed, apart))
    assert torch.equal(packed_answers, answers)
    prefix = int((apart["input_ids"][0] == qwen.tokenizer.convert_tokens_to_ids("<|vision_end|>")).nonzero()) + 1
    tokens = int(apart["attention_mask"].sum())
    assert packed["input_ids"].shape == (1, tokens - 4 * prefix)


def test_views_of_one_question_share_nothing(qwen, rows):
    packed, apart = batches(qwen, rows, questions=1)
    assert packed["input_ids"].shape == (1, int(apart["attention_mask"].sum()))
    assert len(packed["image_grid_thw"]) == 6


def test_an_answer_sees_its_prefix_and_itself():
    assert packed_attention_mask([2, 2, 1]).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]
