"""How much one program may ask of the API: so many requests a minute of a token, and of an address. Counted in this process."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from pdc.domain.errors import PdcError
from pdc.web.auth import LOCAL_USER, Access
from pdc.web.limits.refusals import refusal
from pdc.web.logins.tokens import bearer, digest

log = logging.getLogger(__name__)
SHARED = 10  # users that may send from one address, as from behind a proxy, before it is too much
TOO_FAST = "More than {most} requests a minute came from here. Nothing was changed; try again in {n} seconds."
NO_LIBRARY = "Requests to the API are not counted: the Python package limits is missing. Install it, then start PDC again."


class TooFast(PdcError):
    """More requests than are taken; `seconds` until the next one is."""

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(TOO_FAST, most=most, n=seconds)
        self.seconds = seconds


class Rates:
    """`per_minute` requests of a token, or of a user without one; 0: any number."""

    def __init__(self, access: Access, per_minute: int) -> None:
        self.access, self.per_minute = access, per_minute
        self.counted: Any = _limiter() if per_minute else None

    async def count(self, request: Request) -> None:
        """One more. TooFast where it is too much."""
        address = request.client.host if request.client else ""
        for who, most in ((self._who(request), self.per_minute), (f"address {address}", self.per_minute * SHARED)):
            if seconds := self._wait(who, most):
                raise TooFast(most, seconds)

    def _who(self, request: Request) -> str:
        if self.access.by_token(request):
            return f"token {digest(bearer(request) or '')}"
        return f"user {self.access.user(request) or LOCAL_USER}"

    def _wait(self, who: str, most: int) -> int:
        """Whole seconds until a request of theirs is taken; 0: this one is."""
        if self.counted is None or self.counted.hit(rate := self._rate(most), who):
            return 0
        return max(1, math.ceil(self.counted.get_window_stats(rate, who).reset_time - time.time()))

    def _rate(self, most: int) -> Any:
        from limits import RateLimitItemPerMinute  # pyright: ignore[reportAttributeAccessIssue]

        return RateLimitItemPerMinute(most)


async def say_when(request: Request, error: Exception) -> Response:
    """429, and after how many seconds to come again."""
    assert isinstance(error, TooFast)
    answer = refusal(request, error, 429)
    answer.headers["Retry-After"] = str(error.seconds)
    return answer


def _limiter() -> Any:
    try:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter
    except ModuleNotFoundError:
        log.warning(NO_LIBRARY)
        return None
    return MovingWindowRateLimiter(MemoryStorage())
