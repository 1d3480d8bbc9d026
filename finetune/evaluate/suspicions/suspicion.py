"""What a comparison of reviews finds: how likely it is by chance, and what a person should look at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

LEVEL = 0.05  # chance to name anybody at all when everybody reads honestly


class Kind(StrEnum):
    """What a reader does unlike the model, the others, or another reader of the same image."""

    RELABELLED = "relabelled"
    REMOVED = "removed"
    ADDED = "added"
    UNCHANGED = "unchanged"
    SMALLER = "smaller"
    LARGER = "larger"
    SHIFTED = "shifted"
    RELABELLED_UNLIKE_OTHERS = "relabelled unlike others"
    REMOVED_UNLIKE_OTHERS = "removed unlike others"
    OTHER_LABELS = "other labels in the same image"
    OTHER_COUNTS = "other counts in the same image"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`reader` did it to `done` of `seen` (marks, or images) of `label`; `p` is the chance of that or more by honest reading.

    `usual` is what is to be expected of them, or what the others did of `others_seen`. `other` is the label that was said in
    place of it, or the other reader. `images` are those to look at (sha256), where it was done most first.
    """

    kind: Kind
    reader: str
    label: str
    other: str
    done: int
    seen: int
    usual: float
    p: float
    images: tuple[str, ...]
    others_seen: int = 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": str(self.kind), "images": list(self.images)}


def significant(compared: Iterable[Suspicion], level: float = LEVEL) -> list[Suspicion]:
    """Those that chance does not explain, the least likely first: Holm's procedure over all that were compared together."""
    ranked, kept = sorted(compared, key=lambda s: s.p), []
    for i, suspicion in enumerate(ranked):
        if suspicion.p >= level / (len(ranked) - i):
            break
        kept.append(suspicion)
    return kept


def most_first(counts: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """The images with any, those with most first."""
    return tuple(image for image, n in sorted(counts, key=lambda pair: -pair[1]) if n)
