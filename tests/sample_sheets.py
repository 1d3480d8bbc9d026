"""Sheets of samples: one as a lab would sign it, and any number drawn at random."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from pdc.counting.area import whole_image
from pdc.counting.protocol import FillIn, Protocol, read_protocols
from pdc.counting.reader_error import ReaderError
from pdc.counting.sheet import Heading, Sheet, SheetStatus, Withdrawn, make_sheet
from pdc.counting.tally import FieldCount, Proposed, Replicate, Sample
from pdc.domain.message import Message
from pdc.settings import ASSETS

PROTOCOLS = read_protocols(ASSETS / "protocols")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CHAMBER = "improved Neubauer, centre grid"


def sperm_sheet(status: SheetStatus = SheetStatus.DRAFT, **heading: object) -> Sheet:
    """Two chamber sides of four fields, the second one blind; a field withdrawn, doubtful marks, a lot filled in."""
    sides = [
        Replicate(tuple(_sperm(f"side-a-{n}.png", 48 + n, n, model="pdc-tiny, march") for n in range(1, 5)), "ada"),
        Replicate(tuple(_sperm(f"side-b-{n}.png", 50 + n, n + 9) for n in range(1, 5)), "bob"),
    ]
    filled = {"dilution factor": 2, "ejaculate volume": 3.5, "days of abstinence": "3", "chamber lot": "LOT-4711"}
    chosen = Message("{n} of {all} fields by systematic random sampling, seed {seed}", n=8, all=20, seed=5)
    gone = (Withdrawn("side-a-9.png", "out of focus", "ada", 1),)
    says = {"amends": "s-1", "why": "wrong dilution"} if status is SheetStatus.AMENDED else {}
    head = replace(Heading("S-17", AT, "ada", chosen, status, withdrawn=gone, id="s-2", revision=2), **says, **heading)
    return make_sheet(head, PROTOCOLS["sperm-concentration"], Sample(tuple(sides), filled, CHAMBER), ReaderError(-1.5, 6.0, 180))


def _sperm(name: str, n: int, minutes: int, model: str = "") -> FieldCount:
    proposed = Proposed(model, {"sperm": n - 2}, {"added": 3, "removed": 1}) if model else None
    area = whole_image(640, 480, squares=5)
    at = AT - timedelta(minutes=30 - minutes)
    field = FieldCount(name, {"sperm": n}, {"sperm": 2}, 1, squares=5, area=area, blind=not model, read_at=at)
    return replace(field, proposed=proposed, noted=frozenset({"clumps"} if n == 49 else ()))


def random_sheet(seed: int) -> Sheet:
    """A draft by one of the protocols, with numbers, texts and gaps of every kind."""
    draw = Random(seed)
    protocol = draw.choice(list(PROTOCOLS.values()))
    replicates = tuple(_replicate(draw, protocol) for _ in range(draw.randint(0, 3)))
    error = ReaderError(draw.uniform(-9, 9), draw.uniform(0, 20), draw.randint(5, 500)) if draw.random() < 0.7 else None
    sample = Sample(replicates, _filled(draw, protocol, "sample"), draw.choice([None, protocol.area.chamber, CHAMBER]))
    if replicates and draw.random() < 0.3:
        sample = replace(sample, everywhere=_replicate(draw, protocol).fields)
    head = Heading(draw.choice(["S-1", "=1+1", "@x", "-5", "µ\n<b>&", "日本 1"]), AT, "ada", Message("all {n} fields", n=3))
    return make_sheet(head, protocol, sample, error)


def _replicate(draw: Random, protocol: Protocol) -> Replicate:
    sized = draw.random() < 0.8
    fields = tuple(_field(draw, protocol, n, sized) for n in range(draw.randint(0, 12)))
    return Replicate(fields, draw.choice(["ada", "=bob", ""]), _filled(draw, protocol, "replicate"))


def _field(draw: Random, protocol: Protocol, n: int, sized: bool) -> FieldCount:
    most = draw.choice([0, 3, 90, 400])
    counted = {c.name: draw.randint(0, most) for c in protocol.classes if draw.random() < 0.9}
    size = draw.uniform(0.01, 2) if sized else None
    rest = {"complete": draw.random() < 0.9, "filled": _filled(draw, protocol, "field")}
    return FieldCount(f"+f{n}.png", counted, {}, draw.randint(0, 2), 0, draw.randint(1, 9) if sized else None, size, **rest)


def _filled(draw: Random, protocol: Protocol, per: str) -> dict[str, float | str]:
    return {f.name: _value(draw, f) for f in protocol.fill_in if f.per == per and draw.random() < 0.8}


def _value(draw: Random, asked: FillIn) -> float | str:
    if not asked.number:
        return draw.choice(["=SUM(A1)", "LOT-1", "9 h", "ä"])
    return draw.choice([1, 2, 5, 20, 0.01, 0.5, round(draw.uniform(0.001, 60), 3)])
