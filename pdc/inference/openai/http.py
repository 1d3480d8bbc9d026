"""HTTP to a model server that may be slow, busy, restarted or gone: time-outs, retries, and sentences."""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from pdc.domain.errors import BadModel, BadSetting, Unreachable
from pdc.domain.message import Message

log = logging.getLogger(__name__)
PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that the same request may not get again
CONNECT_SECONDS = 5.0
TOO_MUCH = re.compile(  # how servers say so
    r"context (length|window|size)|maximum (model|context|sequence|input) length|max_model_len|too many tokens|"
    r"longer than the maximum|memory ran out|out of memory|not enough memory",
    re.IGNORECASE,
)
NO_ANSWER = (
    "The model server {url} did not answer ({why}). Nothing is lost: check that it runs and PDC_SERVER_URL, then ask again."
)
NO_ADDRESS = "PDC_SERVER_URL is {url}; it needs an address such as {example}."
EXAMPLE = "http://127.0.0.1:8000"


class RequestRefused(BadModel):
    """The server understood that it was asked and said no: asking the same again will not help."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__("The model server refused the question ({status}): {why}", status=status, why=why)
        self.status = status


class TooMuch(RequestRefused):
    """The question is larger than the server's memory or context: a smaller image may be answered."""


class HttpClient:
    """JSON to and from one server. Any thread. `url` may end in /v1 or not; a call is tried `tries` times, `pause` seconds
    and then twice as long apart each time; each may take `seconds`."""

    def __init__(self, url: str, key: str = "", seconds: float = 120, tries: int = 4, pause: float = 0.5) -> None:
        self.url, self.tries, self.pause = url.rstrip("/").removesuffix("/v1"), tries, pause
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            self._client = httpx.Client(base_url=self.url, headers=headers, timeout=timeout)
        except (httpx.InvalidURL, ValueError):
            raise BadSetting(NO_ADDRESS, url=repr(url), example=EXAMPLE) from None

    def get(self, path: str) -> Any:
        return self._tried("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        """The answer's JSON. Raises Refused, BadSetting (key, address) or Unreachable, which says that trying was in vain."""
        return self._tried("POST", path, body)

    def _tried(self, method: str, path: str, body: Any) -> Any:
        for left in reversed(range(self.tries)):
            try:
                with self._sentences():
                    return self._read(self._client.request(method, path, json=body))
            except Unreachable as error:
                if not left:
                    raise
                log.warning("%s Trying again.", error)
                time.sleep(self.pause * 2 ** (self.tries - 1 - left) * random.uniform(0.8, 1.2))
        raise AssertionError("a call is tried at least once")

    def events(self, path: str, body: Any) -> Iterator[Any]:
        """Each server-sent event's JSON, as it comes. Tried once; raises as `post` does, in the midst of it too."""
        with self._sentences(), self._client.stream("POST", path, json=body) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                self._read(response)
            for line in response.iter_lines():
                if line.startswith("data:") and (data := line[5:].strip()) != "[DONE]":
                    yield self._json(data)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise self._away(Message("it took too long")) from None
        except httpx.UnsupportedProtocol:
            raise BadSetting(NO_ADDRESS, url=repr(self.url), example=EXAMPLE) from None
        except httpx.HTTPError as error:
            raise self._away(str(error).strip(". ") or type(error).__name__) from None

    def _read(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status in (401, 403):
            raise BadSetting("The model server {url} wants another key; check PDC_SERVER_KEY.", url=self.url)
        if not response.is_success and TOO_MUCH.search(_why(response)):
            raise TooMuch(status, _why(response))
        if status in PASSING:
            raise self._away(Message("it said {status}: {why}", status=status, why=_why(response)))
        if not response.is_success:
            raise RequestRefused(status, _why(response))
        return self._json(response.text) if response.text.strip() else None

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            if not text.lstrip().startswith(("{", "[")):  # such as vLLM's plain "Success: ..."
                return text
            raise self._away(Message("its answer broke off")) from None

    def _away(self, why: str) -> Unreachable:
        return Unreachable(NO_ANSWER, url=self.url, why=why)


def _why(response: httpx.Response) -> str:
    """The server's own words, at most 200 characters, in any of the shapes that servers use."""
    try:
        data = response.json()
        error = data.get("error", data.get("detail", data.get("message", "")))
        text = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        text = response.text
    return (str(text).strip() or response.reason_phrase or "no reason given")[:200]
