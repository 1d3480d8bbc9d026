"""An expert that outlines the objects of one label: a model of stardist or cellpose, run by that library.

Neither library is installed with PDC: both bring large packages of their own. A stardist model is added as the zip of its folder,
a cellpose one as its weights file. Such a file of cellpose can hold code: add only files whose makers you trust.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pdc.domain.errors import BadModel, first_sentence
from pdc.domain.values import Box, Mark, Outline
from pdc.files import sha256
from pdc.inference.experts.base import ExpertManifest

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

STARDIST_FILE, CELLPOSE_FILE = "model.zip", "model"
NO_LIBRARY = "Experts of {library} need it; `pip install {library}` installs it."
BROKEN = "{path} cannot be used: {why}"
CHANGED = "{path} is missing, or not the file that was added; add it again."
ONE_LABEL = "A model of {library} finds one kind of object, and {n} labels were named; name one with --label."
FINE = 0.5  # pixels by which an outline may be simplified

Segment = Callable[[np.ndarray], tuple[np.ndarray, Sequence[float]]]
"""an RGB image [h, w, 3] of bytes to its objects, numbered from 1 in an array [h, w], and the score of each in that order"""


class SegmentingExpert:
    """Boxes and outlines of what a library numbered in the image."""

    def __init__(self, manifest: ExpertManifest, segment: Segment) -> None:
        self.manifest, self._segment = manifest, segment

    def find(self, images: Sequence[PilImage], labels: Sequence[str]) -> list[tuple[Mark, ...]]:
        if self.manifest.labels[0] not in labels:
            return [() for _ in images]
        return [self._marks(np.asarray(image.convert("RGB"))) for image in images]

    def _marks(self, image: np.ndarray) -> tuple[Mark, ...]:
        try:
            numbered, scores = self._segment(image)
        except Exception as error:  # of whatever kind, it is a model that fails on an image
            raise BadModel(f"It fails on an image: {first_sentence(error)}") from error
        found = [(float(score), *shape) for score, shape in zip(scores, shapes_of(numbered, len(scores)), strict=True) if shape]
        kept = sorted((row for row in found if row[0] >= self.manifest.least), key=lambda row: -row[0])
        label, name = self.manifest.labels[0], self.manifest.name
        return tuple(
            Mark(f"e{i}", box, label, score=round(min(max(score, 0.0), 1.0), 4), outline=outline, expert=name)
            for i, (score, box, outline) in enumerate(kept, start=1)
        )


def shapes_of(numbered: np.ndarray, n: int) -> list[tuple[Box, Outline] | None]:
    """Box and outline in pixels of each of the n objects of an array [h, w]; None for a number that no pixel has."""
    return [_shape_of(np.asarray(numbered == number, np.uint8)) for number in range(1, n + 1)]


def _shape_of(mask: np.ndarray) -> tuple[Box, Outline] | None:
    x, y, w, h = cv2.boundingRect(mask)
    if w == 0 or h == 0:
        return None
    rings, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    fine = [cv2.approxPolyDP(ring, FINE, True)[:, 0] for ring in rings]
    outline = tuple(tuple((float(px), float(py)) for px, py in ring) for ring in fine if len(ring) >= 3)
    return Box(float(x), float(y), float(x + w), float(y + h)), outline


def load_stardist(folder: Path, manifest: ExpertManifest) -> SegmentingExpert:
    """The stardist model in `folder`, after it has answered a grey image. BadModel with a sentence when it cannot be used."""
    path = _checked(folder / STARDIST_FILE, manifest, "stardist")
    return _tried(SegmentingExpert(manifest, _stardist(path)))


def load_cellpose(folder: Path, manifest: ExpertManifest) -> SegmentingExpert:
    """The cellpose model in `folder`, as `load_stardist`."""
    path = _checked(folder / CELLPOSE_FILE, manifest, "cellpose")
    return _tried(SegmentingExpert(manifest, _cellpose(path)))


def _checked(path: Path, manifest: ExpertManifest, library: str) -> Path:
    if len(manifest.classes) != 1:
        raise BadModel(ONE_LABEL, library=library, n=len(manifest.classes))
    if not path.is_file() or sha256(path) != manifest.weights:
        raise BadModel(CHANGED, path=path)
    return path


def _tried(expert: SegmentingExpert) -> SegmentingExpert:
    from PIL import Image

    expert.find([Image.new("RGB", (96, 64), (114, 114, 114))], expert.manifest.labels)
    return expert


def _stardist(path: Path) -> Segment:
    try:
        from csbdeep.utils import normalize  # pyright: ignore[reportMissingImports]
        from stardist.models import StarDist2D  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise BadModel(NO_LIBRARY, library="stardist") from None
    model = _opened(path, lambda room: _star_model(StarDist2D, path, room))

    def segment(image: np.ndarray) -> tuple[np.ndarray, Sequence[float]]:
        shown = image if model.config.n_channel_in == 3 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        numbered, details = model.predict_instances(
            normalize(shown.astype(np.float32), 1, 99.8, axis=(0, 1)), show_tile_progress=False
        )
        return numbered, details["prob"]

    return segment


def _star_model(star: Any, path: Path, room: Path) -> Any:
    """The model of the zip's folder that holds config.json; its weights are read before the room goes."""
    with zipfile.ZipFile(path) as packed:
        packed.extractall(room)  # members that lead out of the room are kept inside by zipfile
    place = next(config.parent for config in sorted(room.rglob("config.json")))
    return star(None, name=place.name, basedir=str(place.parent))


def _opened(path: Path, load: Callable[[Path], Any]) -> Any:
    try:
        with TemporaryDirectory(prefix="pdc-expert-") as room:
            return load(Path(room))
    except StopIteration:
        raise BadModel(BROKEN, path=path, why="no folder in it holds config.json.") from None
    except Exception as error:  # of whatever kind: the file is no model of the library
        raise BadModel(BROKEN, path=path, why=first_sentence(error)) from error


def _cellpose(path: Path) -> Segment:
    try:
        from cellpose.models import CellposeModel  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise BadModel(NO_LIBRARY, library="cellpose") from None
    model = _opened(path, lambda _: CellposeModel(gpu=False, pretrained_model=str(path)))

    def segment(image: np.ndarray) -> tuple[np.ndarray, Sequence[float]]:
        numbered, flows = model.eval(image)[:2]
        return numbered, chances(np.asarray(numbered), np.asarray(flows[2]))

    return segment


def chances(numbered: np.ndarray, logits: np.ndarray) -> list[float]:
    """Per object the mean chance of its pixels to be in a cell, from their logits [h, w]."""
    each = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    n = int(numbered.max(initial=0))
    sums = np.bincount(numbered.ravel(), each.ravel(), n + 1)[1:]
    pixels = np.bincount(numbered.ravel(), minlength=n + 1)[1:]
    return (sums / np.maximum(pixels, 1)).tolist()
