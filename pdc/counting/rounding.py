"""Numbers as a sheet prints them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from math import floor, isfinite, log10


def figures(value: float, n: int) -> float:
    """To n significant figures; a half goes to the even one, as the BAM wants of 5 after the second figure."""
    if value == 0 or not isfinite(value):
        return value
    return _rounded(value, n - 1 - floor(log10(abs(value))), ROUND_HALF_EVEN)


def decimals(value: float, n: int) -> float:
    """To n decimals; a half goes up, as hand-written sheets do."""
    return _rounded(value, n, ROUND_HALF_UP) if isfinite(value) else value


def _rounded(value: float, places: int, how: str) -> float:
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), rounding=how))
