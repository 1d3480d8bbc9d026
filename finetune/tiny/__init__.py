"""The embedded model: builds, trains and ships a small Qwen2.5-VL that needs no GPU and no download."""

LABELS = ("red blood cell", "white blood cell", "platelet", "nucleus", "polyp")
SOURCES = ("blood_cells", "nuclei", "polyps")
TOKEN_PX = 28  # one visual token covers patch 14 x merge 2 pixels of the resized image
