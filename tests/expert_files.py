"""Folders of experts for tests: random weights, whose head is set so that what it finds is known."""

from __future__ import annotations

import json
from pathlib import Path

WHOLE = 2.0  # the head's logit of what it always finds: a score of 0.88


def write_expert(folder: Path, *labels: str, name: str = "finder", logit: float = WHOLE, **also: object) -> Path:
    """An expert that finds the whole image to be one object of its first label, and nothing else; its folder."""
    import torch
    from safetensors.torch import save_file

    from pdc.files import sha256
    from pdc.inference.experts.efficientnet import DenseDetector

    classes = [*labels, "something else"]
    torch.manual_seed(0)
    network = DenseDetector(16, len(classes))
    with torch.no_grad():
        network.head.out.weight.zero_()
        network.head.out.bias.copy_(torch.tensor([logit, *[-9.0] * (len(classes) - 1), 0, 0, 4, 4]))
    folder.mkdir(parents=True)
    weights = folder / "weights.safetensors"
    save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, weights)
    said = {"name": name, "kind": "efficientnet-lite0", "labels": list(labels), "classes": classes, "pixels": 28 * 28 * 4}
    said |= {"mode": "instead", "thresholds": {}, "weights": sha256(weights), **also}
    (folder / "expert.json").write_text(json.dumps(said), encoding="utf-8")
    return folder
