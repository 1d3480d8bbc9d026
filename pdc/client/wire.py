"""Requests of a script: with its token, again where the server says when, and what is refused as an exception."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from pdc.client import shapes

PLACE = "/api/v1"
TRIES = 6  # of one request, before the script is told
LONGEST = 60.0  # seconds that a server may have one wait before the next try
FIRST = 0.5  # seconds, doubled each time, where nothing is said
AGAIN = (429, 503)
NO_SENTENCE = "The server answered with status {status} and no sentence; look whether the address is that of PDC."
NO_SERVER = "No server answers at {url} ({why}). Look at the address, and whether PDC runs."


class ApiError(Exception):
    """Something was not done. str() is the server's sentence; `status` is that of HTTP, None where no server answered."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class Refused(ApiError):
    """It cannot be done as it was asked; asking again does not help."""


class Changed(Refused):
    """Somebody saved the image after you had read it. `current` is what stands now, None where there is nothing to be shown."""

    def __init__(self, sentence: str, current: shapes.Review | None) -> None:
        super().__init__(sentence, 409)
        self.current = current


class Failed(Refused):
    """A job that was waited for has failed, or was cancelled. `job` says all that is known of it."""

    def __init__(self, sentence: str, job: shapes.Job) -> None:
        super().__init__(sentence)
        self.job = job


class Unavailable(ApiError):
    """The server could not do it now, though it was asked several times."""


class Wire:
    """One connection to a server. `sleep` waits so many seconds."""

    def __init__(self, url: str, token: str | None, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.web = httpx.Client(base_url=url.rstrip("/") + PLACE, headers=headers, timeout=seconds, follow_redirects=False)
        self.sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.web.close()

    def ask(self, method: str, path: str, *, once: bool = False, **more: Any) -> httpx.Response:
        """The answer, read to its end. ApiError where it is none that was hoped for. `once`: what a broken connection may have
        done already is not asked for again."""
        for n in range(TRIES):
            last = n == TRIES - 1
            try:
                answer = self.web.request(method, path, **more)
            except httpx.TransportError as lost:
                if last or once:
                    raise self._lost(lost) from lost
                self.sleep(FIRST * 2**n)
                continue
            if last or not _may_come_again(answer):
                return _good(answer)
            self.sleep(_wait(answer, n))
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def answer(self, method: str, path: str, **more: Any) -> Iterator[httpx.Response]:
        """An answer that is read as it comes."""
        for n in range(TRIES):
            try:
                with self.web.stream(method, path, **more) as answer:
                    if n == TRIES - 1 or not _may_come_again(answer):
                        if answer.is_error:
                            answer.read()
                        yield _good(answer)
                        return
                    wait = _wait(answer, n)
            except httpx.TransportError as lost:
                raise self._lost(lost) from lost
            self.sleep(wait)

    def _lost(self, why: Exception) -> Unavailable:
        return Unavailable(NO_SERVER.format(url=self.web.base_url, why=str(why) or type(why).__name__))


def _may_come_again(answer: httpx.Response) -> bool:
    """Whether the server asks to come again later: then nothing was done."""
    return answer.status_code in AGAIN and "retry-after" in answer.headers


def _wait(answer: httpx.Response, n: int) -> float:
    said = answer.headers.get("retry-after", "")
    return min(float(said), LONGEST) if said.isdigit() else FIRST * 2**n


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    said = _said(answer)
    sentence = said.get("error") or NO_SENTENCE.format(status=answer.status_code)
    if answer.status_code == 409 and "current" in said:
        raise Changed(sentence, said["current"] and shapes.Review(**said["current"]))
    kind = Unavailable if answer.status_code in (*AGAIN, 502, 507) else Refused
    raise kind(sentence, answer.status_code)


def _said(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
