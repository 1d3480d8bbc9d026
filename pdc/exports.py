"""Reviews out of the store and into it: COCO, YOLO, CSV, JSON lines; COCO back in; the folder that training reads."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import uuid4

from pdc import coco, files
from pdc.domain import Findings, Image, Mark, Origin, Question, Review, Status, Task, Verdict
from pdc.errors import BadImage, BadQuestion, BadSetting
from pdc.formats import BOXES_ONLY, FORMATS, Case, boxes_of
from pdc.images import Accepted, ImageFiles, accept
from pdc.store import Store
from pdc.training_data import Manifest, training_folder, usable_reviews

__all__ = ["Exported", "Manifest", "export", "import_coco", "training_folder"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote. `left_out` counts images that the format cannot hold (no boxes)."""

    folder: Path
    format: str
    images: int
    reviews: int
    left_out: int


def export(store: Store, images: ImageFiles, folder: Path, format: str) -> Exported:
    """Write what the current reviews say, and the images they are about, into `folder`.

    Rejected and skipped reviews are left out. Images are copied to images/<sha256>.png. BadSetting when the format is
    unknown or there is nothing to export, StoreUnavailable when the disk refuses.
    """
    if format not in FORMATS:
        raise BadSetting(f"There is no export format {format!r}; use one of {', '.join(FORMATS)}.")
    cases = _cases(store)
    held = [c for c in cases if boxes_of(c)] if format in BOXES_ONLY else cases
    if not held:
        what = "with boxes " if cases else ""
        raise BadSetting(f"There are no accepted or corrected reviews {what}to export; review some images first.")
    folder = Path(folder)
    for case in held:
        files.copy(images.path(case.image.sha256), folder / "images" / f"{case.image.sha256}.png")
    for name, text in FORMATS[format](held).items():
        files.write(folder / name, text.encode())
    return Exported(folder, format, len(held), sum(len(c.reviews) for c in held), len(cases) - len(held))


def _cases(store: Store) -> list[Case]:
    per_image: dict[str, list[Review]] = defaultdict(list)
    for review in usable_reviews(store):
        per_image[review.image_sha256].append(review)
    return [Case(i, tuple(per_image[i.sha256])) for i in store.images() if i.sha256 in per_image]


def import_coco(
    store: Store,
    images: ImageFiles,
    json_path: Path,
    author: str,
    *,
    task: Task = Task.BOUNDING,
    labels: Sequence[str] | None = None,
    max_megapixels: float = 50,
) -> int:
    """Add a COCO file's images, each with one review by `author`; returns the number of reviews added.

    The question is `task` with `labels`; without them the labels the image names as asked, else all categories in the
    file's order. An image that has a review of that question already keeps it. File names are looked up beside the
    JSON file, then in `images/` beside it. BadSetting or BadImage says what is wrong and where; what was imported
    before that stays, and importing again goes on from there.
    """
    json_path = Path(json_path)
    categories, entries = coco.entries(_load(json_path))
    if labels is not None and (unknown := set(labels) - set(categories)):
        raise BadSetting(f"The COCO file has no category {min(unknown)!r}; it has {', '.join(categories) or 'none'}.")
    questions = [_question(task, labels or entry.labels or categories) for entry in entries]
    places = [_find(json_path.parent, entry.file_name) for entry in entries]
    for label in dict.fromkeys(label for question in questions for label in question.labels):
        store.add_label(label)
    added = 0
    for entry, question, place in zip(entries, questions, places, strict=True):
        image = _add_image(store, images, entry, _accept(place, entry, max_megapixels))
        added += _add_review(store, image, question, entry, author)
    return added


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(f"{path} cannot be read ({error.strerror}); check the path.") from None
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{path} is not JSON ({error}); export it again.") from None


def _question(task: Task, labels: Sequence[str]) -> Question:
    try:
        return Question(task, tuple(labels))
    except BadQuestion as error:
        raise BadQuestion(f"{error} Say which categories to import.") from None


def _find(folder: Path, file_name: str) -> Path:
    """The image file; never one outside the folder, whatever the JSON says."""
    inside = PureWindowsPath(file_name)  # knows both slashes
    if inside.anchor or ".." in inside.parts or "\0" in file_name:
        raise BadSetting(f"The COCO file names {file_name!r}, which is outside its folder; move the images beside it.")
    for place in (folder.joinpath(*inside.parts), folder.joinpath("images", *inside.parts)):
        if place.is_file():
            return place
    raise BadSetting(f"The image {file_name!r} is not in {folder}; put the images beside the COCO file.")


def _accept(place: Path, entry: coco.Entry, max_megapixels: float) -> Accepted:
    try:
        accepted = accept(place.read_bytes(), entry.name, max_megapixels=max_megapixels)
    except OSError as error:
        raise BadSetting(f"{place} cannot be read ({error.strerror}); check its permissions.") from None
    except BadImage as error:
        raise BadImage(f"{entry.file_name}: {error}") from None
    if (accepted.width, accepted.height) != entry.size:
        raise BadImage(
            f"{entry.file_name} has {accepted.width} x {accepted.height} pixels when upright, and the COCO file says "
            f"{entry.size[0]} x {entry.size[1]}; its boxes would be misplaced. Correct the file."
        )
    return accepted


def _add_image(store: Store, images: ImageFiles, entry: coco.Entry, accepted: Accepted) -> Image:
    images.put(accepted)
    return store.add_image(
        Image(accepted.sha256, accepted.name, accepted.width, accepted.height, entry.group, datetime.now(UTC))
    )


def _add_review(store: Store, image: Image, question: Question, entry: coco.Entry, author: str) -> bool:
    if store.current_review(image.sha256, question) is not None:
        return False
    review = Review(
        id=uuid4().hex,
        image_sha256=image.sha256,
        question=question,
        prediction_id=None,
        verdict=Verdict.CORRECTED,
        findings=_findings(question, entry.boxes),
        author=author,
        revision=1,
        created_at=datetime.now(UTC),
    )
    return store.save_review(review, key=f"import {review.id}", base_revision=0).id == review.id


def _findings(question: Question, boxes: Sequence[coco.LabelledBox]) -> Findings:
    asked = [(label, box) for label, box in boxes if label in question.labels]
    if not question.task.has_marks:
        return Findings(stated={n: sum(label == n for label, _ in asked) for n in question.labels})
    return Findings(
        tuple(
            Mark(f"m{i}", box.center if question.task.has_points else box, label, Origin.HUMAN, Status.ACCEPTED)
            for i, (label, box) in enumerate(asked, start=1)
        )
    )
