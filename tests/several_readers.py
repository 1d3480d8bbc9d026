"""Images that several readers have read, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from random import Random

from pdc.domain.values import Box, Findings, Mark, Origin, Question, Review, Task, Verdict
from pdc.review.reading.reads import Reads
from pdc.store import Store

ASK = Question(Task.COUNT_AND_BOX, ("cell", "=platelet"))
_keys = count()


def found(*places: tuple[float, str]) -> Findings:
    """A box of 20 pixels at each x with its label."""
    return Findings(tuple(Mark(f"h{i}", Box(x, 4, x + 20, 24), label, Origin.HUMAN) for i, (x, label) in enumerate(places)))


def save_read(store: Store, sha256: str, reader: str, findings: Findings, question: Question = ASK, turn: int = 1) -> Review:
    key, now = f"read {next(_keys)}", datetime.now(UTC)
    review = Review(key, sha256, question, None, Verdict.CORRECTED, findings, reader, 1, now)
    return store.save_read(review, turn=turn, key=key, base_revision=0)


def read_by(store: Store, sha256: str, reads: Mapping[str, Findings], question: Question = ASK) -> None:
    """The image given to these readers, and read by each."""
    Reads(store).assign([sha256], question, list(reads), "boss")
    for reader, findings in reads.items():
        save_read(store, sha256, reader, findings, question)


def careless(findings: Findings, seed: int, miss: float = 0.2, swap: float = 0.1, shake: float = 2.0) -> Findings:
    """The same, read by somebody who misses some, swaps some labels and draws a little beside."""
    random, kept = Random(seed), []
    for mark in findings.marks:
        dx, dy = (random.uniform(-shake, shake) for _ in "xy")
        other = next(label for label in ASK.labels if label != mark.label)
        box = (
            Box(*(a + d for a, d in zip(mark.body.xyxy, (dx, dy, dx, dy), strict=True)))
            if isinstance(mark.shape, Box)
            else mark.shape
        )
        if random.random() >= miss:
            kept.append(Mark(mark.id, box, other if random.random() < swap else mark.label, Origin.HUMAN))
    return Findings(tuple(kept))
