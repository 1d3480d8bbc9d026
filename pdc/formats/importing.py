"""Annotation files into the store: images, their reviews, and an account of what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypedDict, Unpack
from uuid import uuid4

from pdc.domain.errors import BadImage, BadQuestion, BadSetting
from pdc.domain.geometry import Size
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Box, Findings, Image, Mark, Origin, Question, Review, Status, Task, Verdict
from pdc.formats.contents import Contents, LeftOut, What, counted, told_left_out
from pdc.formats.records import Asked, Picture, inside
from pdc.formats.registry import read_index
from pdc.formats.sources.index import FileIndex
from pdc.images.intake import Accepted, ImageFiles, accept
from pdc.store import Store

Answer = tuple[Question, Findings]
STAYS = (  # why a review that is there stays
    "the same is stored already",
    "it shows the same picture as an image before it in the file, whose answer is taken",
    "the image has another review of this question, which stays; correct it in the app",
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import stored, and what of the file it left out."""

    path: Path
    reviews: tuple[Review, ...]
    left_out: tuple[LeftOut, ...]

    def told(self) -> str:
        """In one line: images, marks, "none" answers, counts, and what was left out, by reason."""
        images = len({r.image_sha256 for r in self.reviews})
        marks = sum(len(r.findings.marks) for r in self.reviews)
        numbers = [r.findings.counts(r.question.task).get(n, 0) for r in self.reviews for n in r.question.labels]
        counts = sum(n > 0 for r in self.reviews for n in r.findings.stated.values())
        parts = [counted(marks, "mark"), f'{counted(numbers.count(0), "answer")} "none"']
        parts += [counted(counts, "count")] if counts else []
        added = f"Added {counted(len(self.reviews), 'review')} of {counted(images, 'image')} from {self.path}"
        return f"{added}: {', '.join(parts)}. {told_left_out(self.left_out)}".rstrip()


class FileOptions(TypedDict, total=False):
    """What `import_file` takes by name, beside the format."""

    task: Task | None
    labels: Sequence[str] | None
    complete: bool
    max_megapixels: float


class ImportOptions(FileOptions, total=False):
    """All that `import_file` takes by name."""

    format: str | None


def import_coco(store: Store, images: ImageFiles, json_path: Path, author: str, **options: Unpack[FileOptions]) -> int:
    """`import_annotations` of a COCO file."""
    return import_annotations(store, images, json_path, author, format="coco", **options)


def import_annotations(store: Store, images: ImageFiles, path: Path, author: str, **options: Unpack[ImportOptions]) -> int:
    """`import_file`, for those who only want the number of reviews."""
    return len(import_file(store, images, path, author, **options).reviews)


def import_file(
    store: Store,
    images: ImageFiles,
    path: Path,
    author: str,
    *,
    format: str | None = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    complete: bool = False,
    max_megapixels: float = 50,
    progress: Progress = unseen,
) -> Imported:
    """Add a file's or folder's images, each with one review by `author` per task.

    The question is what the annotations say was asked (boxes, points or a count), or `task`; of `labels` only, if given.
    `complete`: what an image does not draw is absent there. An image that has a review of that question keeps it. Images are
    looked up beside the file, then in `images/` beside it. What cannot be stored is left out with its reason; BadSetting or
    BadQuestion when nothing can be.
    """
    path = Path(path)
    with FileIndex.of(path) as index:
        contents = _chosen(read_index(index, format, complete), labels)
        fitting = [_fitting(p, task) for p in contents.pictures]
        for picture, _ in fitting:
            _answers(picture, task)  # a question that cannot be asked is refused before anything is stored
        places = _places(index, contents.pictures)
        left_out = [*contents.left_out, *(entry for _, gone in fitting for entry in gone)]
        reviews: list[Review] = []
        for picture in follow("Importing images", [p for p, _ in fitting if p.asked], progress):
            ready = _ready(index, places, picture, max_megapixels)
            if isinstance(ready, LeftOut):
                left_out.append(ready)
                continue
            image = _add_image(store, images, *ready)
            added = [_add_review(store, image, *answer, author, reviews) for answer in _answers(ready[0], task)]
            reviews += [r for r in added if isinstance(r, Review)]
            left_out += [LeftOut(What.ANSWER, reason, picture.name) for reason in added if isinstance(reason, str)]
    if not reviews and not any(e.reason in STAYS for e in left_out):
        raise BadSetting(f"Nothing of {path} can be imported. {told_left_out(left_out)}")
    return Imported(path, tuple(reviews), tuple(left_out))


def _chosen(contents: Contents, labels: Sequence[str] | None) -> Contents:
    """What is about these labels, in their order; None: all."""
    if labels is None:
        return contents
    told = [*(a.label for p in contents.pictures for a in p.asked), *(e.label for e in contents.left_out)]
    known = [n for n in dict.fromkeys(told) if n is not None]
    if unknown := set(labels) - set(known):
        raise BadSetting(f"The file has no category {min(unknown)!r}; it has {', '.join(known) or 'none'}.")
    pictures = (replace(p, asked=tuple(a for n in labels for a in p.asked if a.label == n)) for p in contents.pictures)
    left_out = tuple(e for e in contents.left_out if e.label is None or e.label in labels)
    return Contents(tuple(p for p in pictures if p.asked), left_out)


