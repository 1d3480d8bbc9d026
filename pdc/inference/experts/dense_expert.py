"""An expert that is one convolutional network with a dense head: one look at the whole image. Imports torch: import it late."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor

from pdc.domain.errors import BadModel
from pdc.domain.geometry import clip
from pdc.domain.values import Box, Mark
from pdc.files import sha256
from pdc.inference.dense_head import TOKEN_PX, dense_boxes, placed
from pdc.inference.experts.base import ExpertManifest
from pdc.inference.experts.efficientnet import DenseDetector

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

WEIGHTS = "weights.safetensors"
TOGETHER = 8  # images of one size in a batch
LEAST_TOKENS = 2  # a side: with fewer the deepest convolutions have nothing to look at


class DenseExpert:
    """A dense detector that knows how its images are shown to it."""

    def __init__(self, manifest: ExpertManifest, network: DenseDetector) -> None:
        self.manifest, self._dtype = manifest, fast_dtype()
        network.float().backbone.to(self._dtype)  # boxes come from what follows it, in float32
        self._network = network.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def find(self, images: Sequence[PilImage], labels: Sequence[str]) -> list[tuple[Mark, ...]]:
        fitted = [fit(np.asarray(image.convert("RGB")), self.manifest.pixels) for image in images]
        alike: dict[tuple[int, ...], list[int]] = {}
        for i, (pixels, _) in enumerate(fitted):
            alike.setdefault(pixels.shape, []).append(i)
        found: dict[int, tuple[Mark, ...]] = {}
        for some in (group[at : at + TOGETHER] for group in alike.values() for at in range(0, len(group), TOGETHER)):
            logits, boxes = self._look([fitted[i][0] for i in some])
            found |= {i: self._marks(logits[k], boxes[k], fitted[i], images[i].size, labels) for k, i in enumerate(some)}
        return [found[i] for i in range(len(images))]

    @torch.inference_mode()
    def propose(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a uint8 RGB image [h, w, 3], per token, the score of an object of any class [n] and its box [n, 4] in the image's
        pixels; weak ones too."""
        pixels, grown = fit(image, self.manifest.pixels)
        logits, boxes = (t[0] for t in self._look([pixels]))
        grid = pixels.shape[0] // TOKEN_PX, pixels.shape[1] // TOKEN_PX
        return logits.sigmoid().amax(-1).numpy(), placed(boxes, grid).numpy() / grown

    @torch.inference_mode()
    def _look(self, images: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self._dtype)  # channels last as it lies in memory
        if not self.manifest.flips:
            return self._network(x)
        columns = x.shape[3] // TOKEN_PX
        logits, boxes = self._network(torch.cat([x, x.flip(3)]))
        (logits, other), (boxes, mirrored) = logits.chunk(2), boxes.chunk(2)
        other, mirrored = _turned_back(other, columns), _turned_back(mirrored, columns)
        mirrored = torch.stack([-mirrored[..., 2], mirrored[..., 1], -mirrored[..., 0], mirrored[..., 3]], -1)
        return torch.logit((logits.sigmoid() + other.sigmoid()) / 2, 1e-6), (boxes + mirrored) / 2

    def _marks(
        self, logits: Tensor, boxes: Tensor, fitted: tuple[np.ndarray, np.ndarray], wh: tuple[int, int], labels: Sequence[str]
    ) -> tuple[Mark, ...]:
        """The boxes of these labels in pixels of the image of (width, height)."""
        pixels, grown = fitted
        grid = pixels.shape[0] // TOKEN_PX, pixels.shape[1] // TOKEN_PX
        xyxy, classes, scores = (t.numpy() for t in dense_boxes(logits, boxes, grid, self.manifest.least))
        named = [self.manifest.classes[c] for c in classes]
        rows = [(Box(*map(float, box / grown)), label, float(s)) for box, label, s in zip(xyxy, named, scores, strict=True)]
        kept = [(clip(box, wh), label, score) for box, label, score in rows if label in labels and label in self.manifest.labels]
        return tuple(
            Mark(f"e{i}", box, label, score=round(score, 4), expert=self.manifest.name)
            for i, (box, label, score) in enumerate(kept, start=1)
        )


def fast_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies in it, in about half the time; else float32."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def _turned_back(x: Tensor, columns: int) -> Tensor:
    """Tokens [B, rows * columns, n] of a mirrored image, in the order of the image's own."""
    return x.unflatten(1, (-1, columns)).flip(2).flatten(1, 2)


def fit(image: np.ndarray, area: int) -> tuple[np.ndarray, np.ndarray]:
    """The image [h, w, 3] at about `area` pixels, both sides whole tokens, and the factors (x, y, x, y) that boxes grow by."""
    h, w = image.shape[:2]
    grow = (area / (h * w)) ** 0.5
    new_h, new_w = (max(LEAST_TOKENS, round(side * grow / TOKEN_PX)) * TOKEN_PX for side in (h, w))
    resized = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_AREA if grow < 1 else cv2.INTER_CUBIC)
    return resized, np.array([new_w / w, new_h / h] * 2, np.float32)


def load_dense(folder: Path, manifest: ExpertManifest) -> DenseExpert:
    """The expert in `folder`. Raises BadModel with a sentence when its weights are missing, damaged or another network's."""
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file():
        raise BadModel(f"There are no weights {path}; download the model again.")
    if sha256(path) != manifest.weights:
        raise BadModel(f"{path} is not the file that {folder.name} was made with; download the model again.")
    try:
        state = load_file(path)
        network = DenseDetector(state["mix.0.weight"].shape[0], len(manifest.classes))
        network.load_state_dict(state)
    except Exception as error:  # safetensors errors share no base class
        raise BadModel(f"{path} is damaged ({type(error).__name__}); download the model again.") from error
    return DenseExpert(manifest, network)
