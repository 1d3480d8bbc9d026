"""Labels as users spell them: other words of the dictionary, capitals, plurals, hyphens, and umlauts written out.

The embedded model meets them in training, so that it understands a spelling that no dictionary turned into its own label.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import numpy as np

from pdc.domain.labels import Vocabulary
from pdc.domain.spelling import UMLAUTS
from pdc.settings import ASSETS

RESPELLED = 0.15  # how often a label of a question is not written as the model's own label
PLURAL = 0.3  # how often a word that forms it with -s is put into the plural
HAS_NO_S = ("s", "x", "i", "a", "ae", "ß")  # ends of words that form no plural with -s, or are plurals


def _capitalise(word: str) -> str:
    return word[:1].upper() + word[1:]


def _snake(word: str) -> str:
    return word.replace(" ", "_")


def _kebab(word: str) -> str:
    return word.replace(" ", "-")


def _write_out(word: str) -> str:
    """Without the letters that an English keyboard lacks: "Blutkoerperchen", "weisses"."""
    return word.translate(UMLAUTS).replace("ß", "ss").replace("Ä", "Ae").replace("Ö", "Oe").replace("Ü", "Ue")


FORMS = {
    str: 0.4,
    str.lower: 0.14,
    str.upper: 0.14,
    _capitalise: 0.12,
    str.title: 0.06,
    _snake: 0.05,
    _kebab: 0.04,
    _write_out: 0.05,
}


def respell(labels: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """The labels of a question, each of them now and then in another spelling. No spelling stands for two labels."""
    return tuple(_spell(label, rng) if rng.random() < RESPELLED else label for label in labels)


def _spell(label: str, rng: np.random.Generator) -> str:
    words = _vocabulary().words(label)
    word = words[rng.integers(len(words))]
    if rng.random() < PLURAL:
        word = pluralise(word)
    form = list(FORMS)[rng.choice(len(FORMS), p=list(FORMS.values()))]
    return form(word)


def pluralise(word: str) -> str:
    """With the -s of English, French and Spanish: "polyps", "RBCs". Other words stay: German ones have plurals of their own."""
    takes_s = (word.islower() or word.isupper()) and not word.lower().endswith(HAS_NO_S)
    return f"{word}s" if takes_s else word


def usual_spellings(label: str, number: int) -> list[str]:
    """The label itself, its capitals and plural, and words of the dictionary from all over its list: `number` in all."""
    first = list(dict.fromkeys([label, _capitalise(label), label.upper(), pluralise(label)]))
    others = [word for word in _vocabulary().words(label) if word not in first]
    spread = np.linspace(0, len(others) - 1, min(number - len(first), len(others))).round().astype(int)
    return [*first, *(others[i] for i in spread)]


@cache
def _vocabulary() -> Vocabulary:
    return Vocabulary(json.loads((ASSETS / "labels.json").read_text("utf-8"))["kinds"])
