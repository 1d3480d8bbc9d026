"""What a count session is now: the fold of what was decided in it. Pure, but for the protocol's text that is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pdc.counting.area import CountingArea
from pdc.counting.fair_fields import Way
from pdc.counting.protocol import Protocol, parse_protocol
from pdc.counting.tally import Filled
from pdc.domain.errors import NotFound
from pdc.domain.values import Question
from pdc.store.counting.records import CountBegun, CountEvent, CountEventKind

NO_FIELD = "This image is no field of the count."


class FieldState(StrEnum):
    """`read`: it has a review that was asked for the protocol's labels. `withdrawn`: left out, with a reason."""

    OPEN = "open"
    READ = "read"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class CountField:
    """An image as a field of a replicate; both `replicate` and `place`, its order within it, count from 1.

    `way` and, in words, `how` say how it was chosen, `at` when. `area` is what of it is counted; None: nobody said, so that it
    is the whole image. `why` and `by` say of a withdrawn field why, and who withdrew it; of a read one `by` is its reader.
    `blind`: the model's and the first replicate's marks are kept from its reader until they have saved.
    """

    replicate: int
    sha256: str
    place: int
    at: datetime
    way: Way = Way.ALL
    how: str = ""
    name: str = ""
    said: Mapping[str, Any] | None = None
    """what was decided of its area, as JSON; without a shape it is the whole image, whatever its size"""
    area: CountingArea | None = None
    noted: frozenset[str] = frozenset()
    filled: Filled = field(default_factory=dict)
    state: FieldState = FieldState.OPEN
    why: str = ""
    by: str = ""
    blind: bool = False

    @property
    def squares(self) -> int | None:
        """Squares of the chamber that are counted in it."""
        return (self.said or {}).get("squares")

    @property
    def mm_per_pixel(self) -> float | None:
        return (self.said or {}).get("mm_per_pixel")


@dataclass(frozen=True, slots=True)
class CountSession:
    """A sample that is being counted. `fields` are as they were chosen, in order, without whether they were read."""

    id: str
    sample: str
    protocol: Protocol
    question: Question
    chamber: str | None
    by: str
    at: datetime
    fields: tuple[CountField, ...] = ()
    filled: Filled = field(default_factory=dict)
    of_replicate: Mapping[int, Filled] = field(default_factory=dict)
    """what was filled in for each replicate"""
    closed: bool = False

    @property
    def chosen(self) -> str:
        """How the fields were chosen, in words."""
        return "; ".join(dict.fromkeys(f.how for f in self.fields))

    @property
    def way(self) -> Way | None:
        """The way in which they were; by the reader where one of them was named."""
        ways = {f.way for f in self.fields if f.state is not FieldState.WITHDRAWN}
        return Way.NAMED if Way.NAMED in ways or len(ways) > 1 else next(iter(ways), None)

    @property
    def replicates(self) -> int:
        """How many it has."""
        return max((f.replicate for f in self.fields), default=0)

    def field(self, sha256: str) -> CountField:
        """NotFound where the image is none of its fields, withdrawn ones among them."""
        found = next((f for f in self.fields if f.sha256 == sha256), None)
        if found is None:
            raise NotFound(NO_FIELD)
        return found


def fold(begun: CountBegun, events: Sequence[CountEvent]) -> CountSession:
    """The session after these events, in their order."""
    protocol = _protocol(begun.protocol)
    fields: dict[str, CountField] = {}
    of: dict[int | None, dict[str, float | str]] = {}
    closed, area = False, None
    for event in events:
        match event.kind:
            case CountEventKind.FIELD:
                fields[_image(event)] = replace(_chosen(event, protocol, fields.values()), said=area)
            case CountEventKind.AREA if event.image_sha256 is None:
                area, fields = event.value, {sha: replace(f, said=event.value) for sha, f in fields.items()}
            case CountEventKind.CLOSED | CountEventKind.REOPENED:
                closed = event.kind is CountEventKind.CLOSED
            case CountEventKind.FILL if event.image_sha256 is None:
                of[event.replicate] = _with(of.get(event.replicate, {}), event)
            case _:
                fields[_image(event)] = _changed(fields[_image(event)], event)
    whole, parts = of.get(None, {}), {n: filled for n, filled in of.items() if n is not None}
    about = (begun.id, begun.sample, protocol, begun.question, begun.chamber, begun.by, begun.at)
    return CountSession(*about, tuple(sorted(fields.values(), key=lambda f: (f.replicate, f.place))), whole, parts, closed)


@lru_cache(maxsize=200)
def _protocol(text: str) -> Protocol:
    """Of a text that is kept, which never changes."""
    return parse_protocol(text, "of this count")


def blind(protocol: Protocol, replicate: int) -> bool:
    """Whether the fields of this replicate are read without the model and the first replicate in sight."""
    return replicate > 1 or protocol.replicates.blind


def _image(event: CountEvent) -> str:
    assert event.image_sha256 is not None
    return event.image_sha256


def _chosen(event: CountEvent, protocol: Protocol, before: Iterable[CountField]) -> CountField:
    """A field behind those that its replicate has; one that was withdrawn and is chosen again keeps its place."""
    replicate = event.replicate or 1
    own = [f for f in before if f.replicate == replicate]
    place = next((f.place for f in own if f.sha256 == event.image_sha256), len(own) + 1)
    return CountField(
        replicate, _image(event), place, event.at, Way(event.value["way"]), event.value["how"], blind=blind(protocol, replicate)
    )


def _changed(found: CountField, event: CountEvent) -> CountField:
    match event.kind:
        case CountEventKind.WITHDRAWN:
            return replace(found, state=FieldState.WITHDRAWN, why=event.why, by=event.by)
        case CountEventKind.NOTE:
            return replace(found, noted=frozenset(event.value))
        case CountEventKind.AREA:
            return replace(found, said=event.value)
        case _:
            return replace(found, filled=_with(found.filled, event))


def _with(filled: Filled, event: CountEvent) -> dict[str, float | str]:
    """What is filled in after this event; nothing in it empties a blank."""
    rest = {name: value for name, value in filled.items() if name != event.name}
    return rest if event.value is None else {**rest, event.name: event.value}