def _fitting(picture: Picture, task: Task | None) -> tuple[Picture, list[LeftOut]]:
    """The picture with the answers that can answer `task`, one per label; with `task` None, each its own task."""
    asked = picture.asked
    if task is not None:
        ranked = sorted(
            asked,
            key=lambda a: (_unfit(a, task) is None, (a.task.has_points, a.task.has_boxes) == (task.has_points, task.has_boxes)),
        )
        chosen = {a.label: a for a in ranked}
        asked = tuple(chosen[n] for n in dict.fromkeys(a.label for a in asked))
    unfit = [(a, reason) for a in asked if (reason := _unfit(a, task or a.task)) is not None]
    gone = [LeftOut(What.ANSWER, reason, picture.file, a.label) for a, reason in unfit]
    return replace(picture, asked=tuple(a for a in asked if _unfit(a, task or a.task) is None)), gone


def _unfit(asked: Asked, task: Task) -> str | None:
    if task.has_boxes and not all(isinstance(s, Box) for s in asked.shapes):
        return f"it marks points, which cannot answer {task}; import it with a task of points"
    if task.has_marks and asked.count and not asked.shapes:
        return f"only its number is known, which cannot answer {task}"
    return None


def _answers(picture: Picture, task: Task | None) -> list[Answer]:
    """Each question about a picture, with its answer: one per task (and what was asked together), or one of `task`."""
    asked: dict[tuple[Task, tuple[str, ...]], list[Asked]] = {}
    for answer in picture.asked:
        asked.setdefault((task or answer.task, () if task else answer.question), []).append(answer)
    return [_answer(t, answers) for (t, _), answers in asked.items()]


def _answer(task: Task, asked: Sequence[Asked]) -> Answer:
    try:
        question = Question(task, tuple(dict.fromkeys(a.label for a in asked)))
    except BadQuestion as error:
        raise BadQuestion(f"{error} Say which categories to import.") from None
    if not task.has_marks:
        return question, Findings(stated={a.label: a.count for a in asked})
    shapes = [(a.label, s.center if task.has_points else s) for a in asked for s in a.shapes]
    return question, Findings(
        tuple(Mark(f"m{i}", s, n, Origin.HUMAN, Status.ACCEPTED) for i, (n, s) in enumerate(shapes, start=1))
    )


Places = Mapping[tuple[str, str], str | BadSetting]
"""The path of each image in the index by its name and its annotation file, or why it has none."""


def _places(index: FileIndex, pictures: Sequence[Picture]) -> Places:
    return index.names.matched((p.file, p.beside) for p in pictures if p.data is None)


def _ready(index: FileIndex, places: Places, picture: Picture, max_megapixels: float) -> tuple[Picture, Accepted] | LeftOut:
    """The picture with its image, when the two belong together."""
    try:
        picture = _named(places, picture)
        accepted = _accept(_bytes(index, places, picture), picture, max_megapixels)
        return _within(picture, (accepted.width, accepted.height)), accepted
    except (BadImage, BadSetting) as error:
        return LeftOut(What.IMAGE, str(error), picture.file)


def _named(places: Places, picture: Picture) -> Picture:
    """With the name and the place of the file that is there, where the annotations only say how a tool calls it."""
    place = places.get((picture.file, picture.beside))
    if not isinstance(place, str):
        return picture
    own = PurePosixPath(picture.file).name, PurePosixPath(place).name
    name = own[1] if picture.name in (picture.file, own[0]) else picture.name
    return replace(picture, name=name, group=place if picture.group == picture.file else picture.group)


def _bytes(index: FileIndex, places: Places, picture: Picture) -> bytes:
    if picture.data is not None:
        return picture.data
    place = places[picture.file, picture.beside]
    if isinstance(place, BadSetting):
        raise place
    return index.read(place)


def _accept(data: bytes, picture: Picture, max_megapixels: float) -> Accepted:
    accepted = accept(data, picture.name, max_megapixels=max_megapixels)
    if picture.size is not None and (accepted.width, accepted.height) != picture.size:
        raise BadImage(
            f"it has {accepted.width} x {accepted.height} pixels when upright, and the annotations say "
            f"{picture.size[0]} x {picture.size[1]}; its marks would be misplaced. Correct the file."
        )
    return accepted


def _within(picture: Picture, size: Size) -> Picture:
    """The picture with its marks cut at the border; BadSetting when one lies outside."""
    asked = (replace(a, shapes=tuple(inside(s, size, "a mark of it") for s in a.shapes)) for a in picture.asked)
    return picture if picture.size is not None else replace(picture, asked=tuple(asked))


def _add_image(store: Store, images: ImageFiles, picture: Picture, accepted: Accepted) -> Image:
    images.put(accepted)
    return store.add_image(
        Image(accepted.sha256, accepted.name, accepted.width, accepted.height, picture.group, datetime.now(UTC))
    )


def _add_review(
    store: Store, image: Image, question: Question, findings: Findings, author: str, before: Sequence[Review]
) -> Review | str:
    """The review as stored, or why the one that is there stays. `before` are those of this import."""
    current = store.current_review(image.sha256, question)
    if current is not None:
        return _why_it_stays(current, findings, ours=any(current.id == r.id for r in before))
    for label in sorted(set(question.labels) - set(store.labels())):
        store.add_label(label)
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
    return store.save_review(review, key=f"import {review.id}", base_revision=0)


def _why_it_stays(current: Review, findings: Findings, *, ours: bool) -> str:
    same, twice, other = STAYS
    if _said(current.findings) == _said(findings):
        return same
    return twice if ours else other


def _said(findings: Findings) -> tuple[object, ...]:
    return Counter((m.label, m.shape) for m in findings.marks if m.counts), dict(findings.stated)
