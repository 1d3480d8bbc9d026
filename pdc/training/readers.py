"""Whose review it is: a person's, or a file's that somebody imported; and which reviews a fold is to leave out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from pdc.domain.errors import BadSetting
from pdc.domain.values import USABLE, Review
from pdc.training.config import TrainConfig

if TYPE_CHECKING:
    from pdc.store import Store

NO_READER = "There are no reviews by {reader}; readers are: {known}."
NO_IMAGE = "No reviewed image has a name that begins with {image}; give at least the first 8 digits of its sha256."
DIGITS = 8  # of a sha256 that name an image


def reader_of(review: Review, imported: Mapping[str, str]) -> str:
    """The author's name; where the review came from a file, the file's too. `imported`: id of a review -> its file, if known."""
    return _named(review.author, imported.get(review.id))


def _named(author: str, file: str | None) -> str:
    """`file` None: not imported; empty: it is not known from which."""
    if file is None:
        return author
    return f"{author}, imported from {file}" if file else f"{author}, imported"


def reviews_to_compare(store: Store) -> Iterator[Review]:
    """What folds learn from, and what each of several readers of an image made of it the first time, blind to the others."""
    yield from store.each_usable()
    yield from (r.review for r in store.all_reads() if r.turn == 1 and r.review.verdict in USABLE)


def offered(store: Store) -> list[str]:
    """Whose reviews a fold could leave out, the most first, without reading a review."""
    from pdc.store.learnt.sums import IMPORT

    return [_named(author, source.removeprefix(IMPORT).strip() if source else None) for author, source in store.reviewers()]


def check_known(store: Store, names: Collection[str], images: Collection[str]) -> None:
    """BadSetting where a reader or an image that is to be left out has no review: most likely it is spelt otherwise."""
    imported, known, authors, unknown = store.import_files(), set[str](), set[str](), set(images)
    for review in store.each_usable():
        known.add(reader_of(review, imported))
        authors.add(review.author)
        unknown -= {image for image in unknown if len(image) >= DIGITS and review.image_sha256.startswith(image)}
    for name in names:
        if name not in known | authors:
            raise BadSetting(NO_READER, reader=name, known="; ".join(sorted(known)) or "-")
    for image in images:
        if image in unknown:
            raise BadSetting(NO_IMAGE, image=image)


def not_left_out(store: Store, config: TrainConfig) -> Callable[[Review], bool]:
    """Whether a training learns from a review: not if its reader or author is left out, or its image, by its first digits."""
    imported = store.import_files()

    def learns(review: Review) -> bool:
        left_out = {review.author, reader_of(review, imported)} & set(config.without_readers)
        return not left_out and not review.image_sha256.startswith(tuple(config.without_images))

    return learns
