"""Training crops, cut out of the stored images and recoloured where the model is trained: on the GPU, or on the CPU.

Crops are float tensors [B, h, w, 3], RGB from 0 to 1. All of a batch are cut, turned and recoloured at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from finetune.data.drawings import Sample
from finetune.tiny import TOKEN_PX
from finetune.tiny.crops.sources import KEEP_SIDE
from finetune.tiny.crops.views import NOTHING, View

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])  # CLIP's, as in Qwen2-VL's image processor
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
WIDTH = KEEP_SIDE * 3 // 2
CORNERS = (0, 0), (KEEP_SIDE, 0), (KEEP_SIDE, KEEP_SIDE // 2)  # (x, y) in the store of the whole image, its half, its quarter
BLUR_REACH = 4  # pixels that a blur looks to either side


class ImageStore:
    """Every stored image with its mip pyramid, uint8 [n, KEEP_SIDE, WIDTH, 3], on the device.

    The whole image lies at the left, its half and its quarter right of it, below each other. A window is sampled from the
    level that has about the crop's pixels, so that a large window is averaged and not picked from.
    """

    def __init__(self, samples: Mapping[str, Sequence[Sample]], device: torch.device | str = "cpu") -> None:
        flat = [s.image for some in samples.values() for s in some]
        self.pixels = torch.zeros(len(flat), KEEP_SIDE, WIDTH, 3, dtype=torch.uint8)
        for i, image in enumerate(flat):
            for x, y in CORNERS:
                h, w = image.shape[:2]
                self.pixels[i, y : y + h, x : x + w] = torch.from_numpy(np.ascontiguousarray(image))
                image = cv2.resize(image, (max(w // 2, 1), max(h // 2, 1)), interpolation=cv2.INTER_AREA)
        self.pixels = self.pixels.to(device)
        self.sizes = torch.tensor([(image.shape[1], image.shape[0]) for image in flat], dtype=torch.float32).to(device)
        self.corners = torch.tensor(CORNERS).to(device)

    def cut(self, where: Mapping[str, Tensor]) -> Tensor:
        """The crops of `where` (see `places`); around an image, and where there is none, a plain colour."""
        rows, columns = where["grid"].tolist()
        h, w = rows * TOKEN_PX, columns * TOKEN_PX
        x, y = self._coordinates(where, h, w)
        index, window = where["index"].clamp(min=0), where["window"]
        scale = torch.maximum((window[:, 2] - window[:, 0]) / w, (window[:, 3] - window[:, 1]) / h)
        level = scale.clamp(min=1e-3).log2().round().clamp(0, len(CORNERS) - 1).long()
        size = self.sizes[index]
        across, down = (size[:, k, None, None] for k in (0, 1))
        mirrored = where["mirrored"][:, None, None]
        x = torch.where(mirrored, across - (x.remainder(2 * across) - across).abs(), x)
        y = torch.where(mirrored, down - (y.remainder(2 * down) - down).abs(), y)
        inside = (x >= 0) & (y >= 0) & (x <= across) & (y <= down)
        inside &= (where["index"] != NOTHING)[:, None, None]
        shrunk = 2.0 ** -level[:, None, None]
        cut = self._sample(index, self.corners[level], (size * shrunk[:, 0]).long(), x * shrunk, y * shrunk)
        return torch.where(inside[..., None], cut, where["plain"][:, None, None])

    def _sample(self, index: Tensor, corner: Tensor, size: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Bilinear samples [B, h, w, 3], 0 to 1, at x, y [B, h, w] in pixels of a level of `size`, which lies at `corner`."""
        x, y = x - 0.5, y - 0.5  # of the pixels' middles
        left, top = x.floor(), y.floor()
        right, below = (x - left)[..., None], (y - top)[..., None]
        last_x, last_y = (size[:, k, None, None].clamp(min=1) - 1 for k in (0, 1))
        xs = [corner[:, 0, None, None] + (left.long() + k).clamp(min=0).minimum(last_x) for k in (0, 1)]
        ys = [corner[:, 1, None, None] + (top.long() + k).clamp(min=0).minimum(last_y) for k in (0, 1)]
        flat, image = self.pixels.view(-1, 3), index[:, None, None] * KEEP_SIDE

        def at(i: int, j: int) -> Tensor:
            return flat[(image + ys[j]) * WIDTH + xs[i]].float()

        return torch.lerp(torch.lerp(at(0, 0), at(1, 0), right), torch.lerp(at(0, 1), at(1, 1), right), below) / 255

    def _coordinates(self, where: Mapping[str, Tensor], h: int, w: int) -> tuple[Tensor, Tensor]:
        """Where each pixel [B, h, w] of the crops lies in its stored image: (x, y) in pixels."""
        device, window, turn = self.pixels.device, where["window"][:, :, None, None], where["turn"][:, :, None, None]
        v, u = torch.meshgrid(
            (torch.arange(h, device=device) + 0.5) / h, (torch.arange(w, device=device) + 0.5) / w, indexing="ij"
        )
        u, v = u.expand(len(window), -1, -1), v.expand(len(window), -1, -1)
        u, v = torch.where(turn[:, 0], 1 - u, u), torch.where(turn[:, 1], 1 - v, v)
        if h == w:
            u, v = torch.where(turn[:, 2], v, u), torch.where(turn[:, 2], u, v)
        return window[:, 0] + u * (window[:, 2] - window[:, 0]), window[:, 1] + v * (window[:, 3] - window[:, 1])


