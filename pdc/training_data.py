"""Current reviews -> the folder that training reads, with a split that never changes its mind.

A group of images (a patient, a video) is on one side for ever: held out, to measure on, or training. Groups that were
never seen before are dealt out by the sha256 of their name, label by label, so that the same reviews always give the
same split and a label with few groups is measured too.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pdc import files
from pdc.domain import Box, Image, Mark, Review, Verdict
from pdc.errors import BadSetting, StoreUnavailable
from pdc.images import ImageFiles
from pdc.store import Store

USABLE = (Verdict.ACCEPTED, Verdict.CORRECTED)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the split: how many rows (reviews), images and groups, and objects per label."""

    rows: int
    images: int
    groups: int
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a training folder holds. `digest` is a sha256 over every row of both sides; `images` maps each file to its
    sha256; `reviewers` are the authors of the reviews."""

    created_at: str
    reviewers: tuple[str, ...]
    digest: str
    train: Side
    held_out: Side
    images: Mapping[str, str]


def usable_reviews(store: Store) -> list[Review]:
    """Current reviews that say what is in the image: accepted or corrected."""
    return [r for r in store.current_reviews() if r.verdict in USABLE]


def training_folder(store: Store, images: ImageFiles, folder: Path, *, held_out_share: float = 0.2) -> Manifest:
    """Write train.jsonl, held_out.jsonl, images/ and, last, manifest.json. Row format: one object a line,
    {"image", "width", "height", "group", "task", "labels", "marks", "counts"}, in pixels of the image file it names.

    `held_out_share` (0 up to 1) is the share of groups to hold out; groups that have a side keep it. BadSetting when
    there is nothing to train on, StoreUnavailable when the disk refuses or an image file is damaged.
    """
    if not 0 <= held_out_share < 1:
        raise BadSetting(f"held_out_share is {held_out_share}; it needs a number from 0 up to but not including 1.")
    reviews = usable_reviews(store)
    if not reviews:
        raise BadSetting("There are no accepted or corrected reviews to train on; review some images first.")
    known = {i.sha256: i for i in store.images()}
    rows = [_row(known[r.image_sha256], r) for r in reviews]
    held_out = _dealt(store, rows, held_out_share)
    train = [r for r in rows if r["group"] not in held_out]
    kept = [r for r in rows if r["group"] in held_out]
    if not train:
        raise BadSetting("Every reviewed image is held out for measuring; review images of other groups to train on.")
    folder = Path(folder)
    hashes = _place_images(images, folder, sorted({r.image_sha256 for r in reviews}))
    return _write(folder, train, kept, sorted({r.author for r in reviews}), hashes)


def _dealt(store: Store, rows: Sequence[Row], share: float) -> frozenset[str]:
    """All held-out groups, after dealing out those groups of `rows` that have no side yet."""
    held_out, training = store.held_out_groups(), store.training_groups()
    every = {r["group"] for r in rows}
    chosen: set[str] = set()
    for label in sorted({label for r in rows for label in r["labels"]}):
        asked = {r["group"] for r in rows if label in r["labels"]}
        chosen |= _chosen(asked, held_out | chosen, training, round(len(asked) * share))
    chosen |= _chosen(every, held_out | chosen, training, _least(len(every)) if share else 0)
    store.hold_out(chosen)
    store.assign_training(every - held_out - chosen)
    return held_out | chosen


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


def _row(image: Image, review: Review) -> Row:
    counts = review.findings.counts(review.question.task)
    marks = review.findings.marks if review.question.task.has_marks else ()
    return {
        "image": f"images/{image.sha256}.png",
        "width": image.width,
        "height": image.height,
        "group": image.group,
        "task": str(review.question.task),
        "labels": list(review.question.labels),
        "marks": [_mark(m) for m in marks if m.counts and m.label in review.question.labels],
        "counts": {label: counts.get(label, 0) for label in review.question.labels},
    }


def _mark(mark: Mark) -> Mapping[str, Any]:
    if isinstance(mark.shape, Box):
        return {"box": list(mark.shape.xyxy), "label": mark.label}
    return {"point": [mark.shape.x, mark.shape.y], "label": mark.label}


def _place_images(images: ImageFiles, folder: Path, hashes: Sequence[str]) -> dict[str, str]:
    for sha256 in hashes:
        source = images.path(sha256)
        with source.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise StoreUnavailable(f"The image file {source} is damaged; restore it from a backup.")
        files.link_or_copy(source, folder / "images" / f"{sha256}.png")
    return {f"images/{sha256}.png": sha256 for sha256 in hashes}


def _write(
    folder: Path, train: Sequence[Row], held_out: Sequence[Row], reviewers: Sequence[str], hashes: Mapping[str, str]
) -> Manifest:
    texts = {"train.jsonl": _lines(train), "held_out.jsonl": _lines(held_out)}
    for name, text in texts.items():
        files.write(folder / name, text)
    manifest = Manifest(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        reviewers=tuple(reviewers),
        digest=hashlib.sha256(b"\0".join(texts.values())).hexdigest(),
        train=_side(train),
        held_out=_side(held_out),
        images=hashes,
    )
    files.write(folder / "manifest.json", json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode() + b"\n")
    return manifest


def _lines(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _side(rows: Sequence[Row]) -> Side:
    labels: Counter[str] = Counter()
    for row in rows:
        labels.update(row["counts"])
    return Side(len(rows), len({r["image"] for r in rows}), len({r["group"] for r in rows}), dict(labels))
