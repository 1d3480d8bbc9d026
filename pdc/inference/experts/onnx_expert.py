"""An expert that is any detector in an ONNX file, run by onnxruntime on the CPU: one look at the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from pdc.domain.errors import BadModel, first_sentence
from pdc.domain.geometry import Size, clip
from pdc.domain.values import Box, Mark
from pdc.files import sha256
from pdc.inference.experts.base import ExpertManifest
from pdc.inference.experts.onnx_layouts import LAYOUTS, Found, read

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # pyright: ignore[reportMissingImports]
    from PIL.Image import Image as PilImage

WEIGHTS = "model.onnx"
PAD = 114  # grey of a letterbox, as ultralytics pads
MEAN, SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)  # ImageNet's
LETTERBOX, STRETCH = "letterbox", "stretch"
DEFAULT_SIDE = 640
NO_RUNTIME = "Experts of ONNX files need onnxruntime; `pip install 'pdc-app[onnx]'` installs it."
CHANGED = "{path} is not the file that was added; add it again."
BROKEN = "{path} cannot be used: {why}"


class Look(NamedTuple):
    """How an image is shown: `side`s (width, height) of the input, how it is fitted, and whether colours are normalised as
    ImageNet's; `last`: the colours are the last axis."""

    wh: Size
    resize: str
    normalise: bool
    last: bool
    dtype: str


class Fitted(NamedTuple):
    """An image in an input: the array [1, 3, h, w] or [1, h, w, 3], and what turns boxes of it back into the image's."""

    array: np.ndarray
    grown: tuple[float, float]
    moved: tuple[float, float]

    def back(self, boxes: np.ndarray) -> np.ndarray:
        return (boxes - np.array([*self.moved, *self.moved])) / np.array([*self.grown, *self.grown])


class OnnxExpert:
    """A detector that knows how its images are shown to it, and how it writes its boxes."""

    def __init__(self, manifest: ExpertManifest, session: InferenceSession) -> None:
        self.manifest, self._session = manifest, session
        self._input, self._names = session.get_inputs()[0], [o.name for o in session.get_outputs()]
        self.look = look_of(self._input, manifest.options)

    def find(self, images: Sequence[PilImage], labels: Sequence[str]) -> list[tuple[Mark, ...]]:
        return [self._marks(np.asarray(image.convert("RGB")), labels) for image in images]

    def _marks(self, image: np.ndarray, labels: Sequence[str]) -> tuple[Mark, ...]:
        fitted = fit(image, self.look)
        found = self.answer(fitted.array)
        wh = image.shape[1], image.shape[0]
        named = [self.manifest.classes[c] for c in found.classes]
        rows = zip(fitted.back(found.boxes), named, found.scores, strict=True)
        kept = [(clip(Box(*map(float, ordered(b))), wh), n, s) for b, n, s in rows if n in labels and n in self.manifest.labels]
        whole = [(box, label, score) for box, label, score in kept if box.area > 0]
        return tuple(
            Mark(f"e{i}", box, label, score=round(float(score), 4), expert=self.manifest.name)
            for i, (box, label, score) in enumerate(whole, start=1)
        )

    def answer(self, array: np.ndarray) -> Found:
        """What it finds in an input, in pixels of the input. BadModel when it fails, or its outputs are of another layout."""
        try:
            outputs = self._session.run(self._names, {self._input.name: array})
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise BadModel(f"It fails on an image: {first_sentence(error)}") from error
        named: dict[str, np.ndarray] = dict(zip(self._names, map(np.asarray, outputs), strict=True))
        layout, classes = self.manifest.options["output"], len(self.manifest.classes)
        return read(layout, named, classes, self.look.wh, self.manifest.least)


def ordered(box: np.ndarray) -> np.ndarray:
    """The corners, top left first."""
    return np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])


def look_of(given: Any, options: Mapping[str, Any]) -> Look:
    """How images are shown to a model with this input. BadModel when it takes no images."""
    shape = list(given.shape)
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise BadModel(f"its input {given.name} has the shape {shape}; it needs [1, 3, height, width] or [1, height, width, 3]")
    last = shape[1] != 3
    h, w = shape[1:3] if last else shape[2:4]
    side = int(options.get("size") or DEFAULT_SIDE)
    wh = (w if isinstance(w, int) else side, h if isinstance(h, int) else side)
    return Look(wh, options.get("resize", LETTERBOX), bool(options.get("normalise")), last, given.type)


def fit(image: np.ndarray, look: Look) -> Fitted:
    """The image [h, w, 3] as the model is shown it: fitted with grey bars around it, or stretched."""
    h, w = image.shape[:2]
    grown = look.wh[0] / w, look.wh[1] / h
    if look.resize == LETTERBOX:
        grown = (min(grown), min(grown))
    new = max(1, round(w * grown[0])), max(1, round(h * grown[1]))
    resized = cv2.resize(image, new, interpolation=cv2.INTER_AREA if min(grown) < 1 else cv2.INTER_LINEAR)
    left, top = (look.wh[0] - new[0]) // 2, (look.wh[1] - new[1]) // 2
    whole = np.full((look.wh[1], look.wh[0], 3), PAD, np.uint8)
    whole[top : top + new[1], left : left + new[0]] = resized
    return Fitted(_array(whole, look), (new[0] / w, new[1] / h), (left, top))


def _array(pixels: np.ndarray, look: Look) -> np.ndarray:
    values = pixels if "uint8" in look.dtype else _values(pixels, look)
    return np.ascontiguousarray(values if look.last else values.transpose(2, 0, 1))[None]


def _values(pixels: np.ndarray, look: Look) -> np.ndarray:
    values = pixels.astype(np.float32) / 255
    values = (values - MEAN) / SPREAD if look.normalise else values
    return values.astype(np.float16) if "float16" in look.dtype else values


def names_in(path: Path) -> list[str]:
    """The class names that ultralytics writes into the file; empty where there are none."""
    import ast

    said = _session(path).get_modelmeta().custom_metadata_map.get("names", "{}")
    try:
        names = ast.literal_eval(said)
    except (ValueError, SyntaxError):
        return []
    return [str(names[i]) for i in sorted(names)] if isinstance(names, dict) else []


def load_onnx(folder: Path, manifest: ExpertManifest) -> OnnxExpert:
    """The expert in `folder`, after it has answered a grey image. BadModel with a sentence when its file is missing, changed,
    no ONNX file, or answers otherwise than its manifest says."""
    path = folder / WEIGHTS
    if manifest.options.get("output") not in LAYOUTS:
        raise BadModel(f"It has no output layout that this PDC knows; use one of {', '.join(LAYOUTS)}.")
    if not path.is_file():
        raise BadModel(f"There is no file {path}; add it again.")
    if sha256(path) != manifest.weights:
        raise BadModel(CHANGED, path=path)
    try:
        expert = OnnxExpert(manifest, _session(path))
        expert.answer(fit(np.full((64, 96, 3), PAD, np.uint8), expert.look).array)
    except BadModel as error:
        raise BadModel(BROKEN, path=path, why=error) from error
    return expert


def _session(path: Path) -> InferenceSession:
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise BadModel(NO_RUNTIME) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone: warnings of its graph are of no use to a reader
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise BadModel(BROKEN, path=path, why=first_sentence(error)) from error
