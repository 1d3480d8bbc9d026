"""How large each label was shown in training, as a share of a look's side: what a look is chosen by when serving.

Counted over crops as training draws them, without pixels. A mark far outside these sizes says that the look is at the wrong
scale for its object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from finetune.data.drawings import LABELS, Sample
from finetune.tiny import TOKEN_PX
from finetune.tiny.crops.views import MIXTURE, Catalogue, Mixture, View, batch_of_views

STEPS, CROPS = 200, 16
ENDS = 0.03, 0.97  # of the sizes of a label: beyond, too few were shown to be learnt


def learnt_sizes(
    samples: Mapping[str, Sequence[Sample]], mixture: Mixture = MIXTURE, steps: int = STEPS, seed: int = 0
) -> dict[str, list[float]]:
    """[smallest, largest] side of each label, the square root of its box's area over that of the look's. Sources of the
    mixture that are not among the samples are left out."""
    catalogue, drawn = Catalogue(samples), {s: n for s, n in mixture.shares.items() if s in samples or s == "blank"}
    mixture = replace(mixture, shares={s: n / sum(drawn.values()) for s, n in drawn.items()})
    views = [v for step in range(steps) for v in batch_of_views(catalogue, CROPS, seed, step, mixture)]
    shares = np.concatenate([_shares(v) for v in views])
    classes = np.concatenate([v.classes for v in views])
    of_label = {label: shares[classes == i] for i, label in enumerate(LABELS)}
    return {label: np.quantile(some, ENDS).round(3).tolist() for label, some in of_label.items() if len(some)}


def _shares(view: View) -> np.ndarray:
    look = (view.grid[0] * view.grid[1]) ** 0.5 * TOKEN_PX
    return (view.boxes[:, 2:] - view.boxes[:, :2]).prod(1) ** 0.5 / look
