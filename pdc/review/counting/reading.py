"""The fields of a session with what was read of them: their newest usable reviews, and the sample that these make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pdc.counting.area import AreaSource, CountingArea, area_of, whole_image
from pdc.counting.fair_fields import Way
from pdc.counting.protocol import Protocol
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.domain.values import Image, Review
from pdc.review.counting.blind import answers
from pdc.review.counting.measures.hot_spots import ReadField, in_hot_spots
from pdc.review.counting.samples import Samples
from pdc.review.counting.state import CountField, CountSession, FieldState
from pdc.store import Store
from pdc.store.records import Event

MOST_KEPT = 5_000  # fields, whose numbers are remembered


class Readings:
    """Reads sessions, so that a count is always that of the stored marks. Of a review, which never changes, the numbers are
    remembered, by the protocol's rules and the area."""

    def __init__(self, store: Store) -> None:
        self.store, self.samples = store, Samples(store)
        self._known: dict[tuple[str, str, str], FieldCount] = {}

    def reviews(self, session: CountSession) -> dict[str, Review]:
        """sha256 of each field that was read -> its newest usable review that was asked for all of the session's labels.

        Of a field that is read blind, one from before it was chosen will not do, but for another blind read.
        """
        fields = {f.sha256: f for f in session.fields}
        wanted = set(self.store.question_now(session.question).labels)
        found = self.store.usable_reviews(tuple(fields))
        return {r.image_sha256: r for r in found if answers(r.question, wanted) and _blind_enough(r, fields[r.image_sha256])}

    def fields(self, session: CountSession, reviews: Mapping[str, Review] | None = None) -> list[CountField]:
        """The session's fields, each with its name, its area, whether it was read, and by whom. Retired images are withdrawn."""
        reviews = self.reviews(session) if reviews is None else reviews
        images = self.store.images_by_sha([f.sha256 for f in session.fields])
        gone = self.store.retired(of=[f.sha256 for f in session.fields])
        there = (_retired(_located(f, images[f.sha256]), gone.get(f.sha256)) for f in session.fields)
        return [_read(f, reviews.get(f.sha256)) for f in there]

    def sample(self, session: CountSession, reviews: Mapping[str, Review] | None = None) -> Sample:
        """What was counted: the fields that were read, in the replicates that were begun."""
        reviews = self.reviews(session) if reviews is None else reviews
        fields, protocol = self.fields(session, reviews), self.samples.named_today(session.protocol)
        rules = protocol.digest
        images = self.store.images_by_sha(list(reviews))
        begun = max((f.replicate for f in fields if f.state is FieldState.READ), default=0)
        replicates: list[Replicate] = []
        read: list[ReadField] = []
        for n in range(1, begun + 1):
            own = [f for f in fields if f.replicate == n and f.state is FieldState.READ]
            counted = [self._count(protocol, rules, f, images[f.sha256], reviews[f.sha256]) for f in own]
            readers = ", ".join(dict.fromkeys(reviews[f.sha256].author for f in own))
            replicates.append(Replicate(tuple(c.counted for c in counted), readers, session.of_replicate.get(n, {})))
            read += counted
        passed, ahead = _unread(fields)
        sample = Sample(tuple(replicates), session.filled, session.chamber, session.way)
        sample = replace(sample, passed=passed, ahead=ahead)
        return in_hot_spots(self.samples, protocol, sample, read) if session.way is Way.HOT_SPOT else sample

    def _count(self, protocol: Protocol, rules: str, place: CountField, image: Image, review: Review) -> ReadField:
        area = place.area or whole_image(image.width, image.height)
        key = rules, review.id, repr(area)
        counted = self._known.get(key) or self.samples.field(protocol, image, review, area)
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[key] = counted
        return ReadField(image, review, area, replace(counted, noted=place.noted, filled=place.filled))


def area_in(said: Mapping[str, Any], image: Image) -> CountingArea:
    """What was said of an area, in this image: without a shape, or with that of a whole image, all of it. BadArea where it
    cannot be."""
    shape = said.get("shape")
    if shape is None or (isinstance(shape, Mapping) and shape.get("kind") == "whole"):
        shape = {"kind": "whole", "width": image.width, "height": image.height}
    return area_of({"source": AreaSource.TYPED, **said, "shape": shape})


def _blind_enough(review: Review, place: CountField) -> bool:
    return not place.blind or review.blind or review.created_at >= place.at


def _retired(place: CountField, event: Event | None) -> CountField:
    """An image that was retired is as one withdrawn, with the reason that was given then."""
    if event is None or place.state is FieldState.WITHDRAWN:
        return place
    return replace(place, state=FieldState.WITHDRAWN, why=f"retired: {event.note}" if event.note else "retired", by=event.by)


def _read(place: CountField, review: Review | None) -> CountField:
    if review is None or place.state is FieldState.WITHDRAWN:
        return place
    return replace(place, state=FieldState.READ, by=review.author)


def _located(place: CountField, image: Image) -> CountField:
    """The field with its image's name, and its area in that image."""
    area = None if place.said is None else area_in(place.said, image)
    return replace(place, name=image.name, area=area)


def _unread(fields: Sequence[CountField]) -> tuple[tuple[str, ...], int]:
    """Names of those that were passed over, for later ones of their replicate were read, and how many others were not read."""
    last = {f.replicate: f.place for f in fields if f.state is FieldState.READ}
    unread = [f for f in fields if f.state is FieldState.OPEN]
    passed = tuple(f.name for f in unread if f.place < last.get(f.replicate, 0))
    return passed, len(unread) - len(passed)
