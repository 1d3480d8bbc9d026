"""All comparisons of a fold's reviews together: whom chance does not explain, and what could not be judged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finetune.evaluate.suspicions.against_model import AgainstModel
from finetune.evaluate.suspicions.against_readers import AgainstReaders, SamePictures
from finetune.evaluate.suspicions.reads import Read
from finetune.evaluate.suspicions.suspicion import Suspicion, significant
from pdc.domain.certainty.counts import CountModels
from pdc.domain.values import Copies


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


def find_suspicions(reads: Iterable[Read], models: CountModels, copies: Copies | None = None) -> SuspicionReport:
    """The reads of a fold compared with the model, with other readers, and with those of near copies; 5 % over all together. They
    are gone through once; of many, few are in memory."""
    against, beside, pictures, told = AgainstModel(models), AgainstReaders(), SamePictures(copies or {}), _Told()

    def followed() -> Iterator[Read]:
        for read in reads:
            against.add(read)
            beside.add(read)
            told.add(read)
            yield read

    pictures.keep(followed())
    compared = [*against.compared(), *beside.compared(), *pictures.compared()]
    unjudged = {label: len(images) for label, images in told.unjudged.items()}
    return SuspicionReport(tuple(significant(compared)), told.reviews, len(told.readers), told.compared, unjudged)


class _Told:
    """What the report says about all reads together."""

    def __init__(self) -> None:
        self.reviews, self.compared, self.readers = 0, 0, set[str]()
        self.unjudged: dict[str, set[str]] = {}

    def add(self, read: Read) -> None:
        self.reviews += 1
        self.compared += bool(read.judged and read.answered)
        self.readers.add(read.reader)
        for label in read.labels:
            if label not in read.judged or read.answered is None:
                self.unjudged.setdefault(label, set()).add(read.image)
