"""Units of results, with their dimensions checked by pint. A number gets a unit only from quantities that have one."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, cast

from pdc.domain.errors import PdcError

if TYPE_CHECKING:
    from pint import Quantity, UnitRegistry

UNITS = {
    "10^6/mL": ("1/mL", 1e6, "10*6/mL"),
    "cells/mL": ("1/mL", 1.0, "{cells}/mL"),
    "CFU/mL": ("1/mL", 1.0, "[CFU]/mL"),
    "/uL": ("1/uL", 1.0, "/uL"),
    "10^9/L": ("1/L", 1e9, "10*9/L"),
    "10^6": ("", 1e6, "10*6"),
    "/mm2": ("1/mm**2", 1.0, "/mm2"),
    "%": ("", 0.01, "%"),
    "1": ("", 1.0, "1"),
}
"""a unit as a sheet prints it: what pint calls it, how many of that make one, and its code in UCUM"""


_making = Lock()


class BadUnit(PdcError):
    """The unit is not known, or not of the kind of the quantity."""


def registry() -> UnitRegistry:
    """The one of this process, whichever thread asks first: quantities of two registries cannot be put together."""
    with _making:
        return _registry()


@lru_cache
def _registry() -> UnitRegistry:
    import pint

    return pint.UnitRegistry(cache_folder=None)


def quantity(value: float, unit: str = "") -> Quantity:
    """A number in a unit of pint's, such as `nL` or `mm**2`, or in one that sheets print."""
    base, times, _ = UNITS.get(unit, (unit, 1.0, ""))
    return cast("Quantity", registry().Quantity(value * times, base or "dimensionless"))


def in_unit(found: Quantity, unit: str) -> float:
    """The number that a quantity is in one of UNITS; BadUnit where they measure different things."""
    import pint

    if unit not in UNITS:
        raise BadUnit("The unit {unit} is not known. Use one of: {units}.", unit=unit, units=", ".join(UNITS))
    name, factor, _ = UNITS[unit]
    try:
        return float(found.to(name or "dimensionless").magnitude) / factor
    except pint.DimensionalityError:
        has = str(found.dimensionality)
        raise BadUnit("A result in {unit} cannot come from a quantity of dimension {has}.", unit=unit, has=has) from None


def ucum(unit: str) -> str:
    """The unit's code in the Unified Code for Units of Measure."""
    return UNITS[unit][2]
