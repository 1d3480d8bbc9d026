"""All comparisons of a fold's reviews together: whom chance does not explain, and what could not be judged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from finetune.evaluate.suspicions.against_model import compare_with_model
from finetune.evaluate.suspicions.against_readers import SamePicture, compare_pairs, compare_readers, same_images
from finetune.evaluate.suspicions.reads import Read
from finetune.evaluate.suspicions.suspicion import Suspicion, significant
from pdc.domain.certainty.counts import CountModels

Copies = Mapping[tuple[str, str], bool]
"""two near copies (sha256, the lesser first) -> whether they show the same whole, so that neither is a part of the other"""


@dataclass(frozen=True, slots=True)
class SuspicionReport:
    """`found`: the least likely first. `reviews` of so many `readers` were compared, `compared` of them with the model.
    `unjudged`: label -> on how many images it could not be compared with the model, since that does not know it there."""

    found: tuple[Suspicion, ...]
    reviews: int
    readers: int
    compared: int
    unjudged: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        numbers = {"reviews": self.reviews, "readers": self.readers, "compared": self.compared}
        return {**numbers, "unjudged": dict(self.unjudged), "found": [s.to_json() for s in self.found]}


def find_suspicions(reads: Sequence[Read], models: CountModels, copies: Copies | None = None) -> SuspicionReport:
    """The reads of a fold compared with the model, with other readers, and with those of near copies; 5 % over all together."""
    pairs = [*same_images(reads), *_copied(reads, copies or {})]
    compared = [*compare_with_model(reads, models), *compare_readers(reads), *compare_pairs(pairs)]
    judged = sum(bool(r.judged and r.answered) for r in reads)
    return SuspicionReport(tuple(significant(compared)), len(reads), len({r.reader for r in reads}), judged, _unjudged(reads))


def _copied(reads: Iterable[Read], copies: Copies) -> list[SamePicture]:
    """Reads of near copies; by the same reader too, who should see the same in them."""
    about = {name for pair in copies for name in pair}
    seen = sorted((r for r in reads if r.image in about), key=lambda r: (r.reader, r.image))
    pairs = ((a, b, copies.get((min(a.image, b.image), max(a.image, b.image)))) for a, b in combinations(seen, 2))
    return [SamePicture(a, b, whole) for a, b, whole in pairs if whole is not None]


def _unjudged(reads: Iterable[Read]) -> dict[str, int]:
    found: dict[str, set[str]] = {}
    for read in reads:
        for label in read.labels:
            if label not in read.judged or read.answered is None:
                found.setdefault(label, set()).add(read.image)
    return {label: len(images) for label, images in found.items()}
