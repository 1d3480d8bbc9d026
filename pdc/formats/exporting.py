"""Reviews out of the store, in any of the annotation formats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pdc import files
from pdc.domain.errors import BadSetting
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Review
from pdc.formats import medmultipoints
from pdc.formats.records import Case, best, picture_of
from pdc.formats.registry import FORMATS, texts_of
from pdc.images.intake import ImageFiles
from pdc.store import Store


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote. `left_out` are answers about a label of an image, for which another one was written."""

    folder: Path
    format: str
    images: int
    reviews: int
    left_out: int = 0


def export(store: Store, images: ImageFiles, folder: Path, format: str, progress: Progress = unseen) -> Exported:
    """Write what the current reviews say, and the images they are about, into `folder`.

    Rejected and skipped reviews are left out. Images are copied to images/<sha256>.png, or go into the file where the
    format holds them. BadSetting when the format is unknown or there is nothing to export, StoreUnavailable when the disk
    refuses.
    """
    if format not in FORMATS:
        raise BadSetting(f"There is no export format {format!r}; use one of {', '.join(FORMATS)}.")
    cases = _cases(store)
    if not cases:
        raise BadSetting("There are no accepted or corrected reviews to export; review some images first.")
    folder = Path(folder)
    if format == "medmultipoints":
        files.write(folder / medmultipoints.PARQUET, _parquet(cases, images, progress))
    else:
        for case in follow("Exporting images", cases, progress):
            files.copy(images.path(case.image.sha256), folder / "images" / f"{case.image.sha256}.png")
        for name, text in texts_of(cases, format).items():
            files.write(folder / name, text.encode())
    return _exported(folder, format, cases)


def _exported(folder: Path, format: str, cases: Sequence[Case]) -> Exported:
    """csv tells every review; the others tell the best answer per label."""
    if format == "csv":
        return Exported(folder, format, len(cases), sum(len(c.reviews) for c in cases))
    told = [best(c) for c in cases]
    asked = sum(len(r.question.labels) for c in cases for r in c.reviews)
    reviews = sum(len({r.id for r in per_label.values()}) for per_label in told)
    return Exported(folder, format, len(cases), reviews, asked - sum(map(len, told)))


def _parquet(cases: Sequence[Case], images: ImageFiles, progress: Progress) -> bytes:
    taken = follow("Exporting images", cases, progress)
    data = {f"images/{c.image.sha256}.png": images.path(c.image.sha256).read_bytes() for c in taken}
    return medmultipoints.to_parquet([picture_of(c) for c in cases], data)


def _cases(store: Store) -> list[Case]:
    per_image: dict[str, list[Review]] = defaultdict(list)
    for review in store.usable_reviews():
        per_image[review.image_sha256].append(review)
    return [Case(i, tuple(per_image[i.sha256])) for i in store.images() if i.sha256 in per_image]
