"""The API as an app of its own, mounted in PDC's: its groups of routes, its description, and a page that shows that."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request, Security
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from pdc import __version__
from pdc.web.api import account, adapters, images, jobs, predictions, reviews, worklist
from pdc.web.api.errors import add_errors
from pdc.web.api.page import page
from pdc.web.api.parameters import refuse_unknown
from pdc.web.api.parts import Parts
from pdc.web.api.rates import Rates, TooFast, say_when
from pdc.web.ui.words import language_of

PLACE = "/api/v1"
ABOUT = (
    "Images in, the model's answers and people's reviews out. Send `Authorization: Bearer pdc_...` with an API token, or come "
    "from the page with its cookie. Every coordinate is in pixels of the stored, upright image. Times are UTC. "
    'Whatever is refused is answered with `{"error": "a sentence"}`. Fields may be added in this version, never taken away.'
)
TOKEN = HTTPBearer(bearerFormat="pdc_...", description="An API token of the user in whose name you work.", auto_error=False)
GROUPS = (images, predictions, reviews, worklist, jobs, adapters, account)


def make_api(parts: Parts) -> FastAPI:
    """The app to mount at `PLACE`."""
    rates = Rates(parts.access, parts.behind.per_minute)
    api = FastAPI(
        dependencies=[Depends(rates.count), Depends(refuse_unknown), Security(TOKEN)],
        title="PDC",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_named,
        separate_input_output_schemas=False,
    )
    api.state.rates = rates
    add_errors(api)
    api.exception_handler(TooFast)(say_when)
    for group in GROUPS:
        api.include_router(group.routes(parts))

    @api.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        """The description as a page without any script."""
        return HTMLResponse(page(api.openapi(), request.scope.get("root_path", ""), language_of(request)))

    return api


def _named(route: APIRoute) -> str:
    """`images_upload`: the group and what the route does, by which generators name their functions."""
    return f"{str(route.tags[0]).split()[0]}_{route.name}" if route.tags else route.name
