"""Stores of any size in which everything that a lab writes has grown with the images: for tests of what size costs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
from sqlalchemy import insert

from pdc.counting.protocol import read_protocols
from pdc.domain.values import Box, Findings, Image, Mark, Origin, Prediction, Question, Review, Status, Task, Verdict
from pdc.images.near_duplicates import RULE, ImageHash
from pdc.review.similar.matrix import pack
from pdc.settings import ASSETS
from pdc.store import Store
from pdc.store.audit.tables import AuditEventRow
from pdc.store.counting.tables import CountEventRow, CountSessionRow
from pdc.store.learnt.tables import EditCountRow, LearntUntilRow
from pdc.store.mapping import dump_findings, image_row, prediction_row, question_key, review_row
from pdc.store.reading.tables import ReaderEventRow, ReadRow, SignatureRow
from pdc.store.tables import DraftRow, EffortRow, EventRow, LikenessRow, OwnerRow, PredictionRow, ReviewRow, Row, VectorRow

ASK = Question(Task.COUNT_AND_BOX, ("nucleus",))
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
READERS = ("ada", "ben", "cem")
FOUND = Findings(tuple(Mark(f"m{k}", Box(9 * k, 4, 9 * k + 8, 12), "nucleus", Origin.MODEL, score=0.8) for k in range(3)))
KEPT = Findings(tuple(Mark(m.id, m.shape, m.label, m.origin, Status.ACCEPTED, m.score) for m in FOUND.marks))
OF_EACH = {"assigned": 3, "sent_back": 10, "held_back": 14, "retired": 22, "confirmed": 34}
"""kind of event -> one of so many images has one"""


def sha_of(i: int) -> str:
    return sha256(str(i).encode()).hexdigest()


def fill(store: Store, n: int, weights: str = "weights") -> None:
    """Write `n` images into a new store, with all that hangs on them: three of four are reviewed. The record knows of none."""
    with store._writer.begin() as connection:
        for rows in _tables(n, weights):
            connection.execute(insert(type(rows[0])), [_values(row) for row in rows])


def _values(row: Row) -> dict[str, Any]:
    """Every column that has a value or may be empty: rows of a table then all have the same."""
    return {c.name: v for c in row.__table__.columns if (v := getattr(row, c.name)) is not None or c.nullable}


def _tables(n: int, weights: str) -> Iterator[Sequence[Row]]:
    images, reviewed = range(n), [i for i in range(n) if i % 4]
    several = [i for i in reviewed if i % 25 == 1]
    task, labels = question_key(ASK)
    about = {i: {"image_sha256": sha_of(i), "task": task, "labels": labels} for i in images}
    yield [image_row(_image(i)) for i in images]
    yield [OwnerRow(owner=READERS[i % 3], image_sha256=sha_of(i), name=f"field {i:07}.png", at=_at(i)) for i in images]
    yield [_answer(i) for i in images]
    yield [_read(i, reader) for i in several for reader in READERS[:2]]
    yield [_review(i, several) for i in reviewed]
    yield [
        EventRow(image_sha256=sha_of(i), kind=kind, by="boss", reader=_whose(kind, i), note="", at=_at(i))
        for kind, each in OF_EACH.items()
        for i in images
        if i % each == each - 1
    ]
    yield [
        DraftRow(author="cem", **about[i], key=f"d{i}", findings=dump_findings(FOUND), base_revision=0, saved_at=_at(i))
        for i in images
        if i % 20 == 0
    ]
    yield [AuditEventRow(kind="viewed", who=READERS[i % 3], image_sha256=sha_of(i), what="{}", at=_at(i)) for i in images]
    yield [_given(i, reader) for i in several for reader in READERS[:2]]
    yield [
        SignatureRow(
            review_id=f"r{i}", **about[i], kind="signed", meaning="read", revision=1, by=READERS[i % 3], reason="", at=_at(i)
        )
        for i in reviewed
        if i % 30 == 3
    ]
    yield from _learnt(n, reviewed)
    yield [EffortRow(review_id=f"r{i}", seconds=3.0, moves=4, keys=5, edits="{}") for i in reviewed]
    random = np.random.default_rng(1)
    yield [VectorRow(image_sha256=sha_of(i), model=weights, vector=pack(random.normal(size=16))) for i in images]
    hashes = random.integers(0, 2**63, (n, 5))
    yield [
        LikenessRow(image_sha256=sha_of(i), rule=RULE, text=str(ImageHash(int(h[0]), tuple(map(int, h[1:])))))
        for i, h in enumerate(hashes)
    ]
    yield from _counts(n)


def _image(i: int) -> Image:
    return Image(sha_of(i), f"field {i:07}.png", 640, 480, f"patient {i // 10}", _at(i))


def _answer(i: int) -> PredictionRow:
    return prediction_row(Prediction(f"p{i}", sha_of(i), ASK, FOUND, "[]", "model", None, "1", 1.0, _at(i)))


def _review(i: int, several: Sequence[int]) -> ReviewRow:
    basis = tuple(f"read {i} {reader}" for reader in READERS[:2]) if i in several else ()
    said = Review(f"r{i}", sha_of(i), ASK, f"p{i}", Verdict.CORRECTED, KEPT, READERS[i % 3], 1, _at(i), rests_on=basis)
    return review_row(said, f"k{i}")


def _read(i: int, reader: str) -> ReadRow:
    task, labels = question_key(ASK)
    name = f"read {i} {reader}"
    return ReadRow(
        id=name,
        key=name,
        image_sha256=sha_of(i),
        task=task,
        labels=labels,
        verdict="corrected",
        findings=dump_findings(KEPT),
        author=reader,
        turn=1,
        revision=1,
        created_at=_at(i),
        blind=True,
    )


def _given(i: int, reader: str) -> ReaderEventRow:
    task, labels = question_key(ASK)
    return ReaderEventRow(
        image_sha256=sha_of(i),
        task=task,
        labels=labels,
        kind="given",
        reader=reader,
        turn=1,
        shows_model=True,
        opens_at=_at(i),
        by="boss",
        note="",
        at=_at(i),
    )


def _learnt(n: int, reviewed: Sequence[int]) -> Iterator[Sequence[Row]]:
    """All reviews have been learnt from."""
    yield [LearntUntilRow(source="reviews", seq=len(reviewed)), LearntUntilRow(source="events", seq=10 * n)]
    yield [EditCountRow(number=k, review_id=f"r{i}", edits=1, mean=1.0) for k, i in enumerate(reviewed, 1)]


def _counts(n: int) -> Iterator[Sequence[Row]]:
    """Closed counts of five fields each."""
    task, labels = question_key(ASK)
    ids = [f"c{k}" for k in range(n // 50)]
    rules = next(iter(read_protocols(ASSETS / "protocols").values())).model_dump(mode="json")
    begun = {"protocol": json.dumps(rules), "task": task, "labels": labels, "chosen": "all", "by": "boss"}
    yield [CountSessionRow(id=id, sample=id, at=_at(k), **begun) for k, id in enumerate(ids)]
    nothing = {"name": "", "value": json.dumps({"way": "all", "how": "all"}), "why": "", "by": "boss"}
    yield [
        CountEventRow(session_id=id, kind="field", replicate=1, image_sha256=sha_of(50 * k + f), at=_at(k), **nothing)
        for k, id in enumerate(ids)
        for f in range(5)
    ]
    yield [CountEventRow(session_id=id, kind="closed", at=_at(k), **nothing) for k, id in enumerate(ids)]


def _whose(kind: str, i: int) -> str | None:
    return READERS[i % 3] if kind in ("assigned", "confirmed") else None


def _at(i: int) -> datetime:
    return BEGAN + timedelta(seconds=i)
