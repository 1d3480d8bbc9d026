"""Real annotated images, beside the project or in the folder that PDC_TEST_DATA names; without them a test is skipped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PDC_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def real_images(kind: str, number: int) -> list[Path]:
    """The first dev images of a kind."""
    if not (FOLDER / kind / "dev.json").is_file():
        pytest.skip(f"there are no real images of {kind} here")
    entries = json.loads((FOLDER / kind / "dev.json").read_text())["images"]
    return [FOLDER / kind / entry["file_name"] for entry in entries[:number]]
