"""The store's half that looks at what came last, and at no more than is asked for: images, groups, reviews of labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pdc.domain.values import Image, Review
from pdc.store import mapping
from pdc.store.database import each_once, pieces
from pdc.store.image_queries import retired_shas, seen
from pdc.store.listing.tables import ListNamePartRow, ListNameRow, holding
from pdc.store.review_queries import ReviewQueries
from pdc.store.tables import ImageRow, ReviewRow

AT_ONCE = 100  # images whose reviews are looked at together
NEAR = 200  # older images with a like name that are looked at


class NewestQueries(ReviewQueries):
    def newest_images(self, most: int) -> list[Image]:
        """So many that are not retired, and all of their groups; oldest first."""
        newest: list[Image] = []
        with self._read() as session:
            end = (session.scalar(select(func.max(ImageRow.seq))) or 0) + 1
            while len(newest) < most and (rows := session.scalars(_before(end, most)).all()):
                end, gone = rows[-1].seq, _retired(session, [row.sha256 for row in rows])
                newest += [mapping.image(row) for row in rows if row.sha256 not in gone]
        found = {image.sha256: image for image in reversed(newest[:most])}
        groups = {image.group for image in found.values() if image.group != image.sha256}
        return [*(image for image in self.images_of_groups(groups) if image.sha256 not in found), *found.values()]

    def images_of_groups(self, groups: Collection[str]) -> list[Image]:
        """Those that are not retired, oldest first."""
        found: list[ImageRow] = []
        with self._read() as session:
            for some in pieces(groups):
                rows = session.scalars(select(ImageRow).where(ImageRow.group_name.in_(some))).all()
                gone = _retired(session, [row.sha256 for row in rows])
                found += [row for row in rows if row.sha256 not in gone]
            return [mapping.image(row) for row in sorted(found, key=lambda row: row.seq)]

    def in_order_stored(self, shas: Collection[str]) -> list[str]:
        """Each once, without those that are retired."""
        found: list[tuple[int, str]] = []
        with self._read() as session:
            for some in pieces(set(shas)):
                gone = _retired(session, some)
                query = select(ImageRow.seq, ImageRow.sha256).where(ImageRow.sha256.in_(some))
                found += [(seq, sha) for seq, sha in session.execute(query) if sha not in gone]
        return [sha for _, sha in sorted(found)]

    def newest_usable(self, labels: Collection[str], most: int) -> list[Review]:
        """So many usable reviews that were asked for one of these labels, in today's names, newest first."""
        return list(islice(self._newest_usable(frozenset(labels)), most))

    def newest_reviewed(self, author: str | None = None) -> Iterator[list[str]]:
        """The images that somebody, or this author, has reviewed, each once, a few at a time: the newest review first."""
        end, found = None, set[str]()
        of = ReviewRow
        query = select(of.seq, of.image_sha256).order_by(of.seq.desc()).limit(AT_ONCE)
        query = query if author is None else query.where(of.author == author)
        while True:
            with self._read() as session:
                rows = session.execute(query if end is None else query.where(of.seq < end)).all()
            if not rows:
                return
            end, new = rows[-1][0], [sha for sha in dict.fromkeys(sha for _, sha in rows) if sha not in found]
            found.update(new)
            yield new

    def _newest_usable(self, labels: frozenset[str]) -> Iterator[Review]:
        end: int | None = None
        while found := self._reviews_before(end, labels):
            end = found[-1][0]
            usable = {review.id: review for review in self.usable_reviews({sha for _, sha, _ in found})}
            yield from (usable[id] for _, _, id in found if id in usable)

    def _reviews_before(self, end: int | None, labels: frozenset[str]) -> list[tuple[int, str, str]]:
        """(seq, sha256, id) of reviews that were asked for one of the labels, the newest first."""
        of = ReviewRow
        with self._read() as session:
            moved = self._dictionary(session).moved
            parts: list[list[tuple[int, str, str]]] = []
            for asked in each_once(session, of.labels):
                if labels & {moved.get(name, name) for name in json.loads(asked)}:
                    query = select(of.seq, of.image_sha256, of.id).where(of.labels == asked, seen())
                    query = query if end is None else query.where(of.seq < end)
                    rows = session.execute(query.order_by(of.seq.desc()).limit(AT_ONCE))
                    parts.append([(seq, sha, id) for seq, sha, id in rows])
        return sorted(chain(*parts), reverse=True)[:AT_ONCE]

    def with_older(self, stems: Collection[str], images: Collection[Image], stem_of: Callable[[str], str]) -> frozenset[str]:
        """Of these beginnings of names those that older images have too, which are of no group and not among `images`."""
        if not images:
            return frozenset()
        with self._read() as session:
            oldest = session.scalar(select(func.min(ImageRow.seq)).where(ImageRow.sha256.in_([i.sha256 for i in images])))
            return frozenset(stem for stem in stems if _is_older(session, stem, oldest or 0, stem_of))


def _before(end: int, most: int) -> Select[Any]:
    return select(ImageRow).where(ImageRow.seq < end).order_by(ImageRow.seq.desc()).limit(most)


def _retired(session: Session, shas: Collection[str]) -> set[str]:
    return {sha for some in pieces(shas) for sha in session.scalars(retired_shas(among=some))}


def _is_older(session: Session, stem: str, oldest: int, stem_of: Callable[[str], str]) -> bool:
    """By the parts of names that searches use. Where very many names are alike, there are taken to be some."""
    of = ImageRow
    alike = select(of.name).join(ListNameRow, ListNameRow.image_sha256 == of.sha256)
    alike = alike.join(ListNamePartRow, ListNamePartRow.name_id == ListNameRow.id)
    alike = alike.where(*holding("", stem.casefold()), of.seq < oldest, of.group_name == of.sha256)
    names = session.scalars(alike.limit(NEAR)).all()
    return len(names) == NEAR or any(stem_of(name) == stem for name in names)
