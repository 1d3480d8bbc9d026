"""The code of a sample: never a person's name. Only what looks like one is pointed out; the reader decides."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W\d_]{2,}")
TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau"))


def looks_like_a_name(code: str) -> bool:
    """Whether a code reads like a person's name: no digit, and two words or more, or a title."""
    words = WORD.findall(code)
    titled = any(w.casefold() in TITLES for w in words[:-1])
    return titled or (len(words) > 1 and not re.search(r"\d", code))
