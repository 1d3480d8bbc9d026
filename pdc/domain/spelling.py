"""When two spellings are of one word: capital letters, spaces, hyphens, umlauts and the plural make no difference. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

KEPT = 10_000  # texts whose keys are remembered
ENDINGS = (  # plural -> singular, English and Latin
    ("ies", "y"),
    ("ces", "x"),
    ("ata", "a"),
    ("oa", "oon"),
    ("es", "is"),
    ("es", ""),
    ("s", ""),
    ("ae", "a"),
    ("i", "us"),
    ("a", "um"),
    ("a", "on"),
)
SHORTEST = 3  # letters of a word that an ending is taken from
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "œ": "oe"})
_BETWEEN = re.compile(r"(?<=\w)[\s_\-.‐‑–/]+(?=\w)|_+")
_CAMEL = re.compile(r"(?<=[a-zäöü])(?=[A-Z])")
_WORDS = re.compile(r"\w+")


@lru_cache(KEPT)
def key(text: str) -> str:
    """The text as it is compared: small letters with nothing between them. "CD4+" and "CD4-" stay apart."""
    small = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", _bare(text)).casefold()).translate(UMLAUTS)
    return _plain(_BETWEEN.sub("", small))


@lru_cache(KEPT)
def without_umlauts(text: str) -> str:
    """As `key`, of a text whose umlauts are written as plain vowels: "Blutkorperchen"."""
    small = unicodedata.normalize("NFKC", _bare(text)).casefold()
    return _plain(_BETWEEN.sub("", _plain(small)))


def _bare(text: str) -> str:
    return text.strip(" \t\n\r.,;:")


def _plain(text: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@lru_cache(KEPT)
def forms(text: str) -> frozenset[str]:
    """Every key under which this word, in the singular or the plural, is to be found."""
    keys = {key(text), without_umlauts(text)}
    return frozenset(keys | {k[: -len(end)] + single for k in keys for end, single in ENDINGS if _ends(k, end)})


def _ends(word: str, ending: str) -> bool:
    return word.endswith(ending) and len(word) - len(ending) >= SHORTEST


@lru_cache(KEPT)
def words(text: str) -> tuple[str, ...]:
    """The keys of its single words."""
    return tuple(key(w) for w in _WORDS.findall(_CAMEL.sub(" ", text).replace("_", " ")))


NOTHING = (
    "none, no, nothing, empty, null, nan, n/a, nil, true, false, unknown, negative, background, no finding, no findings, "
    "nothing found, no object, kein, keine, nichts, leer, unbekannt, negativ, Hintergrund, kein Befund, ohne Befund"
)
_NOTHING = frozenset(key(phrase) for phrase in NOTHING.split(", "))


def names_nothing(text: str) -> bool:
    """Whether it is a word for "none", or a number: neither is a kind of object."""
    bare = key(text)
    return bare in _NOTHING or not any(c.isalpha() for c in bare)
