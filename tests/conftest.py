"""What many tests share: the embedded model, loaded once, and images whose contents are known because we draw them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from pdc.inference.adapter_ref import AdapterRef
from pdc.inference.predictors.local import LocalPredictor
from pdc.settings import EMBEDDED_MODEL

LOADS_A_MODEL = {"embedded", "model_folder", "qwen", "exact"}  # fixtures: whoever asks for one is slow


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark what takes a model or a browser by what it asks for; what is slow for another reason is marked where it stands."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if asked & LOADS_A_MODEL or item.get_closest_marker("nightly"):
            item.add_marker("slow")
        if "browser" in asked:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def embedded() -> LocalPredictor:
    """The embedded model in 4 bit with the adapter it ships with: what a first visitor gets."""
    from pdc.inference.qwen import load

    shipped = sorted((EMBEDDED_MODEL / "adapters").iterdir())[-1]
    return LocalPredictor(lambda: load(str(EMBEDDED_MODEL)), lambda: AdapterRef(shipped.name, str(shipped)))


@pytest.fixture(scope="session")
def smears() -> list[tuple[Image.Image, int]]:
    """(drawn blood smear, number of red cells in it)."""
    return list(_smears())


def _smears() -> Iterator[tuple[Image.Image, int]]:
    from finetune.data.drawings import RED, smear

    for seed in range(6):
        sample = smear(np.random.default_rng(100 + seed), (640, 480))
        yield Image.fromarray(sample.image), int((sample.classes == RED).sum())
