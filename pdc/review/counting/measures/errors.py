"""What reading changed in the model's counts of a protocol's classes, from the newest reviews of its labels."""

from __future__ import annotations

from collections.abc import Iterable

from pdc.counting.protocol import Protocol
from pdc.counting.reader_error import RECENT, Change, ReaderError, reader_errors
from pdc.counting.tally import Sample
from pdc.domain.values import Prediction, Review
from pdc.store import Store


def error_of(store: Store, protocol: Protocol, sample: Sample, reviews: Iterable[Review]) -> ReaderError | None:
    """From the newest RECENT of these reviews, with and without the model in sight; None where too few corrected an answer."""
    changes: dict[bool, list[Change]] = {False: [], True: []}
    for review in sorted(reviews, key=lambda r: r.created_at, reverse=True)[:RECENT]:
        if change := _change(protocol, _answer(store, review), review):
            changes[review.blind].append(change)
    of = protocol.target.of
    totals = {name: sample.of((name,)) for name in of}
    return reader_errors(changes[False], changes[True], len(sample.fields), totals, of)


def _answer(store: Store, review: Review) -> Prediction | None:
    """The answer that the review corrected; of a blind one, what the model says of the same question."""
    if review.prediction_id is not None:
        return store.prediction(review.prediction_id)
    return store.newest_prediction(review.image_sha256, review.question) if review.blind else None


def _change(protocol: Protocol, answer: Prediction | None, review: Review) -> Change | None:
    """Of the classes that both were asked about. Where not all was marked, the counts say nothing."""
    if answer is None or answer.findings is None or not (answer.findings.complete and review.complete):
        return None
    asked = set(answer.question.labels) & set(review.question.labels)
    said, read = answer.findings.counts(answer.question.task), review.findings.counts(review.question.task)
    classes = {c.name: labels for c in protocol.classes if (labels := asked.intersection(c.labels))}
    return {name: (sum(said.get(n, 0) for n in own), sum(read.get(n, 0) for n in own)) for name, own in classes.items()}
