"""Three routes for programs that watch: whether the process lives, whether it is ready, and its metrics."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from pdc import __version__
from pdc.domain.users.roles import Action, Allowed
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.logins.tokens import bearer
from pdc.web.ui.words import in_language, language_of
from pdc.web.watching.life import Life
from pdc.web.watching.metrics import CONTENT_TYPE, Metrics
from pdc.web.watching.readiness import MISSING, Readiness

HEALTH, READY, METRICS = "/health", "/ready", "/metrics"


@dataclass(frozen=True, slots=True)
class Watching:
    """What is watched of one process. `loaded`: whether the model is; `token`: PDC_METRICS_TOKEN, or empty."""

    metrics: Metrics = field(default_factory=Metrics)
    life: Life = field(default_factory=Life)
    readiness: Readiness = field(default_factory=lambda: Readiness({}))
    loaded: Callable[[], bool] = lambda: True
    token: str = ""

    def lets_in(self, request: Request, route: str) -> bool:
        """Whether a request for this route comes with the token for metrics, which opens nothing else."""
        said = (bearer(request) or "").encode()
        return route == METRICS and bool(self.token) and secrets.compare_digest(said, self.token.encode())


def add_watching_routes(app: FastAPI, access: Access, allowed: Allowed, watching: Watching) -> None:
    @app.get(HEALTH)
    async def health() -> dict[str, object]:
        """That the process answers; nothing is looked at."""
        return {"status": "ok", "version": __version__, "model_loaded": watching.loaded()}

    @app.get(READY)
    async def ready(request: Request) -> JSONResponse:
        """Whether it is to be sent requests: 200, or 503 with what is missing."""
        missing = ("stopping",) * watching.life.stopping + await watching.readiness.missing()
        said = {name: in_language(MISSING[name], language_of(request)) for name in missing}
        return JSONResponse({"ready": not said, "missing": said}, 503 if said else 200)

    @app.get(METRICS)
    def metrics(request: Request) -> Response:
        """For admins, and for whoever has the token for metrics."""
        if not watching.lets_in(request, METRICS):
            allowed(access.user(request) or LOCAL_USER, Action.METRICS)
        return Response(watching.metrics.text(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
