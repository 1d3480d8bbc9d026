"""The experts that stand beside a model: read from its folder, loaded when first asked. One that is damaged is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock

from pdc.domain.errors import BadModel
from pdc.domain.message import Message, joined
from pdc.inference.experts.base import MANIFEST, Expert, ExpertManifest
from pdc.inference.experts.own import FOLDER, is_on, own_folders

log = logging.getLogger(__name__)

LEFT_OUT = "The expert {name} cannot be used, so the model answers for it: {why}"


def _efficientnet(folder: Path, manifest: ExpertManifest) -> Expert:
    from pdc.inference.experts.dense_expert import load_dense

    return load_dense(folder, manifest)


def _onnx(folder: Path, manifest: ExpertManifest) -> Expert:
    from pdc.inference.experts.onnx_expert import load_onnx

    return load_onnx(folder, manifest)


def _ultralytics(folder: Path, manifest: ExpertManifest) -> Expert:
    from pdc.inference.experts.ultralytics_expert import load_ultralytics

    return load_ultralytics(folder, manifest)


def _stardist(folder: Path, manifest: ExpertManifest) -> Expert:
    from pdc.inference.experts.segmenting_expert import load_stardist

    return load_stardist(folder, manifest)


def _cellpose(folder: Path, manifest: ExpertManifest) -> Expert:
    from pdc.inference.experts.segmenting_expert import load_cellpose

    return load_cellpose(folder, manifest)


KINDS: Mapping[str, Callable[[Path, ExpertManifest], Expert]] = {
    "efficientnet-lite0": _efficientnet,
    "onnx": _onnx,
    "ultralytics": _ultralytics,
    "stardist": _stardist,
    "cellpose": _cellpose,
}


def load_expert(folder: Path) -> Expert:
    """The expert in `folder`. Raises BadModel with a sentence when it is damaged or of a kind that nobody here knows."""
    manifest = ExpertManifest.read(folder)
    if manifest.kind not in KINDS:
        raise BadModel(f"{folder / MANIFEST} names the kind {manifest.kind!r}; this PDC knows {', '.join(KINDS)}.")
    return KINDS[manifest.kind](folder, manifest)


class Experts:
    """The experts in a model's folder, and before them those that somebody added under `home` (PDC_HOME) and that `stand`; of two
    for one label the first by name answers. From any thread."""

    def __init__(self, model: str = "", home: Path | None = None, stands: Callable[[Path], bool] = is_on) -> None:
        self._lock = Lock()
        self._loaded: dict[Path, Expert] = {}
        self._left_out: dict[str, str] = {}
        self._manifests: dict[Path, ExpertManifest] = {}
        self._own = frozenset(own_folders(home)) if home else frozenset()
        self._stands = stands
        shipped = [path.parent for path in sorted(Path(model, FOLDER).glob(f"*/{MANIFEST}"))] if model else []
        for folder in [*sorted(self._own), *shipped]:
            self._try(folder, lambda folder: self._manifests.update({folder: ExpertManifest.read(folder)}))

    @property
    def manifests(self) -> tuple[ExpertManifest, ...]:
        """Of those that answer now."""
        return tuple(self._manifests[folder] for folder in self._answering())

    def _answering(self) -> list[Path]:
        return [folder for folder in self._manifests if folder not in self._own or self._stands(folder)]

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(label for m in self.manifests for label in m.labels)

    def trouble(self) -> Message | None:
        """A sentence about each expert that cannot be used; None where there is none."""
        return joined([Message(LEFT_OUT, name=name, why=why) for name, why in self._left_out.items()]) if self._left_out else None

    def load(self) -> None:
        """Load all that are not loaded."""
        with self._lock:
            for folder in [f for f in self._answering() if f not in self._loaded]:
                if not self._try(folder, lambda f: self._loaded.update({f: load_expert(f)})):
                    del self._manifests[folder]

    def about(self, labels: Iterable[str]) -> dict[str, ExpertManifest]:
        """Label -> the expert that stands for it, of those that have one."""
        found = {label: next((m for m in self.manifests if label in m.labels), None) for label in labels}
        return {label: manifest for label, manifest in found.items() if manifest}

    def expert(self, manifest: ExpertManifest) -> Expert | None:
        """The expert itself, loaded; None where it turns out to be damaged."""
        self.load()
        return next((e for e in self._loaded.values() if e.manifest == manifest), None)

    def _try(self, folder: Path, run: Callable[[Path], object]) -> bool:
        try:
            run(folder)
            return True
        except BadModel as error:
            log.error("%s", error)
            self._left_out[folder.name] = str(error)
            return False


NOBODY = Experts()
