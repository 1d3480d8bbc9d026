"""The fast forwards used in training give what transformers' own give, and the same gradients."""

from __future__ import annotations

import pytest
import torch

from finetune.tiny.model import build_model, load_tokenizer
from finetune.tiny.speed import fast_language, fast_vision
from pdc.settings import EMBEDDED_MODEL


@pytest.fixture(scope="module")
def model():
    return build_model(load_tokenizer(EMBEDDED_MODEL), seed=0)


def _run(module: torch.nn.Module, weight: torch.nn.Parameter, forward) -> tuple[torch.Tensor, torch.Tensor]:
    module.zero_grad()
    out = forward()
    (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    return out.detach(), weight.grad.clone()


def test_the_language_model(model):
    language = model.model.language_model
    embeds, positions = torch.randn(3, 40, 256), torch.arange(40).expand(3, 3, -1)
    weight = language.layers[2].self_attn.q_proj.weight

    def forward() -> torch.Tensor:
        return language(inputs_embeds=embeds, position_ids=positions, use_cache=False).last_hidden_state

    slow = _run(language, weight, forward)
    fast_language(language)
    torch.testing.assert_close(_run(language, weight, forward), slow, rtol=1e-3, atol=1e-4)


def test_the_vision_tower(model):
    visual = model.model.visual
    patches, grid = torch.randn(2 * 8 * 6, 1176), torch.tensor([[1, 8, 6]] * 2)
    weight = visual.blocks[2].attn.qkv.weight

    def forward() -> torch.Tensor:
        return visual(patches, grid).pooler_output

    slow = _run(visual, weight, forward)
    fast_vision(visual)
    torch.testing.assert_close(_run(visual, weight, forward), slow, rtol=1e-3, atol=1e-4)
