"""The teacher's weights serve without its packages, and an expert is written only where it answers better than the model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from finetune.tiny.experts.folding import folded
from pdc.inference.experts.efficientnet import TAPS, DenseDetector, on_grid


@pytest.mark.parametrize("wh", [(280, 280), (308, 224), (84, 56)])
def test_the_folded_network_gives_the_teachers_numbers(wh):
    pytest.importorskip("efficientnet_lite_pytorch")
    from finetune.tiny.teacher import Teacher

    torch.manual_seed(0)
    teacher = Teacher().eval()
    detector = DenseDetector(teacher.mix[0].out_channels, teacher.head.classes)
    detector.load_state_dict(folded(teacher))
    image = torch.randint(0, 255, (1, 3, wh[1], wh[0])).float()
    with torch.inference_mode():
        theirs = _taps(teacher.backbone, image.sub(127).div(128))
        torch.testing.assert_close(detector.backbone(image), theirs, atol=1e-4, rtol=1e-4)
        seen = teacher.head(teacher.mix(theirs).flatten(2).transpose(1, 2))
        torch.testing.assert_close(detector(image), seen, atol=1e-4, rtol=1e-4)


def _taps(net, x: Tensor) -> Tensor:
    """What the package's own network computes, on the grid of tokens."""
    grid, found = (x.shape[2] // 28, x.shape[3] // 28), []
    x = net._swish(net._bn0(net._conv_stem(x)))
    for i, block in enumerate(net._blocks):
        x = block(x)
        if i in TAPS:
            found.append(on_grid(x, grid))
    return torch.cat(found, 1)
