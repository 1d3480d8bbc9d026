"""Held-out images that an adapter was trained on, or near copies of them: its measurement would say nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pdc.adapters.assessable import Metrics
from pdc.domain.message import Message
from pdc.images.near_duplicates import ImageHash, near_duplicate_pairs
from pdc.inference.adapter_folder import AdapterManifest

NAMED = 3  # held-out images that a leak names
LEAK = "{name} was trained on {n} of the held-out images, or on near copies of them ({images}), so its measurement says nothing."


def leaks(metrics: Metrics, manifest: AdapterManifest) -> Iterator[Message]:
    """An objection where the adapter has seen what it was measured on."""
    held_out = {name: ImageHash.parse(text) for name, text in metrics.get("held_out", {}).items()}
    trained = {name: ImageHash.parse(text) for name, text in manifest.trained_on.items()}
    found = sorted({held for _, held in near_duplicate_pairs(trained, held_out)})
    if found:
        yield Message(LEAK, name=manifest.name, n=len(found), images=", ".join(name[:12] for name in found[:NAMED]))
