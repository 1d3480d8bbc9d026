"""Routes of the list of images: parts of it, and images given to a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from pdc.domain.message import Message
from pdc.review.ahead.pool import AnswerPool, PoolState
from pdc.review.limits.keeping import KEPT
from pdc.review.listing.claims import Claims
from pdc.review.listing.entries import Page, WorklistFilter
from pdc.review.prefetch import Prefetcher
from pdc.review.worklist import Worklist, without_hints
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.ui.words import language_of
from pdc.web.ui.worklist import filter_from, worklist_page, worklist_part

LIMIT, MOST = 200, 500  # rows of one answer


class Assignment(BaseModel):
    """Which images (sha256), or all that the list shows under these filters; and to whom: an empty reader means to nobody."""

    images: list[str] = Field([], max_length=100_000)
    shown: dict[str, Any] | None = None
    reader: str = Field("", max_length=64)


@dataclass(frozen=True, slots=True)
class Offer:
    """A training is offered after every so many reviews; `reviews` says how many are new to a user, 0 where none is offered."""

    every: int = 0
    reviews: Callable[[str], int] = lambda user: 0


NO_OFFER = Offer()


class Listing:
    """The list as one reader's page asks for it."""

    def __init__(
        self,
        images: Worklist,
        prefetcher: Prefetcher,
        pool: AnswerPool | None = None,
        offer: Offer = NO_OFFER,
        kept: Message = KEPT,
    ) -> None:
        self.images, self.prefetcher, self.pool = images, prefetcher, pool
        self.offer, self.kept, self.claims = offer, kept, Claims(images.service)

    def wanted(self, asked: object) -> WorklistFilter:
        return without_hints(filter_from(asked), self.images.service.blind)

    def part(self, reader: str, asked: Mapping[str, str], language: str) -> dict[str, Any]:
        """The rows behind or before a place."""
        return worklist_part(self._page(reader, asked), self.claims.told(reader), language)

    def head(self, reader: str, asked: Mapping[str, str], language: str) -> dict[str, Any]:
        """The rows around an image or from the top, and all that stands above and below them."""
        images, page = self.images, self._page(reader, asked)
        return worklist_part(page, self.claims.told(reader), language) | worklist_page(
            images.progress(reader, self.wanted(asked), page.counted),
            self.prefetcher.now,
            self.pool.now if self.pool else PoolState(),
            readers=images.readers(),
            labels=images.store.labels(),
            offer=(self.offer.reviews(reader), self.offer.every),
            visitors=self.kept if images.service.private else None,
            language=language,
        )

    def _page(self, reader: str, asked: Mapping[str, str]) -> Page:
        return self.images.page(reader, self.wanted(asked), **place_in(asked))

    def tag(self, reader: str, asked: Mapping[str, str], language: str) -> str:
        """An ETag of the head of a list: another one where anything in it may be another, wherever in the list it is."""
        told, labels = sorted(self.claims.told(reader).items()), self.images.store.labels()
        beside = self.prefetcher.now, self.pool.now if self.pool else None
        said = self.images.version(), reader, self.wanted(asked), language, told, labels, beside
        return f'"{sha256(repr(said).encode()).hexdigest()[:32]}"'

    def named(self, reader: str, asked: Assignment) -> Iterable[str]:
        return asked.images if asked.shown is None else self.images.shas(reader, self.wanted(asked.shown))


def place_in(asked: Mapping[str, str]) -> dict[str, Any]:
    """Which part of the list is asked for; a limit that is no number is the usual one."""
    limit = asked.get("limit", "")
    places = {name: asked.get(name, "")[:200] or None for name in ("after", "before", "around")}
    return {**places, "limit": min(max(int(limit), 1), MOST) if limit.isdecimal() else LIMIT}


def add_list_routes(app: FastAPI, access: Access, listing: Listing) -> None:
    @app.get("/api/worklist")
    def rows(request: Request) -> Response:
        """The images one reader wants to see, in the order they want, a part at a time: `after` or `before` a place that
        another part named as its `last` or `first` ("end": the last part), `around` an image, else from the top. At most `limit`
        rows. Without `after` and `before` also how far the reader is, and what there is to choose from; 304 where its ETag is
        the one that the page has."""
        asked, reader, language = request.query_params, access.user(request) or LOCAL_USER, language_of(request)
        with listing.images.store.moment():
            if asked.get("after") or asked.get("before"):
                return JSONResponse(listing.part(reader, asked, language))
            tag = {"ETag": listing.tag(reader, asked, language)}
            if request.headers.get("if-none-match") == tag["ETag"]:
                return Response(status_code=304, headers=tag)
            return JSONResponse(listing.head(reader, asked, language), headers=tag)

    @app.post("/api/worklist/assign")
    def assign(request: Request, asked: Assignment) -> JSONResponse:
        """Images to a reader, or back to nobody."""
        by = access.user(request) or LOCAL_USER
        images = list(listing.named(by, asked))
        listing.images.assign(images, asked.reader.strip() or None, by)
        return JSONResponse({"assigned": len(images)})
