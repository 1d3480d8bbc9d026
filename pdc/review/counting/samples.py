"""Reviewed images become the fields of a sample. A replicate is a group of images: a chamber side, a slide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pdc.counting.area import CountingArea, whole_image
from pdc.counting.protocol import BadProtocol, Protocol, read_protocols
from pdc.counting.reader_error import RECENT, ReaderError
from pdc.counting.tally import FieldCount, Filled, Proposed, Replicate, Sample, count_field
from pdc.domain.carrying import judged
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.errors import NotFound, PdcError
from pdc.domain.values import Image, Review
from pdc.review.counting.measures.errors import error_of
from pdc.settings import ASSETS
from pdc.store import Store

FOLDER = "protocols"


class NotRead(PdcError):
    """Fields of a sample have not been reviewed yet."""


def known_protocols(home: Path) -> dict[str, Protocol]:
    """Those that ship, and the lab's own in PDC_HOME/protocols; BadProtocol where two have one name."""
    shipped, own = read_protocols(ASSETS / FOLDER), read_protocols(home / FOLDER)
    if twice := sorted(shipped.keys() & own.keys()):
        raise BadProtocol("A protocol named {name} ships with PDC; give yours another name.", name=twice[0])
    return shipped | own


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of every field besides its marks: `squares` of the chamber in each image, or `mm_per_pixel`."""

    chamber: str | None = None
    squares: int | None = None
    mm_per_pixel: float | None = None
    filled: Filled = field(default_factory=dict)


class Samples:
    """Counts samples from what was reviewed."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def read(self, protocol: Protocol, groups: Sequence[str], known: Known) -> Sample:
        """The sample whose replicates are these groups of images.

        NotFound for an unknown group; NotRead where images of it have no review that was asked for the protocol's labels.
        """
        protocol = self.named_today(protocol)
        replicates = tuple(self._replicate(protocol, group, known) for group in groups)
        return Sample(replicates, known.filled, known.chamber)

    def error(self, protocol: Protocol, sample: Sample) -> ReaderError | None:
        """By how much reading has changed the model's counts of what the protocol's target counts, over its newest reviews."""
        protocol = self.named_today(protocol)
        newest: dict[str, Review] = {}
        for review in self.store.newest_usable(_labels(protocol), 2 * RECENT):
            if review.question.task.has_marks:
                newest.setdefault(review.image_sha256, review)
        return error_of(self.store, protocol, sample, newest.values())

    def _replicate(self, protocol: Protocol, group: str, known: Known) -> Replicate:
        images = self.store.images_of_groups([group])
        if not images:
            raise NotFound("There is no image of the group {group}.", group=repr(group))
        labels, found = _labels(protocol), self.store.usable_reviews([image.sha256 for image in images])
        reviews = {r.image_sha256: r for r in found if r.question.task.has_marks and labels & set(r.question.labels)}
        if missing := [image.name for image in images if image.sha256 not in reviews]:
            raise NotRead(
                "{n} of {all} images of {group} have not been reviewed, among them {name}: read them first.",
                n=len(missing),
                all=len(images),
                group=repr(group),
                name=missing[0],
            )
        read = [reviews[image.sha256] for image in images]
        fields = tuple(
            self.field(protocol, image, review, _whole(image, known)) for image, review in zip(images, read, strict=True)
        )
        return Replicate(fields, ", ".join(dict.fromkeys(r.author for r in read)))

    def named_today(self, protocol: Protocol) -> Protocol:
        """The protocol under today's names of its labels, as reviews and answers have them."""
        moved = self.store.dictionary().moved
        classes = tuple(c.model_copy(update={"labels": tuple(moved.get(n, n) for n in c.labels)}) for c in protocol.classes)
        return protocol.model_copy(update={"classes": classes})

    def field(self, protocol: Protocol, image: Image, review: Review, area: CountingArea) -> FieldCount:
        """The numbers of a reviewed image in this area, and what the model had counted there."""
        counted = count_field(protocol, image.name, review.findings.marks, area)
        counted = replace(counted, complete=review.complete, blind=review.blind, read_at=review.created_at)
        return replace(counted, image=image.sha256, proposed=self._proposed(protocol, review, area))

    def _proposed(self, protocol: Protocol, review: Review, area: CountingArea) -> Proposed | None:
        """What the model had marked where the reader saw it."""
        answer = self.store.prediction(review.prediction_id) if review.prediction_id and not review.blind else None
        if answer is None or (both := judged(answer, review)) is None:
            return None
        edits = Counter(str(c.kind) for c in diff(*both) if c.kind is not CorrectionKind.KEPT)
        name = f"{answer.model}, {answer.adapter}" if answer.adapter else answer.model
        return Proposed(name, count_field(protocol, "", both[0].marks, area).counted, dict(edits))


def _labels(protocol: Protocol) -> set[str]:
    return {label for c in protocol.classes for label in c.labels}


def _whole(image: Image, known: Known) -> CountingArea:
    return whole_image(image.width, image.height, mm_per_pixel=known.mm_per_pixel, squares=known.squares)
