"""How the fields of a session are chosen: all, systematically at random, or named by the reader; and the words for it.

Never by doubt: images ordered by doubt are for learning, and counted first they bias a density.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import SystemRandom

from pdc.counting.fair_fields import Way, systematic_random
from pdc.counting.protocol import Protocol
from pdc.domain.errors import BadSetting

DOUBT = (
    "Fields of a count are not chosen by doubt: that order is for learning, and would bias the result. "
    "Choose all images, or some systematically at random."
)
UNKNOWN_WAY = "Fields are chosen in one of these ways: {ways}; not {way}."
NOT_ALLOWED = "The protocol {protocol} wants its fields chosen in one of these ways: {ways}."
FEW = "Between 1 and {all} fields can be chosen here, not {n}."
DOUBTING = ("doubt", "least sure", "least-sure", "learning", "worklist", "unsure", Way.BY_DOUBT)
MOST_SEED = 10_000


@dataclass(frozen=True, slots=True)
class Choice:
    """How fields are chosen: `n` of them where at random, None: as many as there are; `seed` None: drawn, and printed.

    By hot spot each image is a field, whose densest spot becomes its area.
    """

    way: Way = Way.ALL
    n: int | None = None
    seed: int | None = None


def way_of(word: str, protocol: Protocol) -> Way:
    """BadSetting where there is no such way, or the protocol does not allow it; naming fields is always allowed, and printed."""
    if word in DOUBTING:
        raise BadSetting(DOUBT)
    if word not in list(Way):
        raise BadSetting(UNKNOWN_WAY, ways=", ".join(w for w in Way if w is not Way.BY_DOUBT), way=repr(word))
    way = Way(word)
    if way is not Way.NAMED and way not in protocol.fields:
        raise BadSetting(NOT_ALLOWED, protocol=protocol.title, ways=", ".join((*protocol.fields, Way.NAMED)))
    return way


def choose(images: Sequence[str], choice: Choice, of: str) -> tuple[list[str], str]:
    """Some of the images (sha256, in the order in which they were stored), and how they were chosen. `of` says which they are.

    BadSetting where there are too few.
    """
    if choice.way is Way.NAMED:
        return list(images), f"{len(images)} chosen by the reader"
    if choice.way is not Way.SYSTEMATIC_RANDOM:
        return list(images), f"{choice.way}: {len(images)} images {of}"
    n = choice.n or len(images)
    if not 0 < n <= len(images):
        raise BadSetting(FEW, all=len(images), n=n)
    seed = SystemRandom().randrange(MOST_SEED) if choice.seed is None else choice.seed
    return systematic_random(images, n, seed), f"systematic random: {n} of {len(images)} images {of}, seed {seed}"
