"""`pdc sheet`: the result of a sample from reviewed images, by a protocol, with its errors and its verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pdc.cli.counting.writing import Language, Out, writer
from pdc.cli.entry import DONE, account_name
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from pdc.counting.protocol import Protocol
    from pdc.counting.reader_error import ErrorOf, ReaderError
    from pdc.counting.results import Line
    from pdc.counting.sheet import Sheet

NOT_MEANT = "Research use only. It judges the count, never a patient."


@dataclass(frozen=True, slots=True)
class SheetOptions:
    """Which protocol, which images, and what is known of them."""

    protocol: Annotated[str | None, typer.Argument(help="Name of a protocol; without one, all are listed.")] = None
    sample: Annotated[str, typer.Option(metavar="CODE", help="Code of the sample; never a name.")] = ""
    replicates: Annotated[
        list[str] | None,
        typer.Option("--replicate", metavar="GROUP", help="Images of this patient, sample or folder are one replicate; repeat."),
    ] = None
    chamber: Annotated[str | None, typer.Option(help="Counting chamber (default: the protocol's).")] = None
    squares: Annotated[int | None, typer.Option(metavar="N", help="Squares of the chamber that each image shows.")] = None
    mm_per_pixel: Annotated[float | None, typer.Option(metavar="MM", help="Size of a pixel of the images.")] = None
    fill: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="What the protocol asks for; repeat.")] = None
    final: Annotated[bool, typer.Option("--final", help="Refuse a sheet with an empty required field.")] = False
    out: Out = None
    language: Language = "en"


def sheet(options: SheetOptions) -> int:
    """Print the result of a sample: numbers with units, chance, what reading changed, and whether the count stands."""
    from pdc.compose import open_store
    from pdc.counting.sheet import Heading, SheetStatus, make_sheet
    from pdc.domain.message import Message
    from pdc.review.counting.samples import Known, Samples, known_protocols
    from pdc.settings import Settings

    settings = Settings.from_env()
    protocols = known_protocols(settings.home)
    if options.protocol is None:
        return _list(list(protocols.values()))
    write = writer(options.out, options.language)
    _warn(options.sample)
    protocol = _named(options.protocol, protocols)
    groups = options.replicates or []
    if not groups or not options.sample:
        raise BadSetting("A sheet needs --sample CODE and a --replicate GROUP for each replicate.")
    samples = Samples(open_store(settings))
    chamber = _chamber(options.chamber or protocol.area.chamber)
    known = Known(chamber, options.squares, options.mm_per_pixel, _filled(options.fill or [], protocol))
    sample = samples.read(protocol, groups, known)
    status = SheetStatus.FINAL if options.final else SheetStatus.DRAFT
    chosen = Message("all {n} images of the groups", n=len(sample.fields))
    heading = Heading(options.sample, datetime.now(UTC), account_name(), chosen, status)
    made = make_sheet(heading, protocol, sample, samples.error(protocol, sample))
    print("\n".join(page(made)))
    write(made)
    return DONE


def _warn(code: str) -> None:
    from pdc.counting.sheet import looks_like_a_name
    from pdc.formats.sheets.page import NAME

    if looks_like_a_name(code):
        print(f"Warning: {NAME}", file=sys.stderr)


def _list(protocols: Sequence[Protocol]) -> int:
    for protocol in protocols:
        own = f" Set by your lab: {', '.join(protocol.set_by_lab)}." if protocol.set_by_lab else ""
        print(f"{protocol.name} (version {protocol.version}): {protocol.title}.{own}")
    print("A copy of a protocol file, edited and with a name of its own, belongs into PDC_HOME/protocols.")
    return DONE


def _named(name: str, protocols: dict[str, Protocol]) -> Protocol:
    if name not in protocols:
        raise BadSetting("There is no protocol {name}; there are {names}.", name=repr(name), names=", ".join(protocols))
    return protocols[name]


def _chamber(name: str | None) -> str | None:
    from pdc.counting.chambers import CHAMBERS

    if name is not None and name not in CHAMBERS:
        raise BadSetting("There is no chamber {name}; there are {names}.", name=repr(name), names=", ".join(CHAMBERS))
    return name


def _filled(pairs: Sequence[str], protocol: Protocol) -> dict[str, float | str]:
    """What was filled in, by name; a number where the protocol works with it."""
    fields = {f.name: f for f in protocol.fill_in}
    found: dict[str, float | str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in fields or not value:
            raise BadSetting("--fill takes NAME=VALUE; this protocol asks for {names}.", names=", ".join(fields) or "nothing")
        found[name] = _number(name, value) if fields[name].number else value
    return found


def _number(name: str, value: str) -> float:
    try:
        return float(json.loads(value))
    except (ValueError, TypeError):
        raise BadSetting("{name} is a number; this is {value}.", name=name, value=repr(value)) from None


def page(made: Sheet) -> list[str]:
    """The sheet as lines of text."""
    head, protocol = made.heading, made.protocol
    left_out = sum(sum(f.left_out.values()) for f in made.sample.fields)
    return [
        f"Sample {head.sample}, {head.status}, {head.made_at:%Y-%m-%d %H:%M} UTC, by {head.author}",
        f"{protocol.title}; protocol {protocol.name} version {protocol.version} ({protocol.digest})",
        f"Fields: {head.chosen}. Read by {', '.join(dict.fromkeys(r.reader for r in made.sample.replicates))}.",
        f"Border rule: {_border(protocol)}; {left_out} marks are left out by it.",
        *(f"{name}: {value}" for name, value in made.sample.filled.items()),
        "",
        *(text for line in made.lines for text in _result(line)),
        *_errors(made),
        "",
        *(f"{'ok' if o.verdict == 'valid' else o.verdict}: {o.said}" for o in made.outcomes),
        f"Verdict on the count: {made.verdict}.",
        NOT_MEANT,
    ]


def _border(protocol: Protocol) -> str:
    border = protocol.border
    return f"{border.kind}, {' and '.join(border.out)} out" if border.kind == "two-sided" else str(border.kind)


def _result(line: Line) -> list[str]:
    if line.value is None:
        return [f"{line.name}: no result. {line.missing}"]
    said = f"{'< ' if line.below else ''}{line.value:.6g} {line.unit}"
    return [f"{line.name}: {said}; sampling 95 % {line.low:.4g} to {line.high:.4g} ({line.k} counted)", f"    {line.formula}"]


def _errors(made: Sheet) -> list[str]:
    """The error of all classes together, of each, and of blind reads."""
    found = made.error
    if found is None:
        return ["Reader and model error: not known, for too few reviews corrected an answer."]
    parts = [f"    {'read blind' if p.blind else p.name}: {_error(p)}" for p in found.parts]
    return [f"Reader and model error: {_error(found)}", *parts]


def _error(found: ReaderError | ErrorOf) -> str:
    return f"bias {found.bias:+.1f} %, +-{found.spread:.1f} % (n = {found.n} reviews)"
