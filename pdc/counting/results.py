"""A sample's results: each with its unit, its formula with the numbers put in, and the interval that chance alone makes.

Nothing here is rounded but what is printed: `printed` and the limits, by the protocol. A result whose area, volume or factor is
not known has no number; it says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, prod
from typing import TYPE_CHECKING

from pdc.counting import intervals
from pdc.counting.chambers import CHAMBERS
from pdc.counting.plates import Plate, PlateResult, colonies
from pdc.counting.protocol import FillIn, Protocol, QuantityKind, Result
from pdc.counting.rounding import decimals, figures
from pdc.counting.tally import FieldCount, Replicate, Sample
from pdc.counting.units import in_unit, quantity
from pdc.domain.message import Message

if TYPE_CHECKING:
    from pint import Quantity

WHOLE_FIELDS = " (whole fields)"  # behind the name of a result that stands beside that of hot spots
DILUTION, VOLUME, SPREAD, PART = "dilution of the plate", "volume plated", "spreaders", "part counted"  # of a plate, per field


@dataclass(frozen=True, slots=True)
class Line:
    """A result on the sheet, in `unit`. `k` objects stand behind it, of or beside `n`.

    `low` to `high` is the sampling interval. `below`: the value is only an upper limit ("fewer than"). `value` is None where
    `missing` says what is not known.
    `assumed` names factors that nobody measured. `plates` is how colonies were worked out. `each` is what one object adds to the
    value: a table with `k` and `each` needs nothing else for the value before rounding, and for its limits.
    """

    name: str
    unit: str
    k: int
    n: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    below: bool = False
    formula: str = ""
    assumed: tuple[str, ...] = ()
    missing: Message | None = None
    plates: PlateResult | None = None
    each: float | None = None


def work_out(protocol: Protocol, sample: Sample) -> tuple[Line, ...]:
    """Every result of the protocol, in its order, but for one that needs a field which may stay empty, and is.

    Of hot spots the same of the whole fields stands behind them.
    """
    wanted = [result for result in protocol.results if _wanted(result, protocol, sample)]
    lines = [_rounded(_line(result, protocol, sample), result) for result in wanted]
    if sample.everywhere:
        whole = replace(sample, replicates=(Replicate(sample.everywhere),), everywhere=())
        lines += [replace(line, name=f"{line.name}{WHOLE_FIELDS}") for line in work_out(protocol, whole)]
    return tuple(lines)


def _wanted(result: Result, protocol: Protocol, sample: Sample) -> bool:
    return all(_asked(protocol, name).required or _number(protocol, sample, name) is not None for name in _named(result))


def _line(result: Result, protocol: Protocol, sample: Sample) -> Line:
    k = sample.of(result.of)
    line = Line(result.name, result.unit, k, assumed=_assumed(result, protocol, sample))
    if absent := [name for name in _named(result) if _number(protocol, sample, name) is None]:
        return replace(line, missing=Message("{name} is not filled in.", name=absent[0]))
    return WORKED_OUT[result.kind](line, result, protocol, sample)


def _concentration(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    volume = volume_ul(sample)
    if volume is None:
        return replace(
            line,
            missing=Message("The volume counted is not known: name the chamber, and of each field its squares or pixel size."),
        )
    return _scaled(line, result, protocol, sample, quantity(1) / quantity(volume, "uL"), f"{volume:g} uL")


def _density(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    areas = [f.mm2 for f in sample.fields]
    if not areas or None in areas:
        return replace(line, missing=Message("The area counted is not known: set the pixel size of each field."))
    area = sum(a for a in areas if a is not None)
    return _scaled(line, result, protocol, sample, quantity(1) / quantity(area, "mm**2"), f"{area:.4g} mm2")


def _mean(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    n = len(sample.fields)
    if not n:
        return replace(line, missing=Message("No field has been counted."))
    return _scaled(line, result, protocol, sample, quantity(1 / n), f"{n} fields")


def _scaled(line: Line, result: Result, protocol: Protocol, sample: Sample, per_object: Quantity, over: str) -> Line:
    """Of a count: so much for each object, times the factors of the result."""
    each = in_unit(per_object * _factor(result, protocol, sample), result.unit)
    low, high = intervals.poisson(line.k)
    few = protocol.target.few
    if few is not None and sample.of(protocol.target.of) < few:
        formula = f"< {few} / {over}{_factors(result, protocol, sample)} = {few * each:.6g} {result.unit}"
        return replace(line, value=few * each, low=0.0, high=max(few, high) * each, below=True, formula=formula, each=each)
    formula = f"{_sum(sample, result)} / {over}{_factors(result, protocol, sample)} = {line.k * each:.6g} {result.unit}"
    return replace(line, value=line.k * each, low=low * each, high=high * each, formula=formula, each=each)


def _share(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    n = sample.of(result.among)
    if not n:
        return replace(line, n=0, missing=Message("Nothing has been counted that this is a share of."))
    each = in_unit(quantity(1), result.unit)
    low, high = intervals.binomial(line.k, n)
    formula = f"{line.k} / {n} = {line.k / n * each:.6g} {result.unit}"
    return replace(line, n=n, value=line.k / n * each, low=low * each, high=high * each, formula=formula, each=each / n)


def _per(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    n = sample.of(result.among)
    if not n:
        return replace(line, n=0, missing=Message("Nothing has been counted that this is counted beside."))
    each = in_unit(_factor(result, protocol, sample), result.unit)
    low, high = intervals.ratio(line.k, n)
    formula = f"{line.k} / {n}{_factors(result, protocol, sample)} = {line.k / n * each:.6g} {result.unit}"
    return replace(line, n=n, value=line.k / n * each, low=low * each, high=high * each, formula=formula, each=each / n)


def _corrected(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    """What was measured, without the share of the objects that the instrument could not tell apart."""
    n = sample.of(result.among)
    if not n:
        return replace(line, n=0, missing=Message("Nothing has been counted that this is counted beside."))
    measured = in_unit(_factor(result, protocol, sample), result.unit)
    factors = _factors(result, protocol, sample).removeprefix(" x ")
    if 100 * line.k / n < result.from_per_100:
        few = f"{line.k} / {n}: fewer than {result.from_per_100:g} per 100, not corrected"
        formula = f"{factors} = {measured:.6g} {result.unit} ({few})"
        return replace(line, n=n, value=measured, low=measured, high=measured, formula=formula)
    low, high = (1 - share for share in reversed(intervals.binomial(line.k, line.k + n)))
    value = measured * n / (n + line.k)
    formula = f"{factors} x {n} / ({n} + {line.k}) = {value:.6g} {result.unit}"
    return replace(line, n=n, value=value, low=low * measured, high=high * measured, formula=formula)


def _colonies(line: Line, result: Result, protocol: Protocol, sample: Sample) -> Line:
    plates = [plate_of(f, result.of) for f in sample.fields]
    if not plates or None in plates:
        return replace(line, missing=Message("The dilution of a plate is not filled in."))
    found = colonies([p for p in plates if p is not None])
    sample_ml = sum(p.sample for p in found.of)
    line = replace(line, k=found.total, plates=found.kind)
    if found.kind is PlateResult.SPREADERS:
        return replace(line, missing=Message("Spreaders cover more than a quarter of every plate."))
    low, high = (limit / sample_ml for limit in intervals.poisson(found.total))
    formula = f"{found.total} / {sample_ml:.6g} mL = {found.total / sample_ml:.6g} {result.unit}"
    line = replace(line, low=low, high=high, formula=formula, each=1 / sample_ml)
    return replace(line, value=found.per_ml, below=found.kind is PlateResult.LESS)


WORKED_OUT: dict[QuantityKind, Callable[[Line, Result, Protocol, Sample], Line]] = {
    QuantityKind.CONCENTRATION: _concentration,
    QuantityKind.SHARE: _share,
    QuantityKind.PER: _per,
    QuantityKind.CORRECTED: _corrected,
    QuantityKind.DENSITY: _density,
    QuantityKind.MEAN: _mean,
    QuantityKind.COLONIES: _colonies,
}


def volume_ul(sample: Sample) -> float | None:
    """Microlitres over all that was counted; None where the chamber, or squares and pixel size of a field, are not known."""
    if sample.chamber is None or not sample.fields:
        return None
    chamber = CHAMBERS[sample.chamber]
    sizes = [f.mm2 if f.squares is None else f.squares * chamber.square_mm2 for f in sample.fields]
    known = [size for size in sizes if size is not None]
    return sum(known) * chamber.depth_mm if len(known) == len(sizes) else None


def plate_of(counted: FieldCount, classes: Sequence[str]) -> Plate | None:
    """A field that is a plate; None where its dilution is not filled in."""
    filled = counted.filled
    if not isinstance(dilution := filled.get(DILUTION), int | float):
        return None
    volume, spread, part = (
        float(filled.get(name, other))
        for name, other in ((VOLUME, 1), (SPREAD, 0), (PART, counted.area.part if counted.area else 1))
    )
    return Plate(counted.of(classes), float(dilution), volume, spread, part)


def missing_fields(protocol: Protocol, sample: Sample) -> list[str]:
    """Names of what has to be filled in and is not: with one of them empty the sheet cannot be final."""
    each = {"replicate": [r.filled for r in sample.replicates], "field": [f.filled for f in sample.fields]}
    required = [f for f in protocol.fill_in if f.required]
    return [f.name for f in required if any(_blank(there.get(f.name, f.value)) for there in each.get(f.per, [sample.filled]))]


def _blank(value: float | str | None) -> bool:
    return value is None or value == ""


def _named(result: Result) -> list[str]:
    return [name for name in (*result.times, *result.over) if isinstance(name, str)]


def _number(protocol: Protocol, sample: Sample, name: str) -> float | None:
    """A number that was filled in for the sample, or that the protocol assumes."""
    value = sample.filled.get(name, _asked(protocol, name).value)
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def _asked(protocol: Protocol, name: str) -> FillIn:
    return next(f for f in protocol.fill_in if f.name == name)


def _assumed(result: Result, protocol: Protocol, sample: Sample) -> tuple[str, ...]:
    return tuple(n for n in _named(result) if n not in sample.filled and _asked(protocol, n).value is not None)


def _factor(result: Result, protocol: Protocol, sample: Sample) -> Quantity:
    def value(name: str | float) -> Quantity:
        if isinstance(name, str):
            return quantity(_number(protocol, sample, name) or 0.0, _asked(protocol, name).unit)
        return quantity(name)

    return prod(map(value, result.times), start=quantity(1)) / prod(map(value, result.over), start=quantity(1))


def _factors(result: Result, protocol: Protocol, sample: Sample) -> str:
    """The factors as the formula prints them."""

    def printed(name: str | float) -> str:
        if not isinstance(name, str):
            return f"{name:g}"
        asked = _asked(protocol, name)
        return f"{_number(protocol, sample, name):g} {asked.unit}".strip() + f" ({name})"

    return "".join(f" x {printed(t)}" for t in result.times) + "".join(f" / {printed(o)}" for o in result.over)


def _sum(sample: Sample, result: Result) -> str:
    """The counts of the replicates as a sum."""
    parts = [str(r.of(result.of)) for r in sample.replicates]
    return f"({' + '.join(parts)})" if len(parts) > 1 else "".join(parts) or "0"


def _rounded(line: Line, result: Result) -> Line:
    """As the protocol prints it. Of none found only the upper limit is a result."""
    if line.value is None or line.plates is not None:
        return line
    if line.k == 0 and not line.below and result.kind not in (QuantityKind.SHARE, QuantityKind.CORRECTED):
        return replace(line, value=_printed(line.high, result), below=True, low=0.0)
    return replace(line, **{name: _printed(getattr(line, name), result) for name in ("value", "low", "high")})


def _printed(value: float | None, result: Result) -> float | None:
    if value is None or not isfinite(value):
        return value
    if result.figures is not None:
        return figures(value, result.figures)
    return decimals(value, result.decimals) if result.decimals is not None else value
