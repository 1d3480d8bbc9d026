"""The embedded model: builds, trains and ships a small Qwen2.5-VL that needs no GPU and no download."""

from finetune.data.drawings import LABELS

__all__ = ["LABELS", "SOURCES", "TOKEN_PX"]
SOURCES = ("blood_cells", "nuclei", "polyps")
TOKEN_PX = 28  # one visual token covers patch 14 x merge 2 pixels of the resized image
