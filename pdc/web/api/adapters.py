"""Which adapters there are and which serve; decisions about that, by whoever has the role for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from pdc.adapters.registry import Adapters
from pdc.client import shapes
from pdc.domain.errors import NotFound
from pdc.domain.users.roles import Action
from pdc.domain.values import Adapter
from pdc.inference.adapter_folder import labels_served
from pdc.web.api.errors import errors
from pdc.web.api.parts import Parts

Name = Annotated[str, Path(max_length=200, description="Name of an adapter in the registry.")]
NONE_HERE = "There are no adapters here, and nothing that could be decided about them."


def routes(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["adapters"])

    @router.get("/adapters", responses=errors())
    def listed(request: Request) -> shapes.Adapters:
        """Every adapter of the present model, oldest first."""
        known = _known(parts, request)
        return shapes.Adapters(adapters=[_told(known, a) for a in known.all()])

    @router.get("/adapters/serving", responses=errors())
    def serving(request: Request) -> shapes.Serving:
        """Who answers the next question."""
        return _serving(_known(parts, request))

    @router.post("/adapters/rollback", responses=errors())
    def rollback(request: Request, asked: shapes.Rollback) -> shapes.Serving:
        """Undo a promotion: who served before answers again. Takes the role trainer."""
        known, user = _allowed(parts, request, Action.PROMOTE)
        known.rollback(asked.name, by=user, reason=asked.reason.strip() or "rolled back")
        return _serving(known)

    @router.post("/adapters/{name}/promote", responses=errors())
    def promote(request: Request, name: Name, asked: shapes.Promotion) -> shapes.Serving:
        """Let an adapter answer about its labels from the next question on. Takes the role trainer. 400 says what speaks
        against it."""
        known, user = _allowed(parts, request, Action.FORCE if asked.force else Action.PROMOTE)
        known.promote(name, by=user, reason=asked.reason.strip(), force=asked.force)
        return _serving(known)

    return router


def _known(parts: Parts, request: Request) -> Adapters:
    """The registry; on a public Space it is shown to its owner only."""
    if parts.service.private:
        parts.service.allowed(parts.reader(request), Action.PROMOTE)
    if parts.behind.adapters is None:
        raise NotFound(NONE_HERE)
    return parts.behind.adapters


def _allowed(parts: Parts, request: Request, action: Action) -> tuple[Adapters, str]:
    """The registry, and who decides. Forbidden without the role."""
    known, user = _known(parts, request), parts.reader(request)
    parts.service.allowed(user, action)
    return known, user


def _serving(known: Adapters) -> shapes.Serving:
    names = [a.name for a in known.route().able if a.name]
    return shapes.Serving(base=known.base, adapters=[_told(known, known.get(name)) for name in names])


def _told(known: Adapters, adapter: Adapter) -> shapes.Adapter:
    return shapes.Adapter(
        name=adapter.name,
        base=adapter.base,
        status=adapter.status,
        labels=sorted(labels_served(adapter.path)),
        usable=known.fits(adapter),
        parent=adapter.parent,
        created_at=adapter.created_at,
    )
