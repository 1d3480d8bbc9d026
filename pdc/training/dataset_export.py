"""Current reviews -> the folder that training reads, with a split that never changes its mind.

A group of images (a patient, a video) is on one side for ever: held out, to measure on, or training. Groups that were
never seen before are dealt out by the sha256 of their name, label by label, so that the same reviews always give the
same split and a label with few groups is measured too. Groups with images that show the same thing (`near_duplicates`) are dealt
out together; an image that shows what a held-out one shows is never trained on, whatever its group.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from pdc import files
from pdc.domain.carrying import answer_to, carried, unasked
from pdc.domain.errors import BadSetting, StoreUnavailable
from pdc.domain.label_changes import findings_now, question_now
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Box, Findings, Image, Mark, Prediction, Question, Review, Status, Task
from pdc.images.intake import ImageFiles
from pdc.images.near_duplicates import ImageHash, same_original_pairs
from pdc.spool import spooled
from pdc.store import Store
from pdc.store.records import CLEANER
from pdc.training.near_copies import likenesses_of, near_copies

NO_REVIEWS = "There are no accepted or corrected reviews to train on; review some images first."
NO_CONSENSUS = (
    "There is nothing to train on yet: what one of several readers read is no truth. Make their consensus, or review some images."
)
CHUNK = 200  # reviews that are in memory with their answers at once
Row = Mapping[str, Any]
Said = TypeVar("Said", Review, Prediction)
Pair = tuple[str, str]  # sha256 of two images that show the same thing


@dataclass(frozen=True, slots=True)
class SplitSide:
    """One side of the split: how many rows (reviews), images and groups, and objects per label."""

    rows: int
    images: int
    groups: int
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DatasetManifest:
    """What a training folder holds. `digest` is a sha256 over every row of both sides; `images` maps each file to its
    sha256; `reviewers` are the authors of the reviews, `reviewed` the first and the last time one was saved. `likeness`
    tells near copies of an image; `left_out` are images that show what a held-out one shows, `unsettled` those that several
    readers read and of which there is no consensus yet: what each of them read is no truth."""

    created_at: str
    reviewers: tuple[str, ...]
    digest: str
    train: SplitSide
    held_out: SplitSide
    images: Mapping[str, str]
    reviewed: tuple[str, str]
    likeness: Mapping[str, str]
    left_out: tuple[str, ...]
    unsettled: tuple[str, ...] = ()


def export_training_set(
    store: Store,
    images: ImageFiles,
    folder: Path,
    *,
    held_out_share: float = 0.2,
    taught: Set[str] = frozenset(),
    wanted: Callable[[Review], bool] = lambda review: True,
    progress: Progress = unseen,
) -> DatasetManifest:
    """Write train.jsonl, held_out.jsonl, images/ and, last, manifest.json. Row format: one object a line,
    {"image", "width", "height", "group", "task", "labels", "marks", "counts"}, in pixels of the image file it names; "predicted"
    with the prediction's "marks" and "counts" where a readable answer to all labels was reviewed; "unjudged" marks, which are
    neither objects nor background; and "complete": false where the image may show more of these labels. A label that the
    model was `taught` under another name is written under that one. Reviews that are not `wanted` are left out.

    `held_out_share` (0 up to 1) is the share of groups to hold out; groups that have a side keep it. BadSetting when
    there is nothing to train on, StoreUnavailable when the disk refuses or an image file is damaged.
    """
    if not 0 <= held_out_share < 1:
        raise BadSetting("held_out_share is {value}; it needs a number from 0 up to but not including 1.", value=held_out_share)
    reviews = spooled(r for r in usable_here(store, images) if wanted(r))
    if not reviews:
        raise BadSetting(NO_CONSENSUS if store.unsettled() else NO_REVIEWS)
    known = {i.sha256: i for i in store.images()}
    rows = spooled(_rows(store, reviews, known, taught, progress))
    likes = _likenesses(store, images, {_sha256(r) for r in rows}, progress)
    alike = near_copies(store, images, likes.keys(), progress)
    same = same_original_pairs({sha256: known[sha256].name for sha256 in likes})
    pairs = [*alike, *((b, a) for a, b in alike), *same]
    asked = {(r["group"], tuple(r["labels"])) for r in rows}
    held_out = _dealt(store, asked, _joined({group for group, _ in asked}, pairs, known), held_out_share)
    copies = _copies(pairs, {name for name, image in known.items() if image.group in held_out})
    train = spooled(r for r in rows if r["group"] not in held_out and _sha256(r) not in copies)
    kept = spooled(r for r in rows if r["group"] in held_out)
    if not train:
        raise BadSetting("Every reviewed image is held out for measuring; review images of other groups to train on.")
    folder = Path(folder)
    hashes = _place_images(images, folder, sorted({_sha256(r) for r in chain(train, kept)}), progress)
    left_out = tuple(sorted(copies & {_sha256(r) for r in rows if r["group"] not in held_out}))
    return _write(folder, train, kept, {**_told(reviews, hashes, likes, left_out), "unsettled": _unsettled(store, known)})


def usable_here(store: Store, images: ImageFiles) -> Iterator[Review]:
    """The usable reviews, without those of images that were removed after a visitor's last visit. Few are in memory."""
    retired = set(store.retired_by(CLEANER))
    removed = retired - images.present(retired)
    return (review for review in store.each_usable() if review.image_sha256 not in removed)


