"""Numbers, units and times as a page prints them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from math import floor, isfinite, log10

from pdc.counting.protocol import Result

GROUPED = 10_000  # from here on thousands are set apart
THIN = "\u202f"
SIGNS = {r" x ": " × ", r"\buL\b": "µL", r"\bmm2\b": "mm²", r"\bmm3\b": "mm³", r"\b(10\^|1e)6\b": "10⁶", r"\b(10\^|1e)9\b": "10⁹"}


def number(value: float | None, result: Result | None = None) -> str:
    """By the result's figures or decimals, zeros at the end too."""
    if value is None or not isfinite(value):
        return "–" if value is None else "∞"
    places = _places(value, result)
    text = format(Decimal(f"{value:.6g}"), "f") if places is None else f"{value:.{places}f}"
    return _grouped(text).replace("-", "−")


def _places(value: float, result: Result | None) -> int | None:
    if result is None or value == 0:
        return None
    return result.decimals if result.figures is None else max(0, result.figures - 1 - floor(log10(abs(value))))


def _grouped(text: str) -> str:
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}".replace(",", THIN) + dot + rest if abs(float(text)) >= GROUPED else text


def formula(text: str) -> str:
    """With the signs and raised digits that the ASCII of units and formulas stands for."""
    for plain, sign in SIGNS.items():
        text = re.sub(plain, sign, text)
    return text


def per_cent(value: float, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.1f}".replace("-", "−")


def when(at: datetime) -> str:
    """In UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
