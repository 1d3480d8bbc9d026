"""A store with its image files, and short ways to fill it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from databases import quick_url_of
from pictures import encoded
from PIL import Image as Pillow

from pdc.domain.values import Box, Findings, Image, Mark, Question, Review, Verdict
from pdc.images.intake import ImageFiles, accept
from pdc.store import Store

CORRECTED = Verdict.CORRECTED


class Place:
    """A store with its image files, and short ways to fill it."""

    def __init__(self, folder: Path) -> None:
        self.store, self.files = Store.open(quick_url_of(folder)), ImageFiles(folder / "images")

    def image(self, name: str, group: str = "g", size: tuple[int, int] = (40, 30)) -> Image:
        accepted = accept(encoded(Pillow.new("RGB", size, tuple(crc32(name.encode()).to_bytes(4)[:3]))), name)
        self.files.put(accepted)
        image = Image(accepted.sha256, accepted.name, *size, group, datetime.now(UTC))
        return self.store.add_image(image)

    def review(self, image: Image, question: Question, findings: Findings, verdict=CORRECTED, base=0) -> Review:
        key = f"{image.sha256} {question} {base}"
        review = Review(key, image.sha256, question, None, verdict, findings, "ada", base + 1, datetime.now(UTC))
        return self.store.save_review(review, key=key, base_revision=base)


def boxes(*found: tuple[str, tuple[float, float, float, float]]) -> Findings:
    return Findings(tuple(Mark(f"m{i}", Box(*box), label) for i, (label, box) in enumerate(found)))