def _unsettled(store: Store, known: Mapping[str, Image]) -> tuple[str, ...]:
    """Images whose several readers have no consensus yet."""
    return tuple(sorted({sha for sha, _ in store.unsettled() if sha in known}))


def export_held_out(store: Store, images: ImageFiles, folder: Path, taught: Set[str] = frozenset()) -> int:
    """Write held_out.jsonl and its images/, of the groups that are held out already; returns the number of rows.

    `taught` is as in `export_training_set`.

    Deals nothing out: only training decides the split. StoreUnavailable when the disk refuses or an image is damaged.
    """
    held_out, known = store.held_out_groups(), {i.sha256: i for i in store.images()}
    reviews = spooled(r for r in usable_here(store, images) if known[r.image_sha256].group in held_out)
    rows = spooled(_rows(store, reviews, known, taught))
    _place_images(images, folder, sorted({_sha256(r) for r in rows}))
    files.write_pieces(folder / "held_out.jsonl", _lines(rows))
    return len(rows)


def export_all(store: Store, images: ImageFiles, folder: Path, name: str, wanted: Callable[[Image], bool]) -> list[Row]:
    """Write every usable review of the wanted images to the file `name`, and its images/, in the labels' own names."""
    known = {i.sha256: i for i in store.images()}
    reviews = spooled(r for r in usable_here(store, images) if wanted(known[r.image_sha256]))
    rows = list(_rows(store, reviews, known, frozenset()))
    _place_images(images, folder, sorted({_sha256(r) for r in rows}))
    files.write_pieces(folder / name, _lines(rows))
    return rows


def likenesses_to_learn_from(store: Store, images: ImageFiles) -> dict[str, ImageHash]:
    """By sha256, of every reviewed image that is not held out: training is shown these."""
    held_out, known = store.held_out_groups(), {i.sha256: i for i in store.images()}
    shown = {r.image_sha256 for r in usable_here(store, images) if known[r.image_sha256].group not in held_out}
    return {name: likeness for name, likeness in _likenesses(store, images, shown).items() if name in shown}


def _rows(
    store: Store, reviews: Collection[Review], known: Mapping[str, Image], taught: Set[str], progress: Progress = unseen
) -> Iterator[Row]:
    labels, coming = store.dictionary(), follow("Reading reviews", reviews, progress)
    while part := list(islice(coming, CHUNK)):
        predicted = store.predictions_by_id([r.prediction_id for r in part if r.prediction_id])
        for review in part:
            words = labels.taught(review.question.labels, taught)
            answer = predicted.get(review.prediction_id or "")
            yield _row(known[review.image_sha256], _worded(_answerable(review), words), answer and _worded(answer, words))


def _worded(said: Said, words: Mapping[str, str]) -> Said:
    """A review or an answer with each label as the model was taught it."""
    found = said.findings and findings_now(said.findings, words)
    return replace(said, question=question_now(said.question, words), findings=found)


def _answerable(review: Review) -> Review:
    """The review as a model can be taught to answer it: a point among boxes has no box, so all of them are points."""
    question, tasks = review.question, {Task.BOUNDING: Task.POINTING, Task.COUNT_AND_BOX: Task.CNT_AND_POINT}
    if question.task not in tasks or all(isinstance(m.shape, Box) for m in review.findings.marks if m.counts):
        return review
    pointed = replace(question, task=tasks[question.task])
    return replace(review, question=pointed, findings=carried(review.findings, question, pointed))


def _likenesses(store: Store, images: ImageFiles, reviewed: Set[str], progress: Progress = unseen) -> Mapping[str, ImageHash]:
    """Of every reviewed image, and of every held-out one, reviewed or not."""
    held_out = store.held_out_groups()
    return likenesses_of(store, images, reviewed | {i.sha256 for i in store.images() if i.group in held_out}, progress)


def _sha256(row: Row) -> str:
    return Path(row["image"]).stem


def _copies(pairs: Iterable[Pair], held_out: set[str]) -> frozenset[str]:
    """Images that show what a held-out image shows."""
    return frozenset(a for a, b in pairs if b in held_out) - held_out


def _joined(groups: Set[str], pairs: Sequence[Pair], known: Mapping[str, Image]) -> dict[str, str]:
    """Each group's first name among the groups that show the same things."""
    first = {group: group for group in groups | {known[name].group for pair in pairs for name in pair}}

    def root(group: str) -> str:
        while first[group] != group:
            first[group] = group = first[first[group]]
        return group

    for a, b in pairs:
        low, high = sorted((root(known[a].group), root(known[b].group)))
        first[high] = low
    return {group: root(group) for group in first}


