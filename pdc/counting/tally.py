"""What was counted: fields within replicates within a sample, and how marks become the numbers of a field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pdc.counting.area import CountingArea
from pdc.counting.fair_fields import Way
from pdc.counting.protocol import AreaKind, Protocol
from pdc.domain.values import Mark, Status

Filled = Mapping[str, float | str]
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a model had marked on a field before its reader did: its name, the numbers per class by the same rule, and what the
    reader changed, as marks added, removed, moved or relabelled."""

    model: str
    counted: Mapping[str, int]
    edits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldCount:
    """One field. `counted` and `left_out` are numbers per class: inside by the border rule, and marked but not inside it.

    `unclassed` is marks whose label belongs to no class; `doubtful`, those that nobody has judged, which do not count.
    `squares` are those of the chamber that the field shows; `mm2` its area by the pixel size; None: not known.
    `complete`: the reader says that all is marked. `noted` are what the reader noted of the field, such as clumps.
    `proposed` is None where no model was asked, or the reader saw nothing of it; `blind`: the reader saw nothing of it.
    `image` is the sha256 of the picture.
    """

    name: str
    counted: Mapping[str, int]
    left_out: Mapping[str, int] = field(default_factory=dict)
    unclassed: int = 0
    doubtful: int = 0
    squares: int | None = None
    mm2: float | None = None
    complete: bool = True
    noted: frozenset[str] = frozenset()
    filled: Filled = field(default_factory=dict)
    proposed: Proposed | None = None
    blind: bool = False
    read_at: datetime | None = None
    area: CountingArea | None = None
    image: str = ""

    def of(self, classes: Iterable[str]) -> int:
        return sum(self.counted.get(name, 0) for name in classes)


@dataclass(frozen=True, slots=True)
class Replicate:
    """Fields of one preparation of the sample: a dilution, a chamber side, a slide. Never another look at the same pictures."""

    fields: tuple[FieldCount, ...]
    reader: str = ""
    filled: Filled = field(default_factory=dict)

    def of(self, classes: Iterable[str]) -> int:
        names = tuple(classes)
        return sum(f.of(names) for f in self.fields)

    @property
    def squares(self) -> int | None:
        return _total([f.squares for f in self.fields])

    @property
    def mm2(self) -> float | None:
        return _total([f.mm2 for f in self.fields])


@dataclass(frozen=True, slots=True)
class Sample:
    """All that a result is worked out from. `filled` holds what the protocol asks to be filled in, by name.

    `way` is how the fields were chosen; None: not known. `copies` are names of two fields whose pictures show the same place.
    `passed` are names of fields that were chosen and not read, though later ones of their replicate were; `ahead` is how many
    others were not. `everywhere` are the whole fields where only hot spots in them are counted.
    """

    replicates: tuple[Replicate, ...]
    filled: Filled = field(default_factory=dict)
    chamber: str | None = None
    way: Way | None = None
    copies: tuple[tuple[str, str], ...] = ()
    passed: tuple[str, ...] = ()
    ahead: int = 0
    everywhere: tuple[FieldCount, ...] = ()

    @property
    def fields(self) -> tuple[FieldCount, ...]:
        return tuple(f for r in self.replicates for f in r.fields)

    def of(self, classes: Iterable[str]) -> int:
        names = tuple(classes)
        return sum(r.of(names) for r in self.replicates)


def least_asked(protocol: Protocol, sample: Sample) -> int:
    """How many are counted before the count may end; more where few were found of what the protocol looks for."""
    target = protocol.target
    further = target.further
    return further.least if further is not None and sample.of(further.of) < further.below else target.least


def squares_to_match(protocol: Protocol, sample: Sample) -> int | None:
    """Squares of the first replicate, which the later ones repeat whatever they find; None where a chamber does not say."""
    first = sample.replicates[0] if protocol.area.kind is AreaKind.CHAMBER and len(sample.replicates) > 1 else None
    return first.squares if first is not None else None


def _total(parts: Sequence[N | None]) -> N | None:
    """The sum where every part is known; else nothing is."""
    first, *others = parts or [None]
    for part in others:
        first = None if first is None or part is None else first + part
    return first


def count_field(protocol: Protocol, name: str, marks: Iterable[Mark], area: CountingArea) -> FieldCount:
    """The numbers of one field by the protocol's border rule in its counting area, and the area's size, where known.

    What the rule leaves out is counted apart: it stays in the review, and is still true.
    """
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    unclassed = doubtful = 0
    rule = protocol.border.rule()
    for mark in marks:
        if not mark.counts:
            doubtful += mark.status is Status.DOUBTFUL
        elif (kind := protocol.class_of(mark.label)) is None:
            unclassed += 1
        else:
            (inside if area.inside(mark.body, rule) else outside)[kind] += 1
    return FieldCount(name, dict(inside), dict(outside), unclassed, doubtful, area.squares, area.mm2(), area=area)
