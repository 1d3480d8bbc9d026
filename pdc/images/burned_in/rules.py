"""Which text in an image may say who somebody is. Pure.

The rule is a list of what is harmless: scale bars, magnifications, names of channels and settings of the instrument, and text of
fewer than three letters or digits. Everything else counts: names, numbers, dates, times and words of a hospital. A list of what
is identifying would have to know every name; and what is read of small text is often wrong by a letter or two.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

LEAST = 3  # letters and digits that have to be left: a scale bar's tick or a speck that is read as a letter has fewer
_NUMBER = r"[<>~≈±]?\d{1,4}(?:[.,]\d{1,3})?"
_HARMLESS = re.compile(
    rf"""(?<![^\W_])(?:
      {_NUMBER}\s*(?:[nmcpuµμ]?m|px|pixels?)\b               # a scale bar; OCR reads µ as u or p
    | (?:{_NUMBER}\s*x|x\s*{_NUMBER})(?:\s*/\s*[01][.,]\d+)?(?![^\W_])   # 40x, x 40, 40x/0.75
    | {_NUMBER}\s*/\s*[01][.,]\d+(?![^\W_])                              # 40/0.75
    | {_NUMBER}\s*(?:%|°\s*c?|ms|s|sec|min|h|k?hz|kv|ma|mw|fps|db|bit)(?![^\W_])
    | (?:scale|bar|mag|magnification|objective|obj|oil|air|lens|zoom|gain|exposure|exp|time|frame|slice|image|overlay|merged?)\b
    | (?:dapi|hoechst(?:\s*33342)?|e?gfp|rfp|yfp|cfp|mcherry|fitc|tritc|texas\s*red|cy\s*\d|alexa(?:\s*fluor)?\s*\d{{3}}|pi)\b
    | (?:bright\s*field|dark\s*field|phase(?:\s*contrast)?|dic|h\s*&\s*e|giemsa|nbi|bli|fice|white\s*light|wli)\b
    | (?:ch|channel|z|t|c)\s*[=:]?\s*\d{{1,3}}(?:\s*/\s*\d{{1,3}})?(?![^\W_])
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class Kind(StrEnum):
    """What a piece of text is: it may say who somebody is, is harmless, or is too short to say anything by itself."""

    IDENTIFYING = "identifying"
    SHORT = "short"
    HARMLESS = "harmless"


def kind_of(text: str) -> Kind:
    left = sum(map(_weight, _HARMLESS.sub(" ", unicodedata.normalize("NFC", text))))
    return Kind.IDENTIFYING if left >= LEAST else Kind.SHORT if left else Kind.HARMLESS


def _weight(character: str) -> int:
    """How many letters a character is worth: a Chinese or Japanese name has two or three characters."""
    if not character.isalnum():
        return 0
    return 1 if unicodedata.east_asian_width(character) in ("Na", "N", "A", "H") else 2
