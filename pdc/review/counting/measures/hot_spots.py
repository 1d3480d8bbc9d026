"""The hot spot of a sample: the disc of a given size with the most objects in its fields, which stay beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import pi

from pdc.counting.area import CountingArea, Disc
from pdc.counting.fair_fields import hot_spot
from pdc.counting.protocol import HOT_SPOT_SIZE, Protocol
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.domain.values import Image, Review
from pdc.review.counting.samples import Samples


@dataclass(frozen=True, slots=True)
class ReadField:
    """A field that was read, what of it is counted, and its numbers there."""

    image: Image
    review: Review
    area: CountingArea
    counted: FieldCount


def in_hot_spots(samples: Samples, protocol: Protocol, sample: Sample, read: Sequence[ReadField]) -> Sample:
    """The sample counted in its hot spots alone, as many as the protocol asks for fields; `everywhere` are the whole fields.

    The same sample where the size of the spot or of a pixel is not known, or no field has room for it: then no spot was chosen.
    """
    size = sample.filled.get(HOT_SPOT_SIZE)
    if not isinstance(size, int | float) or size <= 0:
        return sample
    found = [spot for field in read if (spot := _spot(protocol, field, float(size))) is not None]
    hottest = sorted(found, key=lambda spot: spot[0], reverse=True)[: protocol.target.fields or 1]
    counted = [_counted(samples, protocol, field, area) for _, field, area in hottest]
    if not counted:
        return sample
    readers = ", ".join(dict.fromkeys(field.review.author for _, field, _ in hottest))
    whole = tuple(field.counted for field in read)
    return replace(sample, replicates=(Replicate(tuple(counted), readers),), everywhere=whole)


def _spot(protocol: Protocol, field: ReadField, mm2: float) -> tuple[int, ReadField, CountingArea] | None:
    """How many lie in the densest disc of this size, which counts what the protocol's first result is of."""
    pixel = field.area.mm_per_pixel
    if pixel is None:
        return None
    places = list(_places(protocol, field))
    spot = hot_spot(places, (field.image.width, field.image.height), mm2 / pixel**2)
    if spot is None:
        return None
    disc = Disc(x=spot.x, y=spot.y, radius=(mm2 / pi) ** 0.5 / pixel)
    return spot.inside, field, field.area.model_copy(update={"shape": disc})


def _places(protocol: Protocol, field: ReadField) -> Iterable[tuple[float, float]]:
    hot = set(protocol.results[0].of)
    for mark in field.review.findings.marks:
        if mark.counts and protocol.class_of(mark.label) in hot:
            yield mark.body.center.x, mark.body.center.y


def _counted(samples: Samples, protocol: Protocol, field: ReadField, area: CountingArea) -> FieldCount:
    counted = samples.field(protocol, field.image, field.review, area)
    return replace(counted, noted=field.counted.noted, filled=field.counted.filled)
