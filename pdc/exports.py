"""Reviews out of the store and into it, in any of the annotation formats; the folder that training reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from uuid import uuid4

from pdc import files, medmultipoints
from pdc.domain import Findings, Image, Mark, Origin, Question, Review, Shape, Status, Task, Verdict
from pdc.errors import BadImage, BadQuestion, BadSetting
from pdc.formats import FORMATS, read, texts_of
from pdc.images import Accepted, ImageFiles, accept
from pdc.pictures import Asked, Case, Picture, picture_of
from pdc.store import Store
from pdc.training_data import Manifest, held_out_folder, training_folder, usable_reviews

__all__ = ["Exported", "Manifest", "export", "held_out_folder", "import_annotations", "import_coco", "training_folder"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    folder: Path
    format: str
    images: int
    reviews: int


def export(store: Store, images: ImageFiles, folder: Path, format: str) -> Exported:
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
        files.write(folder / medmultipoints.PARQUET, _parquet(cases, images))
    else:
        for case in cases:
            files.copy(images.path(case.image.sha256), folder / "images" / f"{case.image.sha256}.png")
        for name, text in texts_of(cases, format).items():
            files.write(folder / name, text.encode())
    return Exported(folder, format, len(cases), sum(len(c.reviews) for c in cases))


def _parquet(cases: Sequence[Case], images: ImageFiles) -> bytes:
    data = {f"images/{c.image.sha256}.png": images.path(c.image.sha256).read_bytes() for c in cases}
    return medmultipoints.to_parquet([picture_of(c) for c in cases], data)


def _cases(store: Store) -> list[Case]:
    per_image: dict[str, list[Review]] = defaultdict(list)
    for review in usable_reviews(store):
        per_image[review.image_sha256].append(review)
    return [Case(i, tuple(per_image[i.sha256])) for i in store.images() if i.sha256 in per_image]


def import_coco(store: Store, images: ImageFiles, json_path: Path, author: str, **options: object) -> int:
    """`import_annotations` of a COCO file."""
    return import_annotations(store, images, json_path, author, format="coco", **options)


def import_annotations(
    store: Store,
    images: ImageFiles,
    path: Path,
    author: str,
    *,
    format: str | None = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    max_megapixels: float = 50,
) -> int:
    """Add a file's or folder's images, each with one review by `author` per task; returns the number of reviews added.

    The question is what the annotations say was asked (boxes, points or a count), or `task`; of `labels` only, if given. An
    image that has a review of that question already keeps it. Images are looked up beside the file, then in `images/` beside
    it. BadSetting, BadQuestion or BadImage says what is wrong and where; what was imported before that stays, and importing
    again goes on from there.
    """
    path = Path(path)
    pictures = read(path, format)
    known = list(dict.fromkeys(a.label for p in pictures for a in p.asked))
    if labels is not None and (unknown := set(labels) - set(known)):
        raise BadSetting(f"The file has no category {min(unknown)!r}; it has {', '.join(known) or 'none'}.")
    wanted = [_questions(p, task, labels) for p in pictures]
    folder = path if path.is_dir() else path.parent
    places = [None if p.data is not None else _find(folder, p.file) for p in pictures]
    for label in dict.fromkeys(n for questions in wanted for question, _ in questions for n in question.labels):
        store.add_label(label)
    added = 0
    for picture, questions, place in zip(pictures, wanted, places, strict=True):
        image = _add_image(store, images, picture, _accept(place, picture, max_megapixels))
        added += sum(_add_review(store, image, question, findings, author) for question, findings in questions)
    return added


def _questions(picture: Picture, task: Task | None, labels: Sequence[str] | None) -> list[tuple[Question, Findings]]:
    """Each question about a picture, with its answer: one per task that was asked, or one of `task`."""
    chosen = [a for a in picture.asked if labels is None or a.label in labels]
    if labels is not None:
        chosen.sort(key=lambda a: list(labels).index(a.label))
    tasks = list(dict.fromkeys(a.task for a in chosen)) if task is None else [task]
    return [_question(t, [a for a in chosen if task is not None or a.task is t]) for t in tasks or [Task.BOUNDING]]


def _question(task: Task, asked: Sequence[Asked]) -> tuple[Question, Findings]:
    try:
        question = Question(task, tuple(dict.fromkeys(a.label for a in asked)))
    except BadQuestion as error:
        raise BadQuestion(f"{error} Say which categories to import.") from None
    if not task.has_marks:
        return question, Findings(stated={a.label: a.count for a in asked})
    shapes = [(a.label, _fitting(task, s)) for a in asked for s in a.shapes]
    return question, Findings(
        tuple(Mark(f"m{i}", s, n, Origin.HUMAN, Status.ACCEPTED) for i, (n, s) in enumerate(shapes, start=1))
    )


def _fitting(task: Task, shape: Shape) -> Shape:
    if task.has_points:
        return shape.center
    if not hasattr(shape, "area"):
        raise BadSetting(f"The file marks points, which cannot answer {task}; import them with a task of points.")
    return shape


def _find(folder: Path, file_name: str) -> Path:
    """The image file; never one outside the folder, whatever the annotations say."""
    inside = PureWindowsPath(file_name)  # knows both slashes
    if inside.anchor or ".." in inside.parts or "\0" in file_name:
        raise BadSetting(f"The file names {file_name!r}, which is outside its folder; move the images beside it.")
    for place in (folder.joinpath(*inside.parts), folder.joinpath("images", *inside.parts)):
        if place.is_file():
            return place
    for place in (folder / inside.name, folder / "images" / inside.name):  # a folder that was moved
        if place.is_file():
            return place
    raise BadSetting(f"The image {file_name!r} is not in {folder}; put the images beside the annotations.")


def _accept(place: Path | None, picture: Picture, max_megapixels: float) -> Accepted:
    try:
        data = picture.data if place is None else place.read_bytes()
        accepted = accept(data, picture.name, max_megapixels=max_megapixels)
    except OSError as error:
        raise BadSetting(f"{place} cannot be read ({error.strerror}); check its permissions.") from None
    except BadImage as error:
        raise BadImage(f"{picture.file}: {error}") from None
    if picture.size is not None and (accepted.width, accepted.height) != picture.size:
        raise BadImage(
            f"{picture.file} has {accepted.width} x {accepted.height} pixels when upright, and the annotations say "
            f"{picture.size[0]} x {picture.size[1]}; its marks would be misplaced. Correct the file."
        )
    return accepted


def _add_image(store: Store, images: ImageFiles, picture: Picture, accepted: Accepted) -> Image:
    images.put(accepted)
    return store.add_image(
        Image(accepted.sha256, accepted.name, accepted.width, accepted.height, picture.group, datetime.now(UTC))
    )


def _add_review(store: Store, image: Image, question: Question, findings: Findings, author: str) -> bool:
    if store.current_review(image.sha256, question) is not None:
        return False
    review = Review(
        id=uuid4().hex,
        image_sha256=image.sha256,
        question=question,
        prediction_id=None,
        verdict=Verdict.CORRECTED,
        findings=findings,
        author=author,
        revision=1,
        created_at=datetime.now(UTC),
    )
    return store.save_review(review, key=f"import {review.id}", base_revision=0).id == review.id
