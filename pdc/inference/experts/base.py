"""What an expert is: a detector that finds the objects of its labels, and its manifest, expert.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pdc.domain.certainty.counts import CountModels, count_models
from pdc.domain.doubt import Thresholds
from pdc.domain.errors import BadModel
from pdc.domain.values import Mark, check_label

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

MANIFEST = "expert.json"


class Mode(StrEnum):
    """How an expert is asked: INSTEAD of the model, or BESIDE it, and their marks are joined."""

    INSTEAD = "instead"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class ExpertManifest:
    """What an expert's folder says about it.

    `classes` are the labels of its outputs in their order, `labels` those that it answers for; `pixels` is the area of its one
    look at an image. Below `least` it says nothing; from there to its label's threshold a mark is doubtful. `flips`: it looks
    at the mirrored image too. `weights` is the sha256 of its weights file; `about` says how it was trained and measured;
    `count_models` what its labels' counts are worth. `options` are those of its kind alone.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    pixels: int
    weights: str
    thresholds: Thresholds = field(default_factory=dict)
    mode: Mode = Mode.INSTEAD
    least: float = 0.1
    flips: bool = False
    licence: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    count_models: CountModels = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> ExpertManifest:
        """Of the expert in `folder`. Raises BadModel with a sentence where it cannot be read."""
        path = folder / MANIFEST
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            known = {**said, "labels": tuple(said["labels"]), "classes": tuple(said["classes"]), "mode": Mode(said["mode"])}
            known["count_models"] = count_models(said.get("count_models") or {})
            return cls(**known)._checked(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadModel(f"{path} is damaged ({type(error).__name__}); download the model again.") from error

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def _checked(self, path: Path) -> ExpertManifest:
        numbers = [self.least, *self.thresholds.values()]
        fit = self.labels and set(self.labels) <= set(self.classes) and set(self.thresholds) <= set(self.labels)
        if not fit or type(self.pixels) is not int or self.pixels < 1 or not all(0 <= n <= 1 for n in numbers):
            raise BadModel(f"{path} does not fit together: labels, classes, pixels or thresholds; download the model again.")
        for label in self.labels:
            check_label(label)
        return self


class Expert(Protocol):
    """Any detector or counter that can stand beside the model. From any thread."""

    @property
    def manifest(self) -> ExpertManifest: ...

    def find(self, images: Sequence[PilImage], labels: Sequence[str]) -> list[tuple[Mark, ...]]:
        """Per upright RGB image the boxes of these labels, in its pixels, each with its score; surest first."""
        ...
