"""A protocol: what a lab counts, how many, of what area, and what becomes of the numbers. A versioned JSON file, one a protocol.

A lab edits a copy. A sheet prints the name, version and digest of the one it was made by, so an old sheet stays true.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pdc.counting.border import BorderKind, BorderRule, Side
from pdc.counting.chambers import CHAMBERS
from pdc.counting.fair_fields import Way
from pdc.counting.replicates import AgreementTest
from pdc.counting.units import UNITS
from pdc.domain.errors import PdcError

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f<>|]+$")]
Share = Annotated[float, Field(gt=0, le=1)]
HOT_SPOT_SIZE = "hot spot size in mm2"  # what is filled in where fields may be chosen by hot spot
ASSUMED = "assumed"  # a field whose number nobody measured is printed with this word


class BadProtocol(PdcError):
    """A protocol file cannot be used."""


class Part(BaseModel):
    """Unknown keys are refused: a misspelled one would be a rule that is not applied."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CountedClass(Part):
    """A row of the tally. `labels` are those of marks that belong to it; `key` counts one in the differential keyboard."""

    name: Name
    labels: tuple[Name, ...] = ()
    key: Annotated[str, Field(pattern=r"^[a-z]$")] | None = None


class Border(Part):
    kind: BorderKind = BorderKind.TWO_SIDED
    out: tuple[Side, Side] = (Side.RIGHT, Side.BOTTOM)

    @model_validator(mode="after")
    def _meet(self) -> Self:
        self.rule()
        return self

    def rule(self) -> BorderRule:
        return BorderRule(self.kind, self.out)


class AreaKind(StrEnum):
    """Where the size of what was counted comes from: squares of a chamber, the pixel size of the images, or nothing needs it."""

    CHAMBER = "chamber"
    PIXELS = "pixels"
    PLATE = "plate"
    NONE = "none"


class Area(Part):
    kind: AreaKind = AreaKind.NONE
    chamber: str | None = None
    """the chamber that a lab usually has; another may be named when counting"""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.chamber is not None and self.chamber not in CHAMBERS:
            raise ValueError(f"there is no chamber {self.chamber!r}; there are {', '.join(CHAMBERS)}")
        return self


class Replicates(Part):
    """How many are read. `test` compares two; `of` are the classes that it compares, all of them when empty.

    From the second on they are read blind, the model's marks hidden until the reader has saved; where `blind`, the first is too.
    """

    number: Annotated[int, Field(ge=1, le=4)] = 1
    test: AgreementTest | None = None
    of: tuple[Name, ...] = ()
    share: Share = 0.2
    blind: bool = False


class Further(Part):
    """Fewer than `below` of these classes were found: then `least` of the target's are counted."""

    of: tuple[Name, ...]
    below: Annotated[int, Field(ge=1)]
    least: Annotated[int, Field(ge=1)]


class Target(Part):
    """When to stop: `least` of these classes, in each replicate or in all together. `most` says when it was too much.

    `few` is the number below which there is no result but an upper limit. `finish`: what is never left half counted.
    """

    of: tuple[Name, ...]
    least: Annotated[int, Field(ge=1)]
    each: bool = False
    most: int | None = None
    few: Annotated[int, Field(ge=1)] | None = None
    further: Further | None = None
    fields: Annotated[int, Field(ge=1)] | None = None
    """the least number of fields"""
    finish: Literal["field", "row", "plate"] = "field"


class QuantityKind(StrEnum):
    """`concentration`: n / volume x dilution. `share`: n of `among`. `per`: n beside `among`, times a factor.
    `corrected`: a measured number that holds n too, as n beside `among` says.
    `density`: n / area. `mean`: n a field, times a factor. `colonies`: by the rules for plates."""

    CONCENTRATION = "concentration"
    SHARE = "share"
    PER = "per"
    CORRECTED = "corrected"
    DENSITY = "density"
    MEAN = "mean"
    COLONIES = "colonies"


class Result(Part):
    """A quantity on the sheet. It is multiplied by `times` and divided by `over`: numbers, or names of fields to fill in."""

    name: Name
    kind: QuantityKind
    of: tuple[Name, ...]
    among: tuple[Name, ...] = ()
    unit: str = "%"
    times: tuple[Name | float, ...] = ()
    over: tuple[Name | float, ...] = ()
    figures: Annotated[int, Field(ge=1, le=6)] | None = None
    decimals: Annotated[int, Field(ge=0, le=4)] | None = None
    limits: tuple[float, float] | None = None
    """what the lab wants to be pointed to, in the unit; never a word about the patient"""
    from_per_100: Annotated[float, Field(ge=0)] = 0
    """how many of `of` per 100 of `among` there have to be before a measured number is corrected"""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.unit not in UNITS:
            raise ValueError(f"the unit {self.unit!r} is not known; there are {', '.join(UNITS)}")
        if self.kind in (QuantityKind.SHARE, QuantityKind.PER, QuantityKind.CORRECTED) and not self.among:
            raise ValueError(f"{self.name!r} needs `among`: what it is a share of, or counted beside")
        if self.figures is not None and self.decimals is not None:
            raise ValueError(f"{self.name!r} is rounded to figures or to decimals, not both")
        return self


