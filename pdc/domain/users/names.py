"""Names that users may have: told apart by eye, and none that the app uses for itself."""

from __future__ import annotations

import unicodedata

from pdc.domain.errors import BadSetting

MOST = 64
OWN = frozenset({"reader", "import", "pdc", "nobody", "everybody"})  # authors that are no users
VISITOR = "visitor-"
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL")


def checked_name(name: str) -> str:
    """The name as it is stored, in Unicode's composed form. BadSetting says why it cannot be one."""
    name = unicodedata.normalize("NFC", name)
    if not 0 < len(name) <= MOST or not name.isprintable() or name != name.strip() or "  " in name:
        raise BadSetting(
            "A user's name has 1 to {most} characters that can be seen, without blanks at its ends; this is {name}.",
            most=MOST,
            name=repr(name),
        )
    if name.casefold() in OWN or name.casefold().startswith(VISITOR):
        raise BadSetting("The name {name} is one that PDC uses for itself; choose another.", name=repr(name))
    if len(scripts := _scripts(name)) > 1 or unicodedata.normalize("NFKC", name) != name:
        raise BadSetting(
            "The name {name} mixes letters that look alike ({scripts}); write it in one alphabet.",
            name=repr(name),
            scripts=", ".join(sorted(s.title() for s in scripts)) or "forms of one letter",
        )
    return name


def looks_like(name: str, other: str) -> bool:
    """Whether a person could take one name for the other: they differ in capitals or blanks only."""
    return _seen(name) == _seen(other)


def _seen(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _scripts(name: str) -> set[str]:
    """The alphabets that its letters are of."""
    words = (unicodedata.name(letter, "").split(" ")[0] for letter in name if letter.isalpha())
    return {word for word in words if word in SCRIPTS}
