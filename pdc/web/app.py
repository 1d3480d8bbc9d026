"""The ASGI app: images and uploads through our own authorised routes, login, headers, and Gradio mounted inside.

Nothing a reader uploads ever passes through Gradio's cache, which any other logged-in user could read.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import IO, Any

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from pdc import __version__
from pdc.domain.errors import NotFound, PdcError
from pdc.domain.message import Message
from pdc.domain.values import MAX_LABEL_LENGTH, Image
from pdc.images.thumbnails import Thumbnails
from pdc.jobs.desk import JobDesk
from pdc.review.agreement.reports import Reports
from pdc.review.ahead.pool import AnswerPool
from pdc.review.counting.areas import Areas
from pdc.review.counting.desk import FieldDesk
from pdc.review.counting.sessions import CountSessions
from pdc.review.examples import examples
from pdc.review.fitting.fitting import Fitting
from pdc.review.labels import Labels
from pdc.review.limits.keeping import KEPT
from pdc.review.listing.claims import Claims
from pdc.review.prefetch import Prefetcher
from pdc.review.questions import labels_of
from pdc.review.service import ReviewService
from pdc.review.similar.cases import SimilarCases
from pdc.review.worklist import Worklist
from pdc.web import (
    area_route,
    auto_accept_route,
    data_routes,
    effort_route,
    fields_route,
    fit_route,
    import_routes,
    raw_route,
    sheet_routes,
    similar_route,
)
from pdc.web.api.app import PLACE, make_api
from pdc.web.api.parts import Behind, Parts
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.incoming import Incoming
from pdc.web.jobs.routes import add_routes as add_job_routes
from pdc.web.limits.aside import laid_aside
from pdc.web.limits.bodies import MB, BodyLimit, BodyLimits
from pdc.web.limits.events import MOST_QUEUED, Events
from pdc.web.limits.refusals import say, sentence
from pdc.web.limits.turns import HeavyWork
from pdc.web.listing.open_images import add_open_route
from pdc.web.listing.routes import NO_OFFER, Listing, Offer, add_list_routes
from pdc.web.logins.standing import OpenRequests
from pdc.web.page_policy import PageSender, headers_for
from pdc.web.privacy.text_route import add_text_routes, choice_of
from pdc.web.record.route import add_record_route
from pdc.web.space.hugging_face import START, Provider, add_login_routes
from pdc.web.space.visitors import under_visit
from pdc.web.ui import scripts
from pdc.web.ui.sessions import LOG_IN, Sessions
from pdc.web.ui.used_routes import API, OnlyUsed, used
from pdc.web.ui.words import in_language, language_of
from pdc.web.watching.faults import own_up
from pdc.web.watching.requests import Routed, Watched
from pdc.web.watching.routes import HEALTH, READY, Watching, add_watching_routes

log = logging.getLogger(__name__)
QUEUE_SECONDS = 0.005  # between two looks for a new event; Gradio looks a thousand times a second, also at night
MOST_WAITING = 1000  # events of the interface at once; 40 waiting answers stopped saving
ELSEWHERE = Message("This address is not served here. Open PDC by the address it printed when it started.")
FROM_ANOTHER_SITE = Message("This request came from another site and was refused. Reload the page.")
SEND_TOKEN = Message("Nobody is logged in. Send an API token in the header Authorization: Bearer TOKEN.")
NO_TOKEN = Message("This API token is not taken: it is unknown, was revoked, or its time is over. Make another one.")
OPEN_PATHS = ("/login", HEALTH, READY)
CANCELLED = {"success": True}  # what Gradio says of an event that there is not
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable", "Content-Security-Policy": "default-src 'none'"}
PAGES = ("/", "/login")


ALONE = Behind()


def build_server(
    service: ReviewService,
    access: Access,
    blocks: Any,
    *,
    prefetcher: Prefetcher,
    pool: AnswerPool | None = None,
    offer: Offer = NO_OFFER,
    reports: Reports | None = None,
    similar: SimilarCases | None = None,
    fitting: Fitting | None = None,
    counts: CountSessions | None = None,
    jobs: tuple[JobDesk, Path] | None = None,
    max_upload_mb: int = 64,
    timing: bool = False,
    watching: Watching | None = None,
    gradio_options: dict[str, Any] | None = None,
    provider: Provider | None = None,
    kept: Message = KEPT,
    behind: Behind = ALONE,
) -> FastAPI:
    """The whole app. `blocks` is the Gradio interface; `reports` say how
    far readers agree, where there can be several; `similar` are the reviewed cases like an image; `fitting` fits boxes; `counts`
    are the count sessions; `jobs` is where they are asked for, and the folder of their files. With `timing` what an image takes
    its reader is kept. `provider`: the owner of a Space may log in there; `kept` tells its visitors how long their images are
    kept. `watching`: what whoever runs PDC sees of it; `behind`: what the API needs beside the service."""
    watching = watching or Watching()
    app = FastAPI(title="PDC", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Routed)
    app.add_middleware(CORSMiddleware, allow_origins=[])  # its presence keeps Gradio from reflecting any origin
    sessions = Sessions(blocks, visitors=access.visitors, standing=access.standing)
    sessions.guard()
    app.add_middleware(Guard, access=access, sessions=sessions, watching=watching)
    app.add_middleware(BodyLimit, limits=BodyLimits(max_upload_mb * MB), framed=access.visitors)
    app.add_middleware(Watched, metrics=watching.metrics, life=watching.life)
    app.exception_handler(PdcError)(say)
    app.exception_handler(Exception)(own_up)
    access.gate.refused = watching.metrics.refused
    scripts.add_routes(app)
    _login_routes(app, access, provider)
    heavy = HeavyWork()
    _image_routes(app, access, service, heavy)
    add_text_routes(app, access, service)
    raw_route.add_raw_route(app, access, service, heavy.numbers, FOR_EVER)
    if fitting is not None:
        fit_route.add_fit_route(app, access, fitting)
    if counts is not None:
        fields_route.add_fields_route(app, access, FieldDesk(counts))
        sheet_routes.add_sheet_routes(app, access, counts)
        area_route.add_area_route(app, access, Areas(service, counts))
    images = Worklist(service)
    add_list_routes(app, access, Listing(images, prefetcher, pool, offer, kept))
    add_open_route(app, access, Claims(service))
    auto_accept_route.add_routes(app, access, images)
    _label_routes(app, labels_of(service))
    data_routes.add_routes(app, access, service)
    add_record_route(app, access, service)
    effort_route.add_effort_routes(app, access, service, timing)
    if reports is not None:
        data_routes.add_agreement_route(app, access, reports)
    if jobs is not None:
        add_job_routes(app, access, *jobs)
    if similar is not None:
        similar_route.add_similar_route(app, access, similar)
    incoming = Incoming(service, service.files.folder.parent / "incoming")
    import_routes.add_routes(app, access, incoming)
    add_watching_routes(app, access, service.allowed, watching)
    app.mount(PLACE, make_api(Parts(access, service, heavy, behind, jobs)))
    return _mount(app, blocks, access, gradio_options or {})


def _mount(app: FastAPI, blocks: Any, access: Access, options: dict[str, Any]) -> FastAPI:
    import gradio

    def user_of(request: Request) -> str | None:  # sync: Gradio ignores the answer of an async dependency
        return access.user(request)

    blocks.analytics_enabled = False
    blocks.max_threads = MOST_WAITING  # Gradio counts events, also those that wait without a thread
    blocks.queue(max_size=MOST_QUEUED)
    blocks._queue.sleep_when_free = QUEUE_SECONDS
    gradio.mount_gradio_app(
        app,
        blocks,
        path="/",
        auth_dependency=user_of,
        allowed_paths=[],
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        max_file_size="1kb",
        **options,
    )
    app.routes[-1].app.add_middleware(OnlyUsed)  # pyright: ignore[reportAttributeAccessIssue]
    return app


class Guard:
    """ASGI middleware for every request: right host, same origin for writes, a user where one is needed, and nobody else's
    Gradio session."""

    def __init__(self, app: ASGIApp, access: Access, sessions: Sessions, watching: Watching) -> None:
        self.app, self.access, self.sessions, self.watching = app, access, sessions, watching
        self.open, self.events = OpenRequests(access), Events(sessions.blocks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = under_visit(scope) if self.access.visitors else scope
        request, framed = Request(scope), self.access.visitors
        cookies: list[tuple[bytes, bytes]] = []
        send = PageSender(send, headers_for(scope, framed=framed), cookies, framed=framed)
        try:
            known = self.watching.lets_in(request, _route(scope))
            way = None if known else self._named(request, cookies)
            answer = _refusal(request, self.access, known=known) or way
            if answer is None and _route(scope).startswith(API):
                answer, receive = await self._of_gradio(request, receive)
        except PdcError as error:
            answer = await say(request, error)
        if answer is not None:
            await answer(scope, receive, send)
        elif known:
            await self.app(scope, receive, send)
        else:
            await self.open.serve(self.app, request, _uncompressed(scope), receive, send)

    def _named(self, request: Request, cookies: list[tuple[bytes, bytes]]) -> Response | None:
        """Give a visitor a name, with a cookie; where their page lies, when it is not where they ask for it."""
        way, extra = self.access.arrive(request) if _is_page(request) else None, Response()
        self.access.remember(request, extra)
        self.access.note(request)
        cookies += [header for header in extra.raw_headers if header[0] == b"set-cookie"]
        return way

    async def _of_gradio(self, request: Request, receive: Receive) -> tuple[Response | None, Receive]:
        """Gradio's routes are closed but for those that the page uses, each with its user's own session."""
        route = _route(request.scope)
        if not used(route):
            return sentence(request, 404, Message("There is no such page.")), receive
        body, again = await _read(receive) if request.method == "POST" else (b"", receive)
        user = self.access.user(request) or LOCAL_USER
        said = _json(body)
        refused = (self.sessions.refusal(named, user) for named in _sessions_named(request, route, said))
        if said_no := next(filter(None, refused), None):
            return sentence(request, 403, said_no), again
        if self.sessions.is_event_of_another(said.get("event_id"), user):
            return JSONResponse(CANCELLED), again
        if route.endswith("/queue/join"):
            self.events.admit(str(said.get("session_hash")))
        return None, again


def _route(scope: Scope) -> str:
    """The path inside the app, wherever that is mounted."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


