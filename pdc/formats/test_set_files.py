"""Annotation files become a named test set: read as an import reads them, but into a folder of its own instead of the store."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress, unseen
from pdc.files import sha256, write_json
from pdc.formats.contents import told_left_out
from pdc.formats.import_report import Imported
from pdc.formats.importing import import_file
from pdc.images.intake import ImageFiles
from pdc.images.near_duplicates import ImageHash, hash_image, near_duplicate_pairs
from pdc.store import Store
from pdc.training.dataset_export import export_all
from pdc.training.test_sets import FOLDER, MANIFEST, MARGIN, ROWS, TestSet, TestSets

Hashes = Mapping[str, ImageHash]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a set is to be made. `labels`: only these of the file, all if none. `apart`: images that training is shown, and near
    copies of them, are left out. The rest is as in `import_file` and `TestSet`."""

    name: str
    path: Path
    labels: Sequence[str] = ()
    format: str | None = None
    complete: bool = False
    locked: bool = False
    apart: bool = False
    notes: str = ""
    margin: float = MARGIN
    max_megapixels: float = 50


@dataclass(frozen=True, slots=True)
class Added:
    """The set, what its import said, and the images that training is `shown`, or near copies of such: `apart`, those are not
    in the set."""

    kept: TestSet
    imported: Imported
    shown: tuple[str, ...]
    apart: bool


def add_test_set(sets: TestSets, wanted: Wanted, learnt: Hashes, by: str, progress: Progress = unseen) -> Added:
    """Keep the images and marks of annotation files as a set. `learnt` are the images that training is shown.

    BadSetting when the name is taken, nothing can be taken over, or every image would be left out.
    """
    if sets.has(wanted.name):
        raise BadSetting("There is, or was, a test set {name}; choose another name.", name=repr(wanted.name))
    with _workshop(sets) as folder:
        store, images = Store.open(f"sqlite:///{folder / 'set.sqlite3'}"), ImageFiles(folder / "images")
        try:
            imported = _imported(store, images, wanted, by, progress)
            likeness = {i.sha256: hash_image(images.path(i.sha256)) for i in store.images()}
            shown = shown_in(likeness, learnt)
            left = likeness.keys() - (shown if wanted.apart else ())
            if not left:
                raise BadSetting("Training is shown every image of {path}, so none is left to measure on.", path=wanted.path)
            rows = export_all(store, images, folder / "set", ROWS, lambda image: image.sha256 in left)
        finally:
            store.close()
        kept = _described(folder / "set", wanted, imported, rows, {name: str(likeness[name]) for name in sorted(left)}, by)
        write_json(folder / "set" / MANIFEST, kept.to_json())
        shutil.move(folder / "set", sets.folder(wanted.name))
    return Added(kept, imported, shown, wanted.apart)


def shown_in(likeness: Hashes, learnt: Hashes) -> tuple[str, ...]:
    """Which images, by sha256, are among those that were learnt from, or near copies of one."""
    return tuple(sorted({name for _, name in near_duplicate_pairs(learnt, likeness)}))


@contextmanager
def _workshop(sets: TestSets) -> Iterator[Path]:
    """A folder on the disk of the sets that is gone afterwards."""
    home = sets.home / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".adding-", dir=home) as folder:
        yield Path(folder).resolve()


def _imported(store: Store, images: ImageFiles, wanted: Wanted, by: str, progress: Progress) -> Imported:
    return import_file(
        store,
        images,
        wanted.path,
        by,
        format=wanted.format,
        labels=wanted.labels or None,
        complete=wanted.complete,
        max_megapixels=wanted.max_megapixels,
        progress=progress,
    )


def _described(
    folder: Path, wanted: Wanted, imported: Imported, rows: Sequence[Mapping[str, Any]], likeness: Mapping[str, str], by: str
) -> TestSet:
    objects: Counter[str] = Counter()
    for row in rows:
        objects.update(row["counts"])
    return TestSet(
        name=wanted.name,
        digest=sha256(folder / ROWS),
        images=len({row["image"] for row in rows}),
        labels=dict(objects),
        likeness=likeness,
        added_by=by,
        added_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source=wanted.path.name,
        notes=wanted.notes,
        left_out=told_left_out(imported.left_out),
        locked=wanted.locked,
        margin=wanted.margin,
    )
