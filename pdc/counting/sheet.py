"""The sheet of a sample: everything that its numbers were worked out from, and the numbers. Plain JSON, complete in itself.

A sheet holds its protocol's whole text, so another version of the protocol never changes it. `from_json` works every number out
again from the sheet alone; `differences` names those that are not the same; `as_kept` reads what was signed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from pdc.counting.area import CountingArea, area_of
from pdc.counting.fair_fields import Way
from pdc.counting.plates import PlateResult
from pdc.counting.protocol import Protocol, parse_protocol
from pdc.counting.reader_error import ErrorOf, ReaderError
from pdc.counting.results import Line, missing_fields, work_out
from pdc.counting.tally import FieldCount, Proposed, Replicate, Sample
from pdc.counting.verdict import Outcome, Verdict, judge, worst
from pdc.domain.errors import PdcError
from pdc.domain.message import Message

FORMAT = 1
WORD = re.compile(r"[^\W\d_]{2,}")
TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau"))


class BadSheet(PdcError):
    """A sheet cannot be read, or cannot be final."""


class SheetStatus(StrEnum):
    """`amended`: it takes the place of another, which is kept."""

    DRAFT = "draft"
    FINAL = "final"
    AMENDED = "amended"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A field that was taken out of the count, by whom and why."""

    name: str
    why: str
    by: str = ""
    replicate: int | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """What a sheet says besides its numbers. `sample` is a code, never a name. `chosen` is how the fields were chosen, in words.

    `model` names what proposed marks; `blind`: no replicate was read with it in sight. `amends` is the sheet that this one
    replaces, and `why` the reason. `id` and `revision` are those under which it is kept; None: it is not kept.
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
    withdrawn: tuple[Withdrawn, ...] = ()
    id: str | None = None
    revision: int | None = None


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


def looks_like_a_name(code: str) -> bool:
    """Whether a sample's code reads like a person's name, which would leave the lab with the sheet: a title, two words with a
    capital, or words without any digit. The reader decides."""
    words = WORD.findall(code)
    capital = [w for w in words if w[0].isupper() and not w.isupper()]
    titled = any(w.casefold() in TITLES for w in words[:-1])
    bare = bool(capital or len(words) > 1) and not any(map(str.isdigit, code))
    return titled or bare or len(capital) > 1


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
        "rules": [{"rule": o.rule, "verdict": o.verdict, **_parts(o.said)} for o in sheet.outcomes],
        "verdict": sheet.verdict,
        "reader_and_model_error": asdict(sheet.error) if sheet.error else None,
    }


def from_json(text: str) -> Sheet:
    """A sheet with its numbers worked out anew from what it rests on; BadSheet where it is none."""
    with _damage_is_said():
        kept = _loaded(text)
        return make_sheet(_heading(kept), _protocol(kept), _sample(kept["sample_counted"]), _error(kept))


def as_kept(text: str) -> Sheet:
    """A sheet with the numbers and sentences that it was kept with, whatever today's program would work out; BadSheet where it is
    none."""
    with _damage_is_said():
        kept = _loaded(text)
        lines, outcomes = tuple(map(_line, kept["results"])), tuple(map(_outcome, kept["rules"]))
        return Sheet(_heading(kept), _protocol(kept), _sample(kept["sample_counted"]), lines, outcomes, _error(kept))


def differences(text: str) -> list[str]:
    """What a sheet's text says otherwise than its own counts and rules do; empty for a sheet that nobody changed."""
    kept, anew = json.loads(text), json.loads(json.dumps(to_json(from_json(text))))
    found = [key for key in ("verdict", "rules") if kept.get(key) != anew[key]]
    if kept["protocol"]["digest"] != anew["protocol"]["digest"]:
        found.append("protocol")
    was, now = ({line["name"]: line for line in sheet["results"]} for sheet in (kept, anew))
    return found + [name for name in now.keys() | was.keys() if not _same(was.get(name), now.get(name))]


def _same(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> bool:
    """Whether what a sheet says still holds; an older one may say less."""
    return was is not None and now is not None and all(now.get(name) == value for name, value in was.items())


@contextmanager
def _damage_is_said() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise BadSheet("This is no sheet of PDC, or it is damaged ({why}).", why=type(wrong).__name__) from wrong


def _loaded(text: str) -> dict[str, Any]:
    kept = json.loads(text)
    if kept["format"] != FORMAT:
        raise BadSheet("The sheet has format {found}; this program reads format {known}.", found=kept["format"], known=FORMAT)
    return kept


def _heading(kept: Mapping[str, Any]) -> Heading:
    """What an older sheet does not say stays as it is without."""
    found = {f.name: kept[f.name] for f in fields(Heading) if f.name in kept}
    said = {name: _message(value) if isinstance(value, dict) else value for name, value in found.items()}
    read = {"made_at": datetime.fromisoformat(said["made_at"]), "status": SheetStatus(said["status"])}
    return Heading(**{**said, **read, "withdrawn": tuple(Withdrawn(**w) for w in said.get("withdrawn", ()))})


def _protocol(kept: Mapping[str, Any]) -> Protocol:
    rules = kept["protocol"]["rules"]
    return parse_protocol(json.dumps(rules), rules["name"])


def _error(kept: Mapping[str, Any]) -> ReaderError | None:
    error = kept["reader_and_model_error"]
    return ReaderError(**{**error, "parts": tuple(ErrorOf(**part) for part in error.get("parts", ()))}) if error else None


def _sample(kept: Mapping[str, Any]) -> Sample:
    replicates = tuple(Replicate(tuple(map(_field, r["fields"])), r["reader"], r["filled"]) for r in kept["replicates"])
    way, copies = kept.get("way"), tuple((a, b) for a, b in kept.get("copies", ()))
    unread = tuple(kept.get("passed", ())), kept.get("ahead", 0), tuple(map(_field, kept.get("everywhere", ())))
    return Sample(replicates, kept["filled"], kept["chamber"], Way(way) if way else None, copies, *unread)


def _field(kept: Mapping[str, Any]) -> FieldCount:
    read: dict[str, Callable[[Any], Any]] = {
        "proposed": lambda value: Proposed(**value),
        "read_at": datetime.fromisoformat,
        "area": area_of,
        "noted": frozenset,
    }
    said: dict[str, Any] = {n: read[n](v) if n in read and v is not None else v for n, v in kept.items()}
    return FieldCount(**said)


def _line(kept: Mapping[str, Any]) -> Line:
    missing, plates = kept["missing"], kept["plates"]
    read = {"missing": _message(missing) if missing else None, "plates": PlateResult(plates) if plates else None}
    return Line(**{**kept, **read, "assumed": tuple(kept["assumed"])})


def _outcome(kept: Mapping[str, Any]) -> Outcome:
    return Outcome(kept["rule"], Verdict(kept["verdict"]), _message(kept))


def _parts(said: Message) -> dict[str, Any]:
    """A sentence in English, and what is needed to say it in another language."""
    return {"said": str(said), "text": said.text, "fields": _plain(said.fields)}


def _message(kept: Mapping[str, Any] | str) -> Message:
    """Read back; an older sheet has only the English."""
    if isinstance(kept, str) or "text" not in kept:
        return Message(kept if isinstance(kept, str) else kept["said"])
    return Message(kept["text"], **{n: _message(v) if isinstance(v, dict) else v for n, v in kept["fields"].items()})


def _plain(value: Any) -> Any:
    """Values as JSON has them; a Message with its parts."""
    if isinstance(value, Message):
        return _parts(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, CountingArea):
        return value.to_json()
    return value.isoformat() if isinstance(value, datetime) else value
