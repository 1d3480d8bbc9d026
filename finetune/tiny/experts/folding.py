"""The teacher's weights for serving: its batch norms folded into the convolutions before them, so that an expert needs neither
them nor the packages that the teacher comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pdc.inference.experts.efficientnet import DenseDetector


def folded(teacher: Any) -> dict[str, Tensor]:
    """The weights of `DenseDetector` that compute what a teacher does: backbone (efficientnet_lite_pytorch), mix and head."""
    detector = DenseDetector(teacher.mix[0].out_channels, teacher.head.classes)
    ours = [m for m in detector.backbone.modules() if isinstance(m, nn.Conv2d)]
    for conv, (weight, bias) in zip(ours, _folded_pairs(teacher.backbone), strict=True):
        conv.load_state_dict({"weight": weight, "bias": bias})
    detector.mix.load_state_dict(teacher.mix.state_dict())
    detector.head.load_state_dict(teacher.head.state_dict())
    return detector.state_dict()


def _folded_pairs(backbone: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """(weight, bias) of each convolution with the batch norm behind it, in the order in which they are applied.

    y = (w x - mean) / sqrt(var + eps) * gain + offset  =  (w gain / sqrt(var + eps)) x + (offset - mean gain / sqrt(var + eps))
    """
    for block in (backbone, *backbone._blocks):
        for conv_name, norm_name in _PAIRS[type(block) is type(backbone)]:
            if (conv := getattr(block, conv_name, None)) is not None:
                norm = getattr(block, norm_name)
                grown = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                yield conv.weight * grown[:, None, None, None], norm.bias - norm.running_mean * grown


_PAIRS = {
    True: (("_conv_stem", "_bn0"),),
    False: (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")),
}