def _dealt(store: Store, said: Set[tuple[str, tuple[str, ...]]], joined: Mapping[str, str], share: float) -> frozenset[str]:
    """All held-out groups, after dealing out those that have no side yet. Joined groups go together. `said`: each group with
    the labels of each of its questions."""
    held_out, training = store.held_out_groups(), store.training_groups()
    sides = [frozenset(joined.get(g, g) for g in side) for side in (held_out, training)]
    every = {group for group, _ in said}
    chosen: set[str] = set()
    for label in sorted({label for _, labels in said for label in labels}):
        asked = {joined[group] for group, labels in said if label in labels}
        chosen |= _chosen(asked, sides[0] | chosen, sides[1], round(len(asked) * share))
    joint = {joined[g] for g in every}
    chosen |= _chosen(joint, sides[0] | chosen, sides[1], _least(len(joint)) if share else 0)
    new = every - held_out - training
    kept = {g for g in new if joined[g] in sides[0] | chosen}
    store.hold_out(kept)
    store.assign_training(new - kept)
    return held_out | kept


def _chosen(groups: set[str], held_out: frozenset[str], training: frozenset[str], wanted: int) -> set[str]:
    """New groups to hold out so that `wanted` of `groups` are; one of `groups` is always left to train on."""
    new = sorted(groups - held_out - training, key=_draw)
    room = len(new) if groups & training else len(new) - 1
    return set(new[: max(0, min(wanted - len(groups & held_out), room))])


def _draw(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()


def _least(groups: int) -> int:
    """Fewest groups to hold out among so many: 2 of 8 or more, 1 of 2 or more."""
    return 2 if groups >= 8 else 1 if groups >= 2 else 0


def _row(image: Image, review: Review, answer: Prediction | None) -> Row:
    about = answer is not None and not unasked(answer, review.question)
    predicted = answer_to(answer, review.question) if answer and about else None
    before = {} if predicted is None else {"predicted": _found(review.question, predicted)}
    return {
        "image": f"images/{image.sha256}.png",
        "width": image.width,
        "height": image.height,
        "group": image.group,
        "task": str(review.question.task),
        "labels": list(review.question.labels),
        **({} if review.complete else {"complete": False}),
        **_found(review.question, review.findings),
        **_unjudged(review),
        **before,
    }


def _found(question: Question, findings: Findings) -> Mapping[str, Any]:
    counts = findings.counts(question.task)
    marks = findings.marks if question.task.has_marks else ()
    return {
        "marks": [_mark(m) for m in marks if m.counts and m.label in question.labels],
        "counts": {label: counts.get(label, 0) for label in question.labels},
    }


def _unjudged(review: Review) -> Mapping[str, Any]:
    """The model's doubtful marks that the reader left alone: neither objects nor background."""
    marks = review.findings.marks if review.question.task.has_marks else ()
    left = [_mark(m) for m in marks if m.status is Status.DOUBTFUL and m.label in review.question.labels]
    return {"unjudged": left} if left else {}


def _mark(mark: Mark) -> Mapping[str, Any]:
    if isinstance(mark.shape, Box):
        return {"box": list(mark.shape.xyxy), "label": mark.label}
    return {"point": [mark.shape.x, mark.shape.y], "label": mark.label}


def _place_images(images: ImageFiles, folder: Path, hashes: Sequence[str], progress: Progress = unseen) -> dict[str, str]:
    for sha256 in follow("Placing images", hashes, progress):
        source = images.path(sha256)
        with source.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise StoreUnavailable("The image file {path} is damaged; restore it from a backup.", path=source)
        files.link_or_copy(source, folder / "images" / f"{sha256}.png")
    return {f"images/{sha256}.png": sha256 for sha256 in hashes}


def _told(
    reviews: Collection[Review], hashes: Mapping[str, str], likes: Mapping[str, ImageHash], left_out: tuple[str, ...]
) -> dict[str, Any]:
    """Who reviewed what and when, for the manifest."""
    times = sorted({r.created_at.isoformat(timespec="seconds") for r in reviews})
    return {
        "reviewers": tuple(sorted({r.author for r in reviews})),
        "reviewed": (times[0], times[-1]),
        "images": hashes,
        "likeness": {name: str(likes[sha256]) for name, sha256 in hashes.items()},
        "left_out": left_out,
    }


def _write(folder: Path, train: Collection[Row], held_out: Collection[Row], told: Mapping[str, Any]) -> DatasetManifest:
    files.write_pieces(folder / "train.jsonl", _lines(train))
    files.write_pieces(folder / "held_out.jsonl", _lines(held_out))
    digest = hashlib.sha256()
    for line in chain(_lines(train), (b"\0",), _lines(held_out)):
        digest.update(line)
    manifest = DatasetManifest(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        digest=digest.hexdigest(),
        train=_side(train),
        held_out=_side(held_out),
        **told,
    )
    files.write(folder / "manifest.json", json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode() + b"\n")
    return manifest


def _lines(rows: Iterable[Row]) -> Iterator[bytes]:
    return (f"{json.dumps(row)}\n".encode() for row in rows)


def _side(rows: Collection[Row]) -> SplitSide:
    labels: Counter[str] = Counter()
    for row in rows:
        labels.update(row["counts"])
    return SplitSide(len(rows), len({r["image"] for r in rows}), len({r["group"] for r in rows}), dict(labels))