def _is_page(request: Request) -> bool:
    return request.method == "GET" and _route(request.scope) == "/"


def _uncompressed(scope: Scope) -> Scope:
    """The request for a page without the wish for a compressed one: its scripts are given their nonce in what is sent."""
    if scope["method"] != "GET" or _route(scope) not in PAGES:
        return scope
    return {**scope, "headers": [h for h in scope["headers"] if h[0] != b"accept-encoding"]}


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and a `receive` that hands it out again."""
    messages: list[AsgiMessage] = []
    more = True
    while more:
        messages.append(await receive())
        more = messages[-1].get("more_body", False)
    body = b"".join(message.get("body", b"") for message in messages)

    async def again() -> AsgiMessage:
        return messages.pop(0) if messages else await receive()

    return body, again


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        said = {}
    return said if isinstance(said, dict) else {}


def _sessions_named(request: Request, route: str, said: dict[str, Any]) -> list[str]:
    """Every Gradio session that a request speaks of: in its address or in its body."""
    named = [request.query_params.get("session_hash"), said.get("session_hash")]
    return [str(n) for n in (*named, route.partition("heartbeat/")[2]) if n]


def _refusal(request: Request, access: Access, *, known: bool = False) -> Response | None:
    """`known`: it says by other means than a login that it may come in."""
    if not access.host_allowed(request):
        return sentence(request, 400, ELSEWHERE)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not access.same_origin(request):
        return sentence(request, 403, FROM_ANOTHER_SITE)
    if not known and _route(request.scope) not in OPEN_PATHS and access.user(request) is None:
        if access.by_token(request):
            return sentence(request, 401, NO_TOKEN)
        if _route(request.scope).startswith(f"{PLACE}/") and "text/html" not in request.headers.get("accept", ""):
            return sentence(request, 401, SEND_TOKEN)
        wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        return RedirectResponse("/login", 303) if wants_page else sentence(request, 401, LOG_IN)
    return None


def _image_routes(app: FastAPI, access: Access, service: ReviewService, heavy: HeavyWork) -> None:
    home = service.files.folder.parent
    thumbnails = Thumbnails(service.files)

    def made(sha256: str, reader: str) -> Path | None:
        return thumbnails.made(service.image(sha256, reader).sha256)

    @app.get("/thumbnails/{sha256}.jpg")
    async def thumbnail(request: Request, sha256: str) -> Response:
        """A stored image, small, for lists."""
        path = await run_in_threadpool(made, sha256, access.user(request) or LOCAL_USER)
        path = path or await heavy.thumbnails.run(partial(thumbnails.path, sha256))
        return FileResponse(path, media_type="image/jpeg", headers=FOR_EVER)

    @app.get("/images/{sha256}.png")
    def image(request: Request, sha256: str) -> Response:
        """A stored image; its name is its content, so browsers may keep it (privately) for ever."""
        service.image(sha256, reader := access.user(request) or LOCAL_USER)
        service.store.record_view(reader, sha256)
        return FileResponse(service.files.path(sha256), media_type="image/png", headers=FOR_EVER)

    @app.get("/examples/{name}")
    def example(name: str) -> Response:
        """An example image that ships with PDC, for its thumbnail."""
        for shipped in examples():
            if shipped.path.name == name:
                return FileResponse(shipped.path, headers={"Cache-Control": "private, max-age=86400"})
        raise NotFound("There is no example {name}.", name=repr(name))

    @app.post("/api/images")
    async def upload(request: Request, name: str = "image", group: str = "", text: str = "") -> JSONResponse:
        """The raw bytes of one image file as the body -> what was stored, in pixels of the upright image.

        `group`: the patient, sample or folder that the image belongs to; empty: none. `text`: what the reader wants of text that
        is burned into it, `paint` or `keep`; empty: they are asked.
        """
        owner, choice = access.user(request) or LOCAL_USER, choice_of(text)

        def store(file: IO[bytes]) -> tuple[Image, tuple[Message, ...]]:
            return service.add_image(file.read(), name, group.strip() or None, owner=owner, text=choice)

        service.limits.disk.refuse_upload()
        async with heavy.uploads.place(), laid_aside(request, home / "incoming") as file:
            image, notes = await heavy.uploads.work(partial(store, file))
        return JSONResponse(
            {
                "sha256": image.sha256,
                "name": image.name,
                "width": image.width,
                "height": image.height,
                "notes": [in_language(note, language_of(request)) for note in notes],
            }
        )


def _label_routes(app: FastAPI, labels: Labels) -> None:
    @app.get("/api/labels")
    def find(text: str) -> JSONResponse:
        """What a typed text means: a label's name or null, else the names of labels that it may mean."""
        found = labels.find(text[:MAX_LABEL_LENGTH])
        return JSONResponse({"name": found.name or found.retired, "candidates": list(found.candidates)})


