"""Reviewed images as text: COCO, YOLO, CSV and JSON lines. Pure: what comes out is {file name: text}."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdc import coco
from pdc.domain import Box, Image, Mark, Review


@dataclass(frozen=True, slots=True)
class Case:
    """An image and its current reviews that say what is in it, oldest first."""

    image: Image
    reviews: tuple[Review, ...]


def to_coco(cases: Sequence[Case]) -> Mapping[str, str]:
    """coco.json, of the images that were reviewed with boxes."""
    boxed = [(case.image, boxes) for case in cases if (boxes := boxes_of(case))]
    return {"coco.json": json.dumps(coco.document(boxed), ensure_ascii=False, indent=1) + "\n"}


def to_yolo(cases: Sequence[Case]) -> Mapping[str, str]:
    """data.yaml, images.txt, and per boxed image labels/<sha256>.txt: class, centre x, centre y, width, height, as
    shares of 1."""
    boxed = [(case.image, boxes) for case in cases if (boxes := boxes_of(case))]
    classes = {label: i for i, label in enumerate(dict.fromkeys(n for _, boxes in boxed for n in boxes))}
    names = "".join(f'  {i}: "{label}"\n' for label, i in classes.items())
    texts = {f"labels/{image.sha256}.txt": _yolo_lines(image, boxes, classes) for image, boxes in boxed}
    listed = "".join(f"./images/{image.sha256}.png\n" for image, _ in boxed)
    return {"data.yaml": f"train: images.txt\nval: images.txt\nnames:\n{names}", "images.txt": listed, **texts}


def boxes_of(case: Case) -> dict[str, list[Box]]:
    """Boxes per label that a box task asked for; of several reviews that ask for a label, the newest."""
    return {
        label: [m.shape for m in marks if isinstance(m.shape, Box)]
        for label, (review, marks) in _per_label([r for r in case.reviews if r.question.task.has_boxes]).items()
    }


def _per_label(reviews: Sequence[Review]) -> dict[str, tuple[Review, list[Mark]]]:
    """Each asked label with the last review that asks for it, and its marks there that were not rejected."""
    return {label: (r, marks_of(r, label)) for r in reviews for label in r.question.labels}


def marks_of(review: Review, label: str) -> list[Mark]:
    return [m for m in review.findings.marks if m.counts and m.label == label]


def _yolo_lines(image: Image, boxes: Mapping[str, Sequence[Box]], classes: Mapping[str, int]) -> str:
    return "".join(
        f"{classes[label]} {b.center.x / image.width:.9g} {b.center.y / image.height:.9g} "
        f"{b.width / image.width:.9g} {b.height / image.height:.9g}\n"
        for label in boxes
        for b in boxes[label]
    )


CSV_COLUMNS = (
    "image_sha256", "name", "width", "height", "group", "task", "label", "count", "kind", "x1", "y1", "x2", "y2",
    "x", "y", "origin", "score", "author", "verdict", "revision", "reviewed_at",
)  # fmt: skip


def to_csv(cases: Sequence[Case]) -> Mapping[str, str]:
    """marks.csv: a line per mark; a label without marks has one line, whose kind is `none`, or `count` in a counting
    task. `x`, `y` is the centre; `count` is the label's, repeated on each of its lines."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for case in cases:
        for review in case.reviews:
            writer.writerows(_csv_rows(case.image, review))
    return {"marks.csv": buffer.getvalue()}


def _csv_rows(image: Image, review: Review) -> Iterator[dict[str, Any]]:
    counts = review.findings.counts(review.question.task)
    about = _csv_image(image) | _csv_review(review)
    for label in review.question.labels:
        asked = {**about, "label": _plain(label), "count": counts.get(label, 0)}
        marks = marks_of(review, label) if review.question.task.has_marks else []
        yield from ({**asked, **_csv_mark(m)} for m in marks)
        if not marks:
            yield {**asked, "kind": "none" if review.question.task.has_marks else "count"}


def _csv_image(image: Image) -> dict[str, Any]:
    return {
        "image_sha256": image.sha256,
        "name": _plain(image.name),
        "width": image.width,
        "height": image.height,
        "group": _plain(image.group),
    }


def _csv_review(review: Review) -> dict[str, Any]:
    return {
        "task": str(review.question.task),
        "author": _plain(review.author),
        "verdict": str(review.verdict),
        "revision": review.revision,
        "reviewed_at": review.created_at.isoformat(),
    }


def _csv_mark(mark: Mark) -> dict[str, Any]:
    box = mark.shape if isinstance(mark.shape, Box) else None
    corners = dict(zip(("x1", "y1", "x2", "y2"), box.xyxy, strict=True)) if box else {}
    score = {} if mark.score is None else {"score": mark.score}
    centre = {"x": mark.shape.center.x, "y": mark.shape.center.y}
    return {"kind": "box" if box else "point", **corners, **centre, "origin": str(mark.origin), **score}


def _plain(text: str) -> str:
    """Text that a spreadsheet will not run as a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def to_jsonl(cases: Sequence[Case]) -> Mapping[str, str]:
    """reviews.jsonl: a line per image and label, with MedMultiPoints' columns. Boxes are preferred to points, points to
    a bare count; `points` are the boxes' centres where there are boxes."""
    rows = [_medmultipoints(case.image, label, *best) for case in cases for label, best in _best(case).items()]
    return {"reviews.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)}


def _best(case: Case) -> dict[str, tuple[Review, list[Mark]]]:
    return _per_label(sorted(case.reviews, key=lambda r: (r.question.task.has_marks, r.question.task.has_boxes)))


def _medmultipoints(image: Image, label: str, review: Review, marks: Sequence[Mark]) -> dict[str, Any]:
    marks = marks if review.question.task.has_marks else []
    return {
        "image_sha256": image.sha256,
        "img_size": [image.width, image.height],
        "points": [[m.shape.center.x, m.shape.center.y] for m in marks],
        "bbox": [list(m.shape.xyxy) for m in marks if isinstance(m.shape, Box)],
        "count": review.findings.counts(review.question.task).get(label, 0),
        "label": label,
    }


FORMATS = {"coco": to_coco, "yolo": to_yolo, "csv": to_csv, "jsonl": to_jsonl}
BOXES_ONLY = ("coco", "yolo")
