"""A LoRA layer as one function gives what PEFT's gives: for the adapter that is on, for none, and for two in turn."""

from __future__ import annotations

import torch

from finetune.train.cpu_kernels import fuse_lora


def small(rank: int, dropout: float = 0.0):
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(3)
    base = torch.nn.Sequential(torch.nn.Linear(12, 20), torch.nn.SiLU(), torch.nn.Linear(20, 6, bias=False))
    config = LoraConfig(r=rank, lora_alpha=3 * rank, target_modules=["0", "2"], init_lora_weights=False, lora_dropout=dropout)
    model = get_peft_model(base, config)
    model.add_adapter("other", config)
    return model


def outcome(model, x: torch.Tensor) -> list[torch.Tensor]:
    """The answer, and the gradients of everything that has one."""
    model.zero_grad()
    x = x.clone().requires_grad_()
    out = model(x)
    out.square().sum().backward()
    return [out.detach(), x.grad, *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


def test_the_same_answers_and_gradients():
    model, x = small(4), torch.randn(2, 5, 12)
    ways = []
    for fused in (False, True):
        if fused:
            fuse_lora(model)
        for name in ("default", "other"):
            model.set_adapter(name)
            ways.append(outcome(model, x))
        with model.disable_adapter():
            ways.append([model(x).detach()])
    assert not torch.allclose(ways[0][0], ways[1][0])
    for expected, found in zip(ways[:3], ways[3:], strict=True):
        torch.testing.assert_close(found, expected)


def test_in_bf16_it_is_as_near_to_the_truth_as_peft():
    model, x = small(4), torch.randn(64, 12)
    truth = outcome(model, x)
    errors = []
    for fused in (False, True):
        if fused:
            fuse_lora(model)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = outcome(model, x)
        errors.append(sum(float((a - b).norm() / b.norm()) for a, b in zip(found, truth, strict=True)))
    assert errors[1] < 1.2 * errors[0] < 0.5


def test_dropout_is_left_to_peft():
    model, x = small(4, dropout=0.5), torch.randn(3, 12)
    fuse_lora(model)
    assert not torch.allclose(model(x), model(x))
