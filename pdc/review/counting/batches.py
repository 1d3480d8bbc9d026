"""Images that belong together, so that a reader can say which are a replicate: a group, a run of names, what a list shows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from pdc.domain.values import Image

GROUP, NAME, SHOWN = "group:", "name:", "shown"  # how keys begin
LAST_NUMBER = re.compile(r"[\s_.()-]*\d*[\s)]*$")


@dataclass(frozen=True, slots=True)
class Batch:
    """Images under one name, in order of their names; `key` tells it from others. `read` of them have a review. `cut`: there
    may be more, which were brought in at another time."""

    key: str
    name: str
    images: tuple[Image, ...]
    read: int = 0
    cut: bool = False

    def without(self, shas: Collection[str]) -> Batch:
        """The same without images that are taken."""
        return replace(self, images=tuple(image for image in self.images if image.sha256 not in shas))

    @property
    def is_group(self) -> bool:
        return self.key.startswith(GROUP)

    @property
    def shas(self) -> list[str]:
        return [image.sha256 for image in self.images]


def batches(images: Iterable[Image], read: frozenset[str] = frozenset()) -> list[Batch]:
    """Every image in one batch: that of its group, else that of its name without the last number. In order of names."""
    found: dict[tuple[str, str], list[Image]] = {}
    for image in images:
        alone = image.group == image.sha256
        found.setdefault((NAME, stem(image.name)) if alone else (GROUP, image.group), []).append(image)
    made = [_batch(kind + name, name, of, read) for (kind, name), of in found.items()]
    return sorted(made, key=lambda b: in_order(b.name))


def shown_batch(images: Sequence[Image], read: frozenset[str]) -> Batch:
    """The images that the list on the Review page shows."""
    return _batch(SHOWN, "", images, read)


def stem(name: str) -> str:
    """A file's name without its ending and last number: what the pictures of one slide have in common."""
    bare = PurePath(name).stem
    return LAST_NUMBER.sub("", bare) or bare


def in_order(name: str) -> list[tuple[int, int, str]]:
    """A key that puts field 9 before field 10."""
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)", name.casefold()) if p]


def _batch(key: str, name: str, images: Iterable[Image], read: frozenset[str]) -> Batch:
    ordered = tuple(sorted(images, key=lambda image: in_order(image.name)))
    return Batch(key, name, ordered, sum(image.sha256 in read for image in ordered))