def places(views: Sequence[View], rng: np.random.Generator) -> dict[str, Tensor]:
    """What `ImageStore.cut` needs to know of views of one grid: where they lie, and a plain colour for what is no image."""
    grey = np.clip(rng.uniform(-1, 2, (len(views), 1)), 0, 1)  # a third of them black, a third white
    colour = np.where(rng.random((len(views), 1)) < 0.6, grey, rng.random((len(views), 3)))
    return {
        "index": torch.tensor([v.index for v in views]),
        "window": torch.tensor([v.window for v in views], dtype=torch.float32),
        "turn": torch.tensor([v.turn for v in views]),
        "grid": torch.tensor(views[0].grid),
        "mirrored": torch.tensor([v.mirrored for v in views]),
        "plain": torch.from_numpy(colour.astype(np.float32)),
    }


@dataclass(frozen=True, slots=True)
class Change:
    """A change of look: how often it happens, and what it does to crops [n, h, w, 3]."""

    often: float
    make: Callable[[Tensor, np.random.Generator], Tensor]


def recolour(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Crops [B, h, w, 3] as other stains, lamps, microscopes and cameras would show them; each crop has its own changes."""
    for change in CHANGES:
        chosen = np.flatnonzero(rng.random(len(x)) < change.often)
        if len(chosen):
            at = torch.from_numpy(chosen).to(x.device)
            x = x.index_copy(0, at, change.make(x[at], rng))
    return x.clamp(0, 1)


def _per_crop(x: Tensor, values: np.ndarray) -> Tensor:
    """values [n] or [n, 3] so that they multiply crops [n, h, w, 3]."""
    return torch.from_numpy(values.astype(np.float32)).to(x.device).view(len(x), 1, 1, -1)


def _lit(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Gain with a colour cast, and offset."""
    n = len(x)
    gain = rng.uniform(0.7, 1.3, (n, 1)) * rng.uniform(0.88, 1.12, (n, 3))
    return (x * _per_crop(x, gain) + _per_crop(x, rng.uniform(-0.08, 0.08, n))).clamp(0, 1)


def _cast(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A white balance that is off: warmer or cooler."""
    warm = rng.uniform(-0.4, 0.4, len(x))
    return x * _per_crop(x, np.stack([1 + warm, np.ones(len(x)), 1 - warm], 1))


def _overexposed(x: Tensor, rng: np.random.Generator) -> Tensor:
    return (x * _per_crop(x, rng.uniform(1.2, 1.6, len(x)))).clamp(max=1)


def _gamma(x: Tensor, rng: np.random.Generator) -> Tensor:
    return x.clamp(min=1e-4) ** _per_crop(x, rng.uniform(0.7, 1.4, len(x)))


def _faded(x: Tensor, rng: np.random.Generator) -> Tensor:
    grey = x.mean(3, keepdim=True)
    return torch.lerp(grey.expand_as(x), x, _per_crop(x, rng.uniform(0.2, 1.4, len(x))))


def _grey(x: Tensor, rng: np.random.Generator) -> Tensor:
    return x.mean(3, keepdim=True).expand_as(x)


def _blurred(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A Gaussian blur of one deviation, 0.4 to 2 pixels."""
    deviation = float(np.exp(rng.uniform(np.log(0.4), np.log(2.0))))
    kernel = torch.exp(-0.5 * (torch.arange(-BLUR_REACH, BLUR_REACH + 1, device=x.device) / deviation) ** 2)
    kernel = kernel / kernel.sum()
    planes = nn.functional.pad(x.permute(0, 3, 1, 2).flatten(0, 1)[:, None], (BLUR_REACH,) * 4, mode="reflect")
    planes = nn.functional.conv2d(planes, kernel.view(1, 1, 1, -1))
    planes = nn.functional.conv2d(planes, kernel.view(1, 1, -1, 1))
    return planes[:, 0].unflatten(0, (len(x), 3)).permute(0, 2, 3, 1)


def _vignette(x: Tensor, rng: np.random.Generator) -> Tensor:
    return x * (1 - _per_crop(x, rng.uniform(0.2, 0.9, len(x))) * (_radius(x, rng) ** 2 / 2).clamp(max=1))


def _eyepiece(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A dark rim around the field."""
    end, steep = (_per_crop(x, rng.uniform(low, high, len(x))) for low, high in ((0.85, 1.25), (15, 60)))
    return x * torch.sigmoid((end - _radius(x, rng)) * steep)


def _radius(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Distance [n, h, w, 1] of each pixel from a point near the middle, in half sides."""
    _, h, w, _ = x.shape
    centre = _per_crop(x, rng.uniform(-0.2, 0.2, (len(x), 2)))
    axes = torch.meshgrid(torch.linspace(-1, 1, h, device=x.device), torch.linspace(-1, 1, w, device=x.device), indexing="ij")
    return torch.stack(axes, -1).sub(centre).norm(dim=-1, keepdim=True)


def _noisy(x: Tensor, rng: np.random.Generator) -> Tensor:
    return x + torch.randn_like(x) * _per_crop(x, rng.uniform(0.005, 0.03, len(x)))


CHANGES = (
    Change(0.8, _lit),
    Change(0.15, _cast),
    Change(0.08, _overexposed),
    Change(0.5, _gamma),
    Change(0.3, _faded),
    Change(0.1, _grey),
    Change(0.18, _blurred),
    Change(0.1, _vignette),
    Change(0.05, _eyepiece),
    Change(0.25, _noisy),
)


def patches(x: Tensor) -> tuple[Tensor, Tensor]:
    """(patches [n, 1176], grid_thw [B, 3]) of crops, as Qwen2-VL's image processor gives them.

    1176 = 3 colours * 2 frames * 14 * 14 pixels. The 2 x 2 patches of a visual token follow each other.
    """
    x = (x - MEAN.to(x.device)) / STD.to(x.device)
    b, h, w, _ = x.shape
    gh, gw = h // TOKEN_PX, w // TOKEN_PX
    x = x.view(b, gh, 2, 14, gw, 2, 14, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)  # b, gh, gw, mh, mw, c, ph, pw
    x = x.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)  # the still image twice in time
    return x.reshape(b * gh * gw * 4, -1), torch.tensor([[1, gh * 2, gw * 2]] * b, device=x.device)


def as_crops(images: Sequence[np.ndarray], device: torch.device | str = "cpu") -> Tensor:
    """Equal-size uint8 images [h, w, 3] as crops."""
    return torch.from_numpy(np.stack(images)).to(device).float() / 255