def _login_routes(app: FastAPI, access: Access, provider: Provider | None) -> None:
    if provider is not None:
        add_login_routes(app, access, provider)

    @app.get("/login")
    def login_page(request: Request) -> Response:
        return RedirectResponse("/", 303) if access.user(request) else access.page(request)

    @app.post("/login")
    async def login(request: Request) -> Response:
        form = await request.form()
        name, password = str(form.get("name", "")), str(form.get("password", ""))
        return await access.log_in(request, name, password)

    @app.get("/session")
    def session(request: Request) -> JSONResponse:
        """Who is logged in, null where nobody is; and where somebody may log in with Hugging Face, who need not."""
        user = access.logged_in(request)
        return JSONResponse({"user": user, "log_in": START if provider and user is None else None})

    @app.post("/visit")
    async def come_again(request: Request) -> JSONResponse:
        """The token that a page kept, as the body -> where its visitor goes on; null where it no longer holds."""
        kept = (await request.body()).decode("ascii", "replace")
        return JSONResponse({"address": access.visits.again(kept) if access.visitors else None})

    @app.post("/session")
    def at_work(request: Request) -> Response:
        """The page says once in a while that its reader is at work."""
        answer = Response(status_code=204)
        access.renew(request, answer)
        return answer

    @app.post("/logout")
    def logout(request: Request) -> Response:
        return access.log_out(request)
