"""EfficientNet-Lite0 for inference, in plain torch: its convolutions with their batch norms folded in, and a dense head.

Tan & Le 2019 (arXiv 1905.11946); the Lite variant has ReLU6 and no squeeze-and-excitation. Features of three strides meet on
the grid of 28-pixel tokens, where convolutions mix them and `DenseHead` reads them. Imports torch: import it late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pdc.inference.dense_head import TOKEN_PX, DenseHead


class Stage(NamedTuple):
    """`repeats` equal blocks; the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STEM = 32
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
TAPS = {4: 40, 10: 112, 15: 320}  # block whose output is read -> its channels; strides 8, 16 and 32
MEAN, SCALE = 127.0, 128.0  # of uint8 colours, as it was trained on ImageNet


class Convolution(nn.Sequential):
    """A convolution with TensorFlow's padding ("same" of even sizes) and, where it is `clipped`, ReLU6 behind it."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, clipped: bool = True):
        low = (kernel - stride) // 2
        high = kernel - stride - low
        pad = [] if low == high else [nn.ZeroPad2d((low, high, low, high))]
        conv = nn.Conv2d(inputs, outputs, kernel, stride, low if low == high else 0, groups=groups)
        super().__init__(*pad, conv, *([nn.ReLU6(inplace=True)] if clipped else []))


class Block(nn.Sequential):
    """An inverted residual: widen, look around per channel, narrow; what came in is added where the shape is the same."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        wide = inputs * expand
        widen = [Convolution(inputs, wide)] if expand > 1 else []
        super().__init__(*widen, Convolution(wide, wide, kernel, stride, wide), Convolution(wide, outputs, clipped=False))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Images [B, 3, h, w], uint8 values -> features of the TAPS on a grid [B, sum of TAPS, rows, columns] of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        self.blocks = nn.ModuleList(_blocks())

    def forward(self, images: Tensor) -> Tensor:
        grid = images.shape[2] // TOKEN_PX, images.shape[3] // TOKEN_PX
        x, taps = self.stem(images.sub(MEAN).div(SCALE)), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                taps.append(on_grid(x, grid))
        return torch.cat(taps, 1)


def _blocks() -> Iterator[Block]:
    inputs = STEM
    for stage in STAGES:
        for i in range(stage.repeats):
            yield Block(inputs, stage.channels, stage.kernel, stage.stride if i == 0 else 1, stage.expand)
            inputs = stage.channels


def on_grid(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Features [B, channels, h, w] of any stride, averaged or interpolated to (rows, columns) of tokens."""
    if x.shape[2] >= grid[0] and x.shape[3] >= grid[1]:
        return nn.functional.adaptive_avg_pool2d(x, grid)
    return nn.functional.interpolate(x, grid, mode="bilinear", align_corners=False)


class DenseDetector(nn.Module):
    """The backbone, the convolutions that mix its features to `hidden` channels, and the dense head that reads them."""

    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.mix = nn.Sequential(
            nn.Conv2d(sum(TAPS.values()), hidden, 1),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
        )
        self.head = DenseHead(hidden, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B, 3, h, w], uint8 values, sides whole tokens -> class logits [B, tokens, C] and boxes [B, tokens, 4]."""
        features = self.backbone(images).to(self.mix[0].weight.dtype)
        return self.head(self.mix(features).flatten(2).transpose(1, 2))
