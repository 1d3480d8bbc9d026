"""Named test sets: annotated images from elsewhere that adapters are measured on, kept beside the registry.

<home>/sets/<name>/
    rows.jsonl      a question and its answer a line, written like held_out.jsonl
    images/         the images, one <sha256>.png each
    set.json        the TestSet; written last, so a folder without it holds no set
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pdc.domain.errors import BadSetting, NotFound
from pdc.files import read_json, sha256, write_json
from pdc.images.near_duplicates import ImageHash

FOLDER = "sets"
MANIFEST, ROWS = "set.json", "rows.jsonl"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MARGIN = 0.05  # of the score: what an adapter may lose on a set
MOST_QUESTIONS, MOST_SECONDS = 60, 300.0  # that measuring on a set takes, unless somebody asks for more


@dataclass(frozen=True, slots=True)
class TestSet:
    """What set.json says. `digest` is the sha256 of rows.jsonl, which names each image by its sha256; `labels` says how many
    objects there are of each; `likeness` tells near copies of an image. `locked`: it is looked at once a release. `left_out`
    is what the import said of what it could not take. `margin` is the share of the score that an adapter may lose on it."""

    __test__ = False  # not one of pytest's, whatever its name
    name: str
    digest: str
    images: int
    labels: Mapping[str, int]
    likeness: Mapping[str, str]
    added_by: str
    added_at: str
    source: str = ""
    notes: str = ""
    left_out: str = ""
    locked: bool = False
    margin: float = MARGIN
    retired: str = ""
    """who retired it, when and why; empty while it is in use"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def hashes(self) -> dict[str, ImageHash]:
        """What tells near copies of its images, by sha256."""
        return {name: ImageHash.parse(text) for name, text in self.likeness.items()}


@dataclass(frozen=True, slots=True)
class TestSets:
    """The sets under PDC_HOME."""

    __test__ = False
    home: Path

    def folder(self, name: str) -> Path:
        """Where the set of this name is, or would be; BadSetting when it cannot be a name."""
        if not NAME.fullmatch(name):
            raise BadSetting("A set's name has 1 to 64 letters, digits and . - _ in it; this is {name}.", name=repr(name))
        return self.home / FOLDER / name

    def all(self) -> list[TestSet]:
        """Those in use, by name."""
        return [one for one in self.every() if not one.retired]

    def every(self) -> list[TestSet]:
        """Retired ones too, by name."""
        return [self._read(path.parent) for path in sorted((self.home / FOLDER).glob(f"*/{MANIFEST}"))]

    def has(self, name: str) -> bool:
        """Whether there is, or was, a set of this name."""
        return (self.folder(name) / MANIFEST).exists()

    def get(self, name: str) -> TestSet:
        """NotFound when there is none in use, BadSetting when its files were changed."""
        found = next((one for one in self.all() if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.all()) or "none yet"
            raise NotFound("There is no test set {name} in use (there are: {known}).", name=repr(name), known=known)
        if sha256(self.folder(name) / ROWS) != found.digest:
            raise BadSetting("The test set {name} was changed since it was added; add it again under a new name.", name=name)
        return found

    def keep(self, one: TestSet) -> None:
        """Write its set.json; the rows and images must be there."""
        write_json(self.folder(one.name) / MANIFEST, one.to_json())

    def retire(self, name: str, by: str, why: str) -> TestSet:
        """Measure on it no more; nothing is deleted, and no other set can take its name."""
        at = datetime.now(UTC).date().isoformat()
        retired = replace(self.get(name), retired=f"{by}, {at}: {why}")
        self.keep(retired)
        return retired

    def _read(self, folder: Path) -> TestSet:
        try:
            return TestSet(**(read_json(folder / MANIFEST) or {}))
        except TypeError:
            raise BadSetting("{path} is damaged; restore it from a backup.", path=folder / MANIFEST) from None