class FillIn(Part):
    """What the sheet needs besides the marks. `number`: it may enter a formula. `value` is assumed until one is filled in.

    `bad` are choices with which the count does not stand, such as controls that failed.
    """

    name: Name
    required: bool = True
    number: bool = False
    unit: str = ""
    value: float | None = None
    choices: tuple[Name, ...] = ()
    bad: tuple[Name, ...] = ()
    per: Literal["sample", "replicate", "field"] = "sample"
    """how many there are: one for the sample, one for each replicate or for each field"""

    @model_validator(mode="after")
    def _among_choices(self) -> Self:
        if wrong := sorted(set(self.bad) - set(self.choices)):
            raise ValueError(f"{wrong[0]!r} is no choice of {self.name!r}")
        return self


class Noted(Part):
    """A share of the fields or cells that the reader notes, such as clumps, above which the count is to be repeated."""

    name: Name
    most: Share
    verdict: Literal["repeat", "estimated"] = "repeat"


class Source(Part):
    """Where a number comes from, and whether it was `seen` there, in a `secondary` text only, or is `unchecked`."""

    about: Name
    text: str
    seen: Literal["seen", "secondary", "unchecked"]
    year: int | None = None


class Protocol(Part):
    """One protocol. `set_by_lab` names the parts whose numbers no named text was seen to give: the lab sets them before use."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=60)]
    version: Annotated[int, Field(ge=1)]
    title: Name
    classes: Annotated[tuple[CountedClass, ...], Field(min_length=1)]
    border: Border = Border()
    area: Area = Area()
    replicates: Replicates = Replicates()
    target: Target
    results: Annotated[tuple[Result, ...], Field(min_length=1)]
    fill_in: tuple[FillIn, ...] = ()
    noted: tuple[Noted, ...] = ()
    fields: tuple[Literal[Way.ALL, Way.SYSTEMATIC_RANDOM, Way.HOT_SPOT], ...] = (Way.ALL, Way.SYSTEMATIC_RANDOM)
    """the ways in which fields may be chosen"""
    sources: tuple[Source, ...] = ()
    set_by_lab: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _joined(self) -> Self:
        names = [c.name for c in self.classes]
        _once("class", names)
        _once("key", [c.key for c in self.classes if c.key])
        _once("label", [label for c in self.classes for label in c.labels])
        _once("result", [r.name for r in self.results])
        _once("field to fill in", [f.name for f in self.fill_in])
        further = self.target.further.of if self.target.further else ()
        of = [*self.target.of, *further, *self.replicates.of, *(n for r in self.results for n in (*r.of, *r.among))]
        if wrong := sorted(set(of) - set(names)):
            raise ValueError(f"{wrong[0]!r} is no class of this protocol; there are {', '.join(names)}")
        filled = {f.name for f in self.fill_in if f.number}
        if Way.HOT_SPOT in self.fields and HOT_SPOT_SIZE not in filled:
            raise ValueError(f"a hot spot needs the number {HOT_SPOT_SIZE!r} to fill in")
        for result in self.results:
            if wrong := [n for n in (*result.times, *result.over) if isinstance(n, str) and n not in filled]:
                raise ValueError(f"{result.name!r} is worked out with {wrong[0]!r}, which is no number to fill in")
        return self

    def class_of(self, label: str) -> str | None:
        """The class that a mark with this label is counted in; None: it is counted in none."""
        return next((c.name for c in self.classes if label in c.labels), None)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any rule of the protocol; a rule that is not used counts for nothing."""
        rules = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:12]


def _once(what: str, names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(f"the {what} {twice[0]!r} is there twice")


def parse_protocol(text: str, name: str) -> Protocol:
    """A protocol from the text of its file; BadProtocol says where it is wrong and how. `name` is the file's."""
    try:
        return Protocol.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " > ".join(map(str, first["loc"])) or "the whole"
        what = str(first["msg"]).removeprefix("Value error, ")
        raise BadProtocol("The protocol {name} cannot be used. At {where}: {what}.", name=name, where=where, what=what) from None


def read_protocols(folder: Path) -> dict[str, Protocol]:
    """All protocols of a folder, by name; BadProtocol where two files have one name."""
    found: dict[str, Protocol] = {}
    for path in sorted(folder.glob("*.json")):
        protocol = parse_protocol(path.read_text(encoding="utf-8"), path.name)
        if protocol.name in found:
            raise BadProtocol("Two protocol files are named {name}; give one another name.", name=protocol.name)
        found[protocol.name] = protocol
    return found
