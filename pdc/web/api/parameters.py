"""Names in the address of a request that its route does not take are refused: left out in silence, they would mean all."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from pdc.domain.errors import BadSetting

NO_PARAMETER = "This address takes no parameter {name}; it takes {known}."
NONE_TAKEN = "This address takes no parameters, so {name} means nothing here. Leave it out."


async def refuse_unknown(request: Request) -> None:
    """BadSetting, naming what the route takes."""
    known = sorted(set(_names(request.scope["route"].dependant)))
    if odd := sorted(set(request.query_params) - set(known)):
        raise BadSetting(
            NO_PARAMETER if known else NONE_TAKEN, name=repr(odd[0]), **({"known": ", ".join(known)} if known else {})
        )


def _names(of: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in of.query_params)
    for dependency in of.dependencies:
        yield from _names(dependency)
