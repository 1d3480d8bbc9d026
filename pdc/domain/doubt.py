"""What a model's own numbers leave in doubt: marks below their label's threshold, and images unlike those it knows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from pdc.domain.message import Message, joined
from pdc.domain.values import Findings, Likeness, Mark, Status

V = TypeVar("V")
Thresholds = Mapping[str, float]
"""the score, 0 to 1, per label below which a mark is doubtful; a label without one has no doubtful marks"""
UNLIKE = 0.03  # the share of a label's own images that are called unlike them; 0.05 is the most that may be


def with_doubts(findings: Findings, thresholds: Thresholds) -> Findings:
    """The findings with every open mark below its label's threshold doubtful; stated counts leave those out."""
    marks = tuple(_doubted(m, thresholds.get(m.label, 0.0)) for m in findings.marks)
    doubtful = Counter(m.label for m in marks if m.status is Status.DOUBTFUL)
    stated = {label: max(n - doubtful[label], 0) for label, n in findings.stated.items()}
    return replace(findings, marks=marks, stated=stated)


def _doubted(mark: Mark, threshold: float) -> Mark:
    low = mark.untouched and mark.score is not None and mark.score < threshold
    return replace(mark, status=Status.DOUBTFUL) if low else mark


def opened(findings: Findings) -> Findings:
    """The findings with every doubtful mark open, to compare them as objects whatever their score."""
    return replace(findings, marks=tuple(replace(m, status=Status.OPEN) if _is_doubtful(m) else m for m in findings.marks))


def _is_doubtful(mark: Mark) -> bool:
    return mark.status is Status.DOUBTFUL


def unlike(likeness: Likeness, marked: Collection[str] = ()) -> tuple[str, ...]:
    """The labels to warn of: this image does not look like their training images. Where it looks like those of another asked
    label it is a known one, and only labels with marks (`marked`) are warned of."""
    strange = tuple(label for label, share in likeness.items() if share < UNLIKE)
    return strange if len(strange) == len(likeness) else tuple(label for label in strange if label in marked)


def believable(chances: Mapping[str, V], likeness: Likeness) -> dict[str, V]:
    """Of what is known per label how probable each count is, the part to be believed: none for labels to whose training images
    this one is unlike, since it was learnt from those."""
    strange = unlike(likeness)
    return {label: of for label, of in chances.items() if label not in strange}


def unlike_note(labels: Iterable[str]) -> Message:
    """What a reader is told of an image unlike those that the model was trained on for these labels; empty without any."""
    named = ", ".join(labels)
    if not named:
        return joined(())
    return Message("This image does not look like those the model was trained on for {labels}. Check everything.", labels=named)
