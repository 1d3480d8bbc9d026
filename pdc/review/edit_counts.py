"""How much readers have to correct: edits per image, in the order in which the images were first reviewed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pdc.domain.carrying import judged
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.values import UNSEEN, USABLE, Prediction, Review

TOGETHER = 10  # images that one value is the mean of


@dataclass(frozen=True, slots=True)
class EditCount:
    """The `number`-th reviewed image: marks added, removed, moved or relabelled there, the mean of it and the nine before it,
    and the adapter (None: the base) whose answer was corrected."""

    number: int
    edits: int
    mean: float
    adapter: str | None


def count_edits(reviews: Iterable[Review], predictions: Iterable[Prediction]) -> list[EditCount]:
    """Of first reviews that accept or correct a readable answer; a blind read corrects nothing and is left out. What was accepted
    unseen is first reviewed when somebody looks at it.

    Labels that the model was not asked for are left out too: nobody corrected it there.
    """
    answers = {p.id: p for p in predictions if p.findings is not None}
    said = list(reviews)
    unseen = Counter((r.image_sha256, r.question) for r in said if r.verdict in UNSEEN)
    first = [r for r in said if r.verdict in USABLE and r.revision == 1 + unseen[r.image_sha256, r.question]]
    found: list[EditCount] = []
    for review in sorted(first, key=lambda r: r.created_at):
        answer = None if review.blind else answers.get(review.prediction_id or "")
        if answer is None or (both := judged(answer, review)) is None:
            continue
        edits = sum(c.kind is not CorrectionKind.KEPT for c in diff(*both))
        recent = [e.edits for e in found[-TOGETHER + 1 :]] + [edits]
        found.append(EditCount(len(found) + 1, edits, sum(recent) / len(recent), answer.adapter))
    return found
