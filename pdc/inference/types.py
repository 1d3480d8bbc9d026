"""Values that decoding gives back: steps, proposals, and the decoded answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenStep:
    """One generated token: its text, its probability among the legal tokens, and the mass those had before the mask.

    `continues` is the mass, among the legal tokens, of those that go on with the list: at a token that follows a shape or
    opens a list, the probability that there is another mark.
    """

    text: str
    probability: float
    legal_mass: float
    continues: float = 0.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mark that is expected before the language model writes it: `numbers` as the answer would list them, score 0 to 1."""

    label: str
    numbers: tuple[int, ...]
    score: float


DenseOpinion = Mapping[str, tuple[Proposal, ...]]
"""What the dense head saw of each label that it knows."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An answer as it was decoded. `finished` is False when it was cut at its longest length, or cancelled.

    `tokens` are its ids (without the end of the turn), one per step; `passes` the number of forward passes of the language model;
    `second_opinion` what the dense head saw on its own, shaped for the task, None when there is no head.
    """

    text: str
    steps: tuple[TokenStep, ...]
    finished: bool
    tokens: tuple[int, ...] = ()
    passes: int = 0
    second_opinion: DenseOpinion | None = None
