"""How a model sees that is not in this process: the size its images are resized to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pdc.domain.errors import BadModel


@dataclass(frozen=True, slots=True)
class ImageProcessorConfig:
    """How the model sees: what `pdc.qwen.resized_wh` needs of an image processor. Defaults are Qwen2.5-VL's own."""

    patch_size: int = 14
    merge_size: int = 2
    least: int = 56 * 56
    most: int = 28 * 28 * 16384

    @property
    def size(self) -> dict[str, int]:
        return {"shortest_edge": self.least, "longest_edge": self.most}


def read_processor_config(folder: str) -> ImageProcessorConfig:
    """By the model folder's preprocessor_config.json; Qwen2.5-VL's own for a name on the hub."""
    path = Path(folder) / "preprocessor_config.json"
    if not path.is_file():
        return ImageProcessorConfig()
    try:
        said = json.loads(path.read_text("utf-8"))
        size = said.get("size") or {"shortest_edge": said["min_pixels"], "longest_edge": said["max_pixels"]}
        return ImageProcessorConfig(said["patch_size"], said["merge_size"], size["shortest_edge"], size["longest_edge"])
    except (ValueError, KeyError, TypeError):
        raise BadModel(f"{path} is damaged; download the model again.") from None
