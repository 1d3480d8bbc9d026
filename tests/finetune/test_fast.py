"""The faster forwards give the same features, for images of one size, of several, and for one that comes again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from finetune.train.cpu_speed import make_fast
from pdc.domain.values import Question, Task

ASK = Question(Task.BOUNDING, ("cell",))


def inputs(qwen, sizes: list[tuple[int, int]], seeds: list[int]) -> dict[str, torch.Tensor]:
    images = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (h, w, 3), np.uint8))
        for seed, (w, h) in zip(seeds, sizes, strict=True)
    ]
    images = [qwen.resize(image) for image in images]
    chats = [qwen.messages(image, ASK) for image in images]
    texts = [qwen.processor.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
    return dict(qwen.processor(text=texts, images=images, padding=True, return_tensors="pt"))


@pytest.mark.parametrize(
    ("sizes", "seeds"),
    [
        ([(120, 90), (90, 120), (120, 90), (140, 140)], [1, 2, 3, 4]),
        ([(120, 90)] * 3, [1, 1, 2]),
        ([(120, 90), (90, 120), (90, 120), (120, 90)], [1, 2, 2, 1]),
    ],
)
def test_the_answers_and_the_gradients_stay_the_same(qwen, sizes, seeds):
    qwen.base.float()
    batch = inputs(qwen, sizes, seeds)
    weight = qwen.base.model.visual.blocks[0].attn.qkv.weight
    found = []
    for fast in (False, True):
        if fast:
            make_fast(qwen.base)
        logits = qwen.base(**batch).logits
        (gradient,) = torch.autograd.grad(logits[batch["attention_mask"].bool()].square().mean(), weight)
        found.append((logits[batch["attention_mask"].bool()], gradient))
    (logits, gradient), (fast_logits, fast_gradient) = found
    assert torch.allclose(logits, fast_logits, atol=1e-4)
    assert torch.allclose(gradient, fast_gradient, atol=1e-5 + 1e-3 * gradient.abs().max())


def test_equal_images_of_a_batch_are_encoded_once(qwen):
    seen = []
    qwen.base.model.visual.blocks[0].register_forward_hook(lambda module, args, out: seen.append(len(args[0])))
    make_fast(qwen.base)
    with torch.no_grad():
        qwen.base(**inputs(qwen, [(120, 90)] * 4, [1, 2, 1, 2]))
        qwen.base(**inputs(qwen, [(120, 90)] * 4, [1, 2, 3, 4]))
    assert seen[1] == 2 * seen[0]
