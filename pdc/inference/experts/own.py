"""Experts that somebody added: their folders under PDC_HOME, and which of them answer.

<home>/experts/<name>/
    expert.json     the manifest
    model.onnx      or another file of weights, by the expert's kind
    state.json      whether it answers, why, and what was measured; an expert without it does not answer
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import check_label
from pdc.files import copy, read_json, sha256, write_json
from pdc.inference.experts.base import MANIFEST, ExpertManifest

FOLDER, STATE = "experts", "state.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NOBODYS = "-"  # a class that nobody is to be asked about
NOT_MEASURED = "It was not measured yet, so it does not answer."


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an own expert answers: by whose word, since when and why; `measured` are the numbers behind it."""

    on: bool
    why: str
    by: str = ""
    at: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)


def standing(folder: Path) -> Standing:
    """What the expert's state.json says; off where it says nothing."""
    try:
        return Standing(**(read_json(folder / STATE) or {"on": False, "why": NOT_MEASURED}))
    except TypeError:
        return Standing(False, f"{folder / STATE} is damaged, so it does not answer; measure it again.")


def is_on(folder: Path) -> bool:
    return standing(folder).on


def own_folders(home: Path) -> list[Path]:
    """Of every expert that was added and not taken out of use; by name."""
    return sorted(path.parent for path in (home / FOLDER).glob(f"[!.]*/{MANIFEST}"))


def own_folder(home: Path, name: str) -> Path:
    """NotFound when there is no such expert."""
    folders = own_folders(home)
    found = next((folder for folder in folders if folder.name == name), None)
    if found is None:
        known = ", ".join(folder.name for folder in folders) or "none yet"
        raise NotFound("There is no expert {name} of yours (there are: {known}).", name=repr(name), known=known)
    return found


def decide(folder: Path, on: bool, by: str, why: str, measured: Mapping[str, Any] | None = None) -> Standing:
    """Let the expert answer from the next question on, or no more; the numbers of before stay where none are given."""
    numbers = standing(folder).measured if measured is None else measured
    decided = Standing(on, why, by, datetime.now(UTC).isoformat(timespec="seconds"), numbers)
    write_json(folder / STATE, asdict(decided))
    return decided


@dataclass(frozen=True, slots=True)
class NewExpert:
    """A file to be added. `classes` are the labels of its outputs in their order, "-" for one that nobody is asked about."""

    file: Path
    kind: str
    name: str
    classes: Sequence[str]
    manifest: Mapping[str, Any]
    """what else its manifest says: mode, thresholds, pixels, options"""

    def described(self, weights: str) -> ExpertManifest:
        """Its manifest. BadSetting or BadQuestion when a name or label cannot be one."""
        if not NAME.fullmatch(self.name):
            raise BadSetting(
                "An expert's name has 1 to 64 letters, digits and . - _ in it; this is {name}.", name=repr(self.name)
            )
        labels = tuple(check_label(label) for label in self.classes if label != NOBODYS)
        if not labels or len(set(labels)) < len(labels):
            raise BadSetting("An expert needs one label or more, each named once: {labels}.", labels=", ".join(self.classes))
        classes = tuple(n if n != NOBODYS else f"- {i}" for i, n in enumerate(self.classes))
        return ExpertManifest(self.name, self.kind, labels, classes, weights=weights, **self.manifest)


def add_expert(new: NewExpert, home: Path, file_name: str, try_out: Callable[[Path, ExpertManifest], object]) -> Path:
    """Keep the file as an expert that does not answer yet; its folder. `try_out(folder, manifest)` raises BadModel when it
    cannot be used; then nothing is kept."""
    if not new.file.is_file():
        raise BadSetting("There is no file {path}; check the path.", path=new.file)
    place = home / FOLDER / new.name
    manifest = new.described(sha256(new.file))
    if place.exists():
        raise BadSetting("There is an expert {name} already; choose another name.", name=repr(new.name))
    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".adding-", dir=place.parent) as room:
        folder = Path(room) / new.name
        copy(new.file, folder / file_name)
        try_out(folder, manifest)
        write_json(folder / MANIFEST, manifest.to_json())
        write_json(folder / STATE, asdict(Standing(False, NOT_MEASURED)))
        shutil.move(folder, place)
    return place


def remove_expert(folder: Path) -> None:
    """Take it out of use. Its files stay beside the others, under a name that no expert can have."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder.rename(folder.with_name(f".removed-{moment}-{folder.name}"))
