"""What an adapter folder says about itself (pdc.json), and whether that is true. No torch: weights are read as bytes.

PEFT loads flipped bytes, NaN, missing tensors and adapters of another base without complaint; `verify` does not.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pdc.domain.doubt import Thresholds
from pdc.domain.errors import BadModel
from pdc.files import read_json, sha256
from pdc.inference.fingerprints import fingerprint

MANIFEST = "pdc.json"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
OTHER_BASE = "The adapter {name} was trained on {theirs}, not on {base}; `python -m finetune retrain` trains it anew."
OTHER_VERSION = "The adapter {name} was trained on another version of {base}; `python -m finetune retrain` trains it anew."
_KEY = re.compile(re.escape(PREFIX) + r"(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, slots=True)
class AdapterManifest:
    """pdc.json of an adapter."""

    name: str
    base: str
    """name of the base model"""
    base_sha256: str | None
    """fingerprint of the base's files; None when they were not in a folder (a hub name)"""
    prompt_version: str
    """how questions and answers were written in training"""
    parent: str | None
    """adapter it went on from"""
    data: str
    """digest of the training folder: a sha256 over its rows"""
    files: Mapping[str, str]
    """sha256 of every other file in the folder"""
    created_at: str
    """UTC, ISO 8601"""
    lists: str | None = None
    """the task by which it answers all five; None: it was taught each by itself"""
    counts_by: str | None = None
    """the task by whose marks it answers a count alone, where it was taught each by itself; None: it states a number"""
    labels: Sequence[str] = ()
    """what it was taught, beyond what its base was"""
    serves: Sequence[str] = ()
    """labels that it or a parent was corrected on: about anything else its base answers; empty: it answers everything"""
    thresholds: Thresholds = field(default_factory=dict)
    """score per label below which its marks are doubtful; a label without one has none"""
    max_pixels: int | None = None
    """most pixels of an image that it saw at once in training, and sees when it serves; None: not noted"""
    answer_width: int | None = None
    """widest image, in pixels, in whose pixels it states coordinates; None: it states them in those that it sees"""
    windows: Mapping[str, float] = field(default_factory=dict)
    """per label the side, in image pixels, of the square windows in which it was learnt, and is asked for; a label without one
    was learnt in looks at the whole image"""
    in_process_only: bool = False
    """it has LoRA on vision blocks, which servers drop in silence"""
    trained_on: Mapping[str, str] = field(default_factory=dict)
    """sha256 of every image it or a parent was trained on, with its likeness: none of them can measure it"""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """anything else worth telling, such as numbers"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, folder: Path) -> AdapterManifest:
        """The manifest in `folder`, or BadModel."""
        if not folder.is_dir():
            raise BadModel(f"There is no adapter folder {folder}; promote another adapter, or train a new one.")
        value = read_json(folder / MANIFEST)
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{k: v for k, v in (value or {}).items() if k in known})
        except TypeError:
            raise _bad(folder, "its pdc.json is missing or damaged") from None


def labels_served(folder: str | Path) -> frozenset[str]:
    """The labels that the adapter in `folder` was corrected on; empty where it does not say, and answers everything."""
    return frozenset(_said(folder).get("serves", ()))


def name_of(folder: str | Path) -> str | None:
    """The name that the adapter in `folder` gives itself; None where no pdc.json can be read."""
    return _said(folder).get("name")


def is_made_for(folder: str | Path, base: str, base_folder: str | Path | None) -> bool:
    """Whether the adapter in `folder` says that it was trained on this very base; its weights are not looked at."""
    said = _said(folder)
    return said.get("base", base) == base and _same_weights(said.get("base_sha256"), base_folder)


def _same_weights(base_sha256: str | None, base_folder: str | Path | None) -> bool:
    return base_sha256 is None or base_folder is None or base_sha256 == fingerprint(base_folder)


def has_vision(folder: str | Path) -> bool:
    """Whether the adapter in `folder` has LoRA on vision blocks, by its pdc.json or its weights: servers drop that in silence."""
    weights = Path(folder) / WEIGHTS
    said = (read_json(Path(folder) / MANIFEST) or {}).get("in_process_only", False)
    return bool(said) or (weights.is_file() and any("visual." in key for key in _header(weights)))


def lora_layers(folder: str | Path) -> int:
    """How many LoRA layers the adapter in `folder` has; 0 where its weights are not there."""
    weights = Path(folder) / WEIGHTS
    return len({match["module"] for key in _header(weights) if (match := _KEY.fullmatch(key))}) if weights.is_file() else 0


def _said(folder: str | Path) -> Mapping[str, Any]:
    """pdc.json; empty where there is none."""
    path = Path(folder) / MANIFEST
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int) -> Mapping[str, Any]:
    return read_json(path) or {}


def thresholds_of(folder: str | Path) -> Thresholds:
    """The score per label below which a mark of the model or adapter in `folder` is doubtful; none where it does not say."""
    path = Path(folder) / MANIFEST
    found = (read_json(path) or {}).get("thresholds") or {}
    if not all(type(t) in (int, float) and 0 <= t <= 1 for t in found.values()):
        raise BadModel(f"{path} has a threshold that is no number from 0 to 1; correct it.")
    return found


def windows_of(folder: str | Path) -> Mapping[str, float]:
    """Per label the side, in image pixels, of the windows in which the adapter in `folder` learnt it; none where it does not
    say. BadModel for a side that is no length."""
    path = Path(folder) / MANIFEST
    found = (read_json(path) or {}).get("windows") or {}
    if not all(type(side) in (int, float) and 0 < side < math.inf for side in found.values()):
        raise BadModel(f"{path} has a window whose side is no number of pixels above 0; correct it.")
    return found


def verify(folder: Path, base: str, base_folder: str | Path | None = None) -> AdapterManifest:
    """The manifest of an adapter that may serve on `base`; BadModel when it is missing, damaged or foreign.

    Checked: pdc.json, the base's name and (with `base_folder`) fingerprint, every file's sha256, that the weights are
    pairs A [rank, in], B [out, rank] on all the modules that the config names and the base has, that they are finite, and that
    no B is all zero.
    """
    manifest = AdapterManifest.read(folder)
    if manifest.base != base:
        raise BadModel(OTHER_BASE, name=manifest.name, theirs=manifest.base, base=base)
    if not _same_weights(manifest.base_sha256, base_folder):
        raise BadModel(OTHER_VERSION, name=manifest.name, base=base)
    _check_files(folder, manifest)
    shapes = _check_weights(folder)
    if base_folder is not None and Path(base_folder).is_dir():
        _check_fit(folder, shapes, Path(base_folder))
    return manifest


def _check_files(folder: Path, manifest: AdapterManifest) -> None:
    for name in (CONFIG, WEIGHTS):
        if name not in manifest.files:
            raise _bad(folder, f"its pdc.json does not name {name}")
    for name, digest in manifest.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise _bad(folder, f"{name} is missing")
        if sha256(path) != digest:
            raise _bad(folder, f"{name} was changed or damaged after training")


def _check_weights(folder: Path) -> dict[str, tuple[int, int]]:
    """(out, in) of every adapted module."""
    config = read_json(folder / CONFIG) or {}
    rank, targets = config.get("r"), config.get("target_modules")
    sides: dict[str, dict[str, tuple[int, ...]]] = {}
    zero = 0
    for key, shape, finite, empty in _tensors(folder):
        match = _KEY.fullmatch(key)
        if not match or not _is_target(match["module"], targets):
            raise _bad(folder, f"the weight {key} does not belong to it")
        if not finite:
            raise _bad(folder, f"the weight {key} holds numbers that are not finite")
        sides.setdefault(match["module"], {})[match["side"]] = shape
        zero += empty and match["side"] == "B"
    if not sides:
        raise _bad(folder, "it holds no weights")
    found = {module: _out_in(folder, module, pair, rank) for module, pair in sides.items()}
    if zero:
        raise _bad(folder, f"{len(found) - zero} of {len(found)} LoRA layers hold weights, the others are all zero")
    return found


def _out_in(folder: Path, module: str, pair: Mapping[str, tuple[int, ...]], rank: object) -> tuple[int, int]:
    a, b = pair.get("A", ()), pair.get("B", ())
    if len(a) != 2 or len(b) != 2 or a[0] != rank or b[1] != rank:
        raise _bad(folder, f"the weights of {module} are missing or have the wrong shape")
    return b[0], a[1]


def _is_target(module: str, targets: object) -> bool:
    if isinstance(targets, str):
        return re.fullmatch(targets, module) is not None
    return isinstance(targets, list) and any(module == t or module.endswith(f".{t}") for t in targets)


def _check_fit(folder: Path, shapes: Mapping[str, tuple[int, int]], base: Path) -> None:
    headers = [_header(path) for path in base.glob("*.safetensors")]
    theirs = {_plain(k.removesuffix(".weight")): v for header in headers for k, v in header.items()}
    for module, shape in shapes.items():
        if theirs.get(_plain(module)) != shape:
            raise _bad(folder, f"the base has no {module} of shape {shape[0]} x {shape[1]}")
    targets = (read_json(folder / CONFIG) or {}).get("target_modules")
    wanted = {name for name, shape in theirs.items() if len(shape) == 2 and _is_target(_in_memory(name), targets)}
    if missing := wanted - set(map(_plain, shapes)):
        held = f"{len(wanted) - len(missing)} of {len(wanted)} LoRA layers hold weights"
        raise _bad(folder, f"{held}; those of {_in_memory(min(missing))} are missing")


def todays_name(name: str) -> str:
    """What a module, or a weight of one, is called in a loaded model, whichever version of transformers wrote the name."""
    return _in_memory(_plain(name))


def _plain(name: str) -> str:
    """One spelling for a module, whichever the version of transformers that wrote the file."""
    return name.removeprefix("model.").removeprefix("language_model.").removeprefix("model.")


def _in_memory(plain: str) -> str:
    """What a module of that plain name is called in a loaded model, where targets are looked for."""
    if plain.split(".")[0] == "lm_head":
        return plain
    return f"model.{plain}" if plain.startswith("visual.") else f"model.language_model.{plain}"


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    with path.open("rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {k: tuple(v["shape"]) for k, v in header.items() if k != "__metadata__"}


def _tensors(folder: Path) -> list[tuple[str, tuple[int, ...], bool, bool]]:
    """(key, shape, whether all numbers are finite, whether all are zero) of every tensor in the weights file."""
    from safetensors import SafetensorError, deserialize

    try:
        tensors = deserialize((folder / WEIGHTS).read_bytes())
    except (SafetensorError, OSError) as error:
        raise _bad(folder, f"{WEIGHTS} cannot be read") from error
    read = ((key, tuple(t["shape"]), t["dtype"], bytes(t["data"])) for key, t in tensors)
    return [(key, shape, _finite(dtype, data), _zero(dtype, data)) for key, shape, dtype, data in read]


def _finite(dtype: str, data: bytes) -> bool:
    kind = _FLOATS.get(dtype)
    if kind is None:
        return False
    values = np.frombuffer(data, kind)
    if dtype == "BF16":  # an exponent of all ones is infinity or not a number
        return not bool(((values & 0x7F80) == 0x7F80).any())
    return bool(np.isfinite(values).all())


def _zero(dtype: str, data: bytes) -> bool:
    kind = _FLOATS.get(dtype)
    if kind is None:
        return False
    values = np.frombuffer(data, kind)
    return not bool((values & 0x7FFF if dtype == "BF16" else values).any())  # minus zero is zero


def _bad(folder: Path, why: str) -> BadModel:
    return BadModel(f"The adapter {folder.name} cannot be used: {why}. Train it again, or promote another one.")
