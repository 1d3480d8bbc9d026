"""How an image compares with those that a model was trained on, by what its vision tower sees in them. No torch.

An image is described by the mean and the standard deviation of its visual tokens' features. Of each kind of training images
their Gaussian is kept, as probabilistic PCA (Tipping & Bishop 1999): the variance along AXES axes, and one for all others. An
image is as far away as its Mahalanobis distance (Lee et al. 2018, arXiv 1807.03888). What a distance means is read off images
of that kind that nobody trained on: the share of them at least as far away (split conformal; Vovk et al. 2005).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pdc import files
from pdc.domain.errors import BadModel
from pdc.domain.values import Likeness
from pdc.inference.adapter_folder import has_vision, labels_served
from pdc.inference.fingerprints import LIKENESS

AXES = 64
LABELS, PARTS = "labels", ("center", "axes", "variances", "distances")


def describe(features: np.ndarray) -> np.ndarray:
    """float32 [2 * hidden] of an image's features [visual tokens, hidden]: their mean and standard deviation."""
    features = features.astype(np.float32)
    return np.concatenate([features.mean(0), features.std(0)])


@dataclass(frozen=True, slots=True)
class ImageKind:
    """Training images of one kind, and how far from them others of that kind are.

    `center` [d]; `axes` [r, d] of unit length; `variances` [r + 1] along these axes, and last along any other; `distances` [m],
    in order, of images that nobody trained on.
    """

    center: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    distances: np.ndarray

    @classmethod
    def of(cls, trained: np.ndarray, others: np.ndarray) -> ImageKind:
        """From descriptions [n, d] of at least two training images and [m, d] of others of their kind."""
        center, r = trained.mean(0), min(AXES, len(trained) // 2)
        _, lengths, axes = np.linalg.svd(trained - center, full_matrices=False)
        variance = lengths**2 / (len(trained) - 1)
        rest = max(variance[r:].sum() / (trained.shape[1] - r), 1e-6)
        kind = cls(center, axes[:r], np.append(variance[:r], rest), np.zeros(0))
        distances = np.sort([kind.distance(one) for one in others])
        return cls(*(part.astype(np.float32) for part in (kind.center, kind.axes, kind.variances, distances)))

    def distance(self, described: np.ndarray) -> float:
        """The Mahalanobis distance of an image, by its description [d], from the training images."""
        away = described - self.center
        along = self.axes @ away
        rest = max(float(away @ away - along @ along), 0.0)
        return float(np.sqrt((along**2 / self.variances[:-1]).sum() + rest / self.variances[-1]))

    def share(self, described: np.ndarray) -> float:
        """The share of the kind's images that are at least as far away as this one, which is counted among them."""
        farther = len(self.distances) - int(np.searchsorted(self.distances, self.distance(described)))
        return (farther + 1) / (len(self.distances) + 1)


@dataclass(frozen=True, slots=True)
class KnownImages:
    """The kinds of images that a model was trained on, and from which of them each label was learnt."""

    kinds: Mapping[str, ImageKind]
    labels: Mapping[str, str]

    def compare(self, described: np.ndarray) -> Likeness:
        """Per label the share of its kind's images that look at least as unusual as one with this description."""
        shares = {name: round(self.kinds[name].share(described), 4) for name in dict.fromkeys(self.labels.values())}
        return {label: shares[kind] for label, kind in self.labels.items()}

    @property
    def middle(self) -> np.ndarray:
        """The description [d] in the middle between the kinds; a lone zero where there are none."""
        return np.mean([kind.center for kind in self.kinds.values()], 0) if self.kinds else np.zeros(1)

    def without(self, labels: Collection[str]) -> KnownImages:
        """Nothing is said of these labels."""
        return KnownImages(self.kinds, {label: kind for label, kind in self.labels.items() if label not in labels})

    def save(self, folder: Path) -> None:
        """Write LIKENESS into a model's folder."""
        from safetensors.numpy import save

        tensors = {f"{name}.{part}": getattr(kind, part) for name, kind in self.kinds.items() for part in PARTS}
        files.write(folder / LIKENESS, save(tensors, {LABELS: json.dumps(dict(self.labels), ensure_ascii=False)}))


NOTHING = KnownImages({}, {})


def known_beside(adapter: str | Path, base: KnownImages) -> KnownImages:
    """What is known of training images while the adapter in this folder serves.

    It saw others of the labels that it was corrected on. Where it changes the vision tower, or does not say what it was
    corrected on, nothing can be compared.
    """
    served = labels_served(adapter)
    return NOTHING if not served or has_vision(adapter) else base.without(served)


def load_known(folder: str | Path) -> KnownImages:
    """What a model's folder says of the images it was trained on; NOTHING where it does not say. BadModel when that is
    damaged."""
    from safetensors import safe_open

    path = Path(folder) / LIKENESS
    if not path.is_file():
        return NOTHING
    try:
        with safe_open(path, "numpy") as file:
            labels = json.loads(file.metadata()[LABELS])
            kinds = {
                name: ImageKind(*(file.get_tensor(f"{name}.{part}") for part in PARTS)) for name in dict.fromkeys(labels.values())
            }
    except Exception as error:  # safetensors errors share no base class
        raise BadModel(f"{path} is damaged ({type(error).__name__}); download the model again, or delete that file.") from error
    return KnownImages(kinds, labels)
