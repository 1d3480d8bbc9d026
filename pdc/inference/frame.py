"""The pixel frames of an image: its own, and the one the model sees after its resize. Only this module converts.

Qwen2.5-VL answers in pixels of the image *after* its resize to multiples of 28. An adapter that learnt from images of some
width at most, with coordinates in their pixels (the paper's), answers in a third frame: the image at that width.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadImage, BadModel
from pdc.domain.geometry import Size, clip, map_findings, rescale
from pdc.domain.values import Findings

MAX_ASPECT = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """An image's own size, the size at which the model sees it, and the one in whose pixels it answers (`other_wh`, where
    that is another); all (width, height) in pixels."""

    image_wh: Size
    model_wh: Size
    other_wh: Size | None = None

    @property
    def answer_wh(self) -> Size:
        """The size in whose pixels the model states coordinates."""
        return self.other_wh or self.model_wh

    def to_model(self, findings: Findings) -> Findings:
        """As the model states them."""
        return map_findings(findings, partial(rescale, from_wh=self.image_wh, to_wh=self.answer_wh))

    def to_image(self, findings: Findings) -> Findings:
        """In image pixels, clipped to the image."""
        return map_findings(findings, lambda s: clip(rescale(s, self.answer_wh, self.image_wh), self.image_wh))


def frame_of(image_processor: Any, wh: Size, most: int | None = None, answer_width: int | None = None) -> Frame:
    """The frame of an image of (width, height) for a model that sees at most `most` pixels, and answers in those of the image
    scaled to at most `answer_width` (None: in those that it sees)."""
    if answer_width is None:
        return Frame(wh, resized_wh(image_processor, *wh, most))
    scale = min(1.0, answer_width / wh[0])
    shown = max(1, round(wh[0] * scale)), max(1, round(wh[1] * scale))
    return Frame(wh, resized_wh(image_processor, *shown, most), shown)


def pixel_budget(image_processor: Any, most: int | None = None) -> tuple[int, int]:
    """(least, most) pixels of an image as the model sees it, by its image processor and by `most`."""
    least, longest = image_processor.size["shortest_edge"], image_processor.size["longest_edge"]
    return least, max(least, min(longest, most or longest))


def tile_pixels(image_processor: Any, allowed: int, most: int) -> int:
    """The pixels by which a large image is cut into tiles: those `allowed`, but `most` where only the image processor's own
    limit is lower. Its model learnt whole images at that size."""
    return allowed if allowed < image_processor.size["longest_edge"] else most


def resized_wh(image_processor: Any, width: int, height: int, most: int | None = None) -> Size:
    """(width, height) after Qwen's smart_resize: multiples of patch x merge, area within the pixel budget."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    if max(width, height) > MAX_ASPECT * min(width, height):
        raise BadImage(f"The image is {width} x {height}: one side is over {MAX_ASPECT} times the other. Crop it first.")
    factor = image_processor.patch_size * image_processor.merge_size
    h, w = smart_resize(height, width, factor, *pixel_budget(image_processor, most))
    return w, h


@dataclass(frozen=True, slots=True)
class ImageProcessorConfig:
    """How the model sees: what `resized_wh` needs of an image processor. Defaults are Qwen2.5-VL's own."""

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
