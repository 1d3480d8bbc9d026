"""How much readers have to correct: edits per image, in the order in which the images were first reviewed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pdc.domain.carrying import judged
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.values import UNSEEN, USABLE, Prediction, Review

TOGETHER = 10  # images that one value is the mean of


def count_first_edits(reviews: Iterable[Review], predictions: Iterable[Prediction]) -> Iterator[tuple[Review, int, str | None]]:
    """(review, edits, the adapter whose answer was corrected) of first reviews that accept or correct a readable answer, oldest
    first. A blind read corrects nothing and is left out. What was accepted unseen is first reviewed when somebody looks at it.

    Labels that the model was not asked for are left out too: nobody corrected it there.
    """
    answers = {p.id: p for p in predictions if p.findings is not None}
    said = list(reviews)
    unseen = Counter((r.image_sha256, r.question) for r in said if r.verdict in UNSEEN)
    first = [r for r in said if r.verdict in USABLE and r.revision == 1 + unseen[r.image_sha256, r.question]]
    for review in sorted(first, key=lambda r: r.created_at):
        answer = None if review.blind else answers.get(review.prediction_id or "")
        if answer is not None and (both := judged(answer, review)) is not None:
            yield review, sum(c.kind is not CorrectionKind.KEPT for c in diff(*both)), answer.adapter
