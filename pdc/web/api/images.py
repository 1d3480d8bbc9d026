"""Images of the API: brought, listed, and their pixels."""

from __future__ import annotations

from functools import partial
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from pdc.client import shapes
from pdc.domain.errors import BadSetting
from pdc.domain.message import Message
from pdc.domain.values import Image
from pdc.web.api import told
from pdc.web.api.errors import errors
from pdc.web.api.parts import After, Limit, Parts, Sha
from pdc.web.limits.aside import laid_aside
from pdc.web.privacy.text_route import choice_of
from pdc.web.ui.words import language_of

FILE = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
PNG = {200: {"content": {"image/png": {}}, "description": "The picture, RGB, upright, without metadata."}}
JPEG = {200: {"content": {"image/jpeg": {}}, "description": "A picture of at most 96 x 96 pixels."}}
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable", "Content-Security-Policy": "default-src 'none'"}
BAD_CURSOR = "This `after` is none that was given out: {after}. Begin anew without it."
TextChoice = Annotated[
    Literal["", "paint", "keep"],
    Query(description="What becomes of text burned into the image; empty: refused with 409 and shown."),
]


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["images"])
    _stored(router, parts)
    _pictures(router, parts)

    @router.post("/images", status_code=201, responses=errors(409, 413, 507), openapi_extra=FILE)
    async def upload(
        request: Request,
        name: Annotated[str, Query(max_length=1000, description="What the file is called.")] = "image",
        group: Annotated[str, Query(max_length=200, description="The patient, sample or folder that it belongs to.")] = "",
        text: TextChoice = "",
    ) -> shapes.Image:
        """Store one image file, sent as the body. The same file again is the same image."""
        service, reader = parts.service, parts.reader(request)

        def store(file: IO[bytes]) -> tuple[Image, tuple[Message, ...]]:
            return service.add_image(file.read(), name, group.strip() or None, owner=reader, text=choice_of(text))

        service.limits.disk.refuse_upload()
        folder = service.files.folder.parent / "incoming"
        async with parts.heavy.uploads.place(), laid_aside(request, folder) as file:
            image, notes = await parts.heavy.uploads.work(partial(store, file))
        return told.image(image, notes, language_of(request))

    return router


def _stored(router: APIRouter, parts: Parts) -> None:
    @router.get("/images", responses=errors())
    def listed(
        request: Request,
        after: After = None,
        limit: Limit = 100,
        name: Annotated[str, Query(max_length=200, description="Only images whose names contain this, in any case.")] = "",
    ) -> shapes.Images:
        """Images that are not retired, oldest first."""
        owner = parts.reader(request) if parts.service.private else None
        found, last = parts.service.store.image_page(_place(after), limit, owner, name)
        return shapes.Images(images=[told.image(i) for i in found], next=str(last) if last else None)

    @router.get("/images/{sha256}", responses=errors())
    def one(request: Request, sha256: Sha) -> shapes.Image:
        """What is stored about one image."""
        return told.image(parts.service.image(sha256, parts.reader(request)))


def _pictures(router: APIRouter, parts: Parts) -> None:
    @router.get("/images/{sha256}/pixels", response_class=Response, responses=PNG | errors())
    def pixels(request: Request, sha256: Sha) -> Response:
        """The image as a PNG, as everything here measures it."""
        reader = parts.reader(request)
        parts.service.image(sha256, reader)
        parts.service.store.record_view(reader, sha256)
        return FileResponse(parts.service.files.path(sha256), media_type="image/png", headers=FOR_EVER)

    @router.get("/images/{sha256}/thumbnail", response_class=Response, responses=JPEG | errors())
    async def thumbnail(request: Request, sha256: Sha) -> Response:
        """The image, small, as a JPEG."""
        await run_in_threadpool(parts.service.image, sha256, parts.reader(request))
        path = await parts.heavy.thumbnails.run(partial(parts.thumbnails.path, sha256))
        return FileResponse(path, media_type="image/jpeg", headers=FOR_EVER)


def _place(after: str | None) -> int:
    """The number in a cursor; 0 at the beginning."""
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 9):
        raise BadSetting(BAD_CURSOR, after=repr(after[:40]))
    return int(after)
