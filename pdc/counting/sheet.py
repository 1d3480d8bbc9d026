"""The sheet of a sample: everything that its numbers were worked out from, and the numbers. Plain JSON, complete in itself.

A sheet holds its protocol's whole text, so another version of the protocol never changes it. `recompute` works every number out
again from the sheet alone; `differences` names those that are not the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from pdc.counting.protocol import Protocol, parse_protocol
from pdc.counting.reader_error import ReaderError
from pdc.counting.results import Line, missing_fields, work_out
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.counting.verdict import Outcome, judge, worst
from pdc.domain.errors import PdcError
from pdc.domain.message import Message

FORMAT = 1


class BadSheet(PdcError):
    """A sheet cannot be read, or cannot be final."""


class SheetStatus(StrEnum):
    """`amended`: it takes the place of another, which is kept."""

    DRAFT = "draft"
    FINAL = "final"
    AMENDED = "amended"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a sheet says besides its numbers. `sample` is a code, never a name. `chosen` is how the fields were chosen, in words.

    `model` names what proposed marks; `blind`: no replicate was read with it in sight. `amends` is the sheet that this one
    replaces, and `why` the reason.
    """

    sample: str
    made_at: datetime
    author: str
    chosen: str
    status: SheetStatus = SheetStatus.DRAFT
    model: str = ""
    blind: bool = False
    amends: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The numbers of a sample with all they rest on."""

    heading: Heading
    protocol: Protocol
    sample: Sample
    lines: tuple[Line, ...]
    outcomes: tuple[Outcome, ...]
    error: ReaderError | None = None

    @property
    def verdict(self) -> str:
        return worst(self.outcomes)


def make_sheet(heading: Heading, protocol: Protocol, sample: Sample, error: ReaderError | None = None) -> Sheet:
    """The sheet of a sample. BadSheet where it is to be final and something required is not filled in, or has no reason."""
    if heading.status is not SheetStatus.DRAFT and (missing := missing_fields(protocol, sample)):
        raise BadSheet("The sheet cannot be final: {names} must be filled in first.", names=", ".join(missing))
    if heading.status is SheetStatus.AMENDED and not (heading.amends and heading.why.strip()):
        raise BadSheet("An amended sheet names the one that it replaces, and why.")
    lines = work_out(protocol, sample)
    return Sheet(heading, protocol, sample, lines, judge(protocol, sample, lines), error)


def to_json(sheet: Sheet) -> dict[str, Any]:
    """The sheet as it is kept and exported; `from_json` reads it back."""
    return {
        "format": FORMAT,
        **_plain(asdict(sheet.heading)),
        "protocol": {"digest": sheet.protocol.digest, "rules": sheet.protocol.model_dump(mode="json")},
        "sample_counted": _plain(asdict(sheet.sample)),
        "results": [_plain(asdict(line)) for line in sheet.lines],
        "rules": [{"rule": o.rule, "verdict": o.verdict, "said": str(o.said)} for o in sheet.outcomes],
        "verdict": sheet.verdict,
        "reader_and_model_error": asdict(sheet.error) if sheet.error else None,
    }


def from_json(text: str) -> Sheet:
    """A sheet with its numbers worked out anew from what it rests on; BadSheet where it is none."""
    try:
        kept = json.loads(text)
        if kept["format"] != FORMAT:
            raise BadSheet("The sheet has format {found}; this program reads format {known}.", found=kept["format"], known=FORMAT)
        heading = {f.name: kept[f.name] for f in fields(Heading)}
        at, status = datetime.fromisoformat(heading.pop("made_at")), SheetStatus(heading.pop("status"))
        protocol = parse_protocol(json.dumps(kept["protocol"]["rules"]), kept["protocol"]["rules"]["name"])
        error = kept["reader_and_model_error"]
        read = Heading(made_at=at, status=status, **heading)
        return make_sheet(read, protocol, _sample(kept["sample_counted"]), ReaderError(**error) if error else None)
    except (ValueError, KeyError, TypeError) as wrong:
        raise BadSheet("This is no sheet of PDC, or it is damaged ({why}).", why=type(wrong).__name__) from wrong


def differences(text: str) -> list[str]:
    """What a sheet's text says otherwise than its own counts and rules do; empty for a sheet that nobody changed."""
    kept, anew = json.loads(text), json.loads(json.dumps(to_json(from_json(text))))
    found = [key for key in ("verdict", "rules") if kept.get(key) != anew[key]]
    if kept["protocol"]["digest"] != anew["protocol"]["digest"]:
        found.append("protocol")
    was, now = ({line["name"]: line for line in sheet["results"]} for sheet in (kept, anew))
    return found + [name for name in now.keys() | was.keys() if was.get(name) != now.get(name)]


def _sample(kept: Mapping[str, Any]) -> Sample:
    replicates = tuple(Replicate(_fields(r["fields"]), r["reader"], r["filled"]) for r in kept["replicates"])
    return Sample(replicates, kept["filled"], kept["chamber"])


def _fields(kept: Sequence[Mapping[str, Any]]) -> tuple[FieldCount, ...]:
    return tuple(FieldCount(**{**f, "noted": frozenset(f["noted"])}) for f in kept)


def _plain(value: Any) -> Any:
    """Values as JSON has them; a Message by its English."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Message) else value
