"""What the simulated reader clusters images by, to choose those that `pdc.inference.choosing` finds worth correcting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.qwen import Qwen


def describe_image(qwen: Qwen, image: PilImage) -> np.ndarray:
    """The image as a vector [2 * hidden]: mean and standard deviation of the vision tower's features over visual tokens."""
    import torch

    with torch.inference_mode():
        features = qwen.features(qwen.pixels(image)).float()
        return torch.cat([features.mean(0), features.std(0)]).cpu().numpy()
