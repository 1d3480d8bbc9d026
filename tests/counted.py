"""Samples of sperm in a counting chamber, begun and read in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from databases import url_of
from pictures import encoded
from PIL import Image as Pillow

from pdc.counting.protocol import Protocol
from pdc.domain.values import Box, Findings, Image, Mark, Origin, Question, Review, Task
from pdc.images.intake import ImageFiles
from pdc.inference.predictors.base import Answer, Predictor
from pdc.review.counting.sessions import CountSessions
from pdc.review.counting.state import CountSession
from pdc.review.service import ReviewService
from pdc.store import Store

SPERM = Question(Task.COUNT_AND_BOX, ("sperm",))
ROW = {"squares": 5}
_shades = count(1)


def sperm(n: int, out: int = 0, label: str = "sperm") -> Findings:
    """So many that count in an image of 40 x 30 pixels, and so many that touch the right side."""
    inside = [Box(1.0 + i % 30, 1.0 + i // 30, 3.0 + i % 30, 3.0 + i // 30) for i in range(n)]
    beside = [Box(37.0, 1.0 + i, 40.0, 3.0 + i) for i in range(out)]
    return Findings(tuple(Mark(f"h{i}", box, label, Origin.HUMAN) for i, box in enumerate([*inside, *beside])))


class Silent(Predictor):
    """A model that finds seven sperm in every image."""

    def untaught(self, question: Question) -> tuple[str, ...]:
        return ()

    def predict(self, image, question: Question) -> Answer:
        marks = tuple(Mark(f"m{i}", Box(2.0 * i, 20, 2.0 * i + 1, 22), "sperm", score=0.9) for i in range(7))
        return Answer(Findings(marks), "[]", "drawn", None, "compact-1", 0.1)

    def stream(self, image, question: Question, cancelled):
        yield self.predict(image, question)


class Bench:
    """A review service and count sessions over a store in `folder`."""

    def __init__(self, folder: Path, **options: bool) -> None:
        self.store = Store.open(url_of(folder))
        self.service = ReviewService(self.store, ImageFiles(folder / "images"), Silent(), **options)
        self.counts = CountSessions(self.store, folder, self.service)

    def image(self, name: str, group: str, owner: str | None = None) -> Image:
        shade = next(_shades)
        picture = Pillow.new("RGB", (40, 30), (shade % 256, shade // 256, 7))
        return self.service.add_image(encoded(picture), name, group, owner=owner)[0]

    def side(self, group: str, n: int) -> list[str]:
        """The sha256 of n new images of a group."""
        return [self.image(f"{group} {i}.png", group).sha256 for i in range(n)]

    def read(self, sha256: str, findings: Findings, reader: str = "ada", question: Question = SPERM) -> Review:
        """What a reader who opens the image, marks it and saves leaves behind."""
        draft = self.service.open(sha256, question, reader)
        return self.service.save(self.service.edit(draft, findings))[1]

    def begin(self, fields: Sequence[int] = (2, 2), protocol: str | Protocol = "sperm-concentration", **options) -> CountSession:
        """A count of fresh images, so many a replicate."""
        for i, n in enumerate(fields, 1):
            self.side(f"side {i}", n)
        return self.counts.start(protocol, "S-17", [f"side {i + 1}" for i in range(len(fields))], reader="ada", **options)
