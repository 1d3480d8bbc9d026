"""Names of adapters that were trained anew for another base: which of them are versions of one. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

LONGEST = 52  # characters of a first name: a run's name has at most 64
_AGAIN = re.compile(r"(?P<first>.+)-on-[0-9a-f]{8}")


def first_name(name: str) -> str:
    """The name under which an adapter was trained for the first time; the same for all that were made anew from it."""
    match = _AGAIN.fullmatch(name)
    return (match["first"] if match else name)[:LONGEST]


def retrained_name(name: str, base: str, base_sha256: str | None) -> str:
    """What an adapter is called that is trained anew for this base: the same each time it is tried."""
    return f"{first_name(name)}-on-{(base_sha256 or sha256(base.encode()).hexdigest())[:8]}"
