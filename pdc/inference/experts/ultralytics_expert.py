"""An expert that is a detector of ultralytics in its own file (.pt), run by that library. Such a file can hold code: add only
files whose makers you trust. ultralytics is not installed with PDC: it brings OpenCV and torchvision builds of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pdc.domain.errors import BadModel, first_sentence
from pdc.domain.geometry import clip
from pdc.domain.values import Box, Mark
from pdc.files import sha256
from pdc.inference.experts.base import ExpertManifest

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

WEIGHTS = "model.pt"
NO_LIBRARY = "Experts of .pt files need ultralytics; `pip install ultralytics` installs it, or export the model to ONNX."
BROKEN = "{path} cannot be used: {why}"
CHANGED = "{path} is missing, or not the file that was added; add it again."


class UltralyticsExpert:
    """A detector that the library shows images to in its own way."""

    def __init__(self, manifest: ExpertManifest, model: Any) -> None:
        self.manifest, self._model = manifest, model

    def find(self, images: Sequence[PilImage], labels: Sequence[str]) -> list[tuple[Mark, ...]]:
        return [self._marks(np.asarray(image.convert("RGB")), labels) for image in images]

    def _marks(self, image: np.ndarray, labels: Sequence[str]) -> tuple[Mark, ...]:
        side = int(self.manifest.options.get("size", 640))
        try:  # the library takes blue first
            (said,) = self._model.predict(
                np.ascontiguousarray(image[..., ::-1]), conf=self.manifest.least, imgsz=side, device="cpu", verbose=False
            )
        except Exception as error:  # of whatever kind, it is a detector that fails on an image
            raise BadModel(f"It fails on an image: {first_sentence(error)}") from error
        wh, classes = (image.shape[1], image.shape[0]), self.manifest.classes
        rows = zip(said.boxes.xyxy.tolist(), said.boxes.cls.int().tolist(), said.boxes.conf.tolist(), strict=True)
        kept = [(clip(Box(*box), wh), classes[c], score) for box, c, score in rows if c < len(classes)]
        wanted = [row for row in kept if row[1] in labels and row[1] in self.manifest.labels and row[0].area > 0]
        return tuple(
            Mark(f"e{i}", box, label, score=round(score, 4), expert=self.manifest.name)
            for i, (box, label, score) in enumerate(wanted, start=1)
        )


def names_in(path: Path) -> list[str]:
    """The class names in the file, in the order of its outputs."""
    names = _model(path).names
    return [str(names[i]) for i in sorted(names)]


def load_ultralytics(folder: Path, manifest: ExpertManifest) -> UltralyticsExpert:
    """The expert in `folder`, after it has answered a grey image. BadModel with a sentence when it cannot be used."""
    path = folder / WEIGHTS
    if not path.is_file() or sha256(path) != manifest.weights:
        raise BadModel(CHANGED, path=path)
    model = _model(path)
    if len(model.names) != len(manifest.classes):
        raise BadModel(BROKEN, path=path, why=f"it has {len(model.names)} classes, and {len(manifest.classes)} were named.")
    from PIL import Image

    expert = UltralyticsExpert(manifest, model)
    expert.find([Image.new("RGB", (96, 64), (114, 114, 114))], manifest.labels)
    return expert


def _model(path: Path) -> Any:
    try:
        from ultralytics import YOLO  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise BadModel(NO_LIBRARY) from None
    try:
        return YOLO(str(path), task="detect")
    except Exception as error:  # of whatever kind: the file is no model of the library
        raise BadModel(BROKEN, path=path, why=first_sentence(error)) from error
