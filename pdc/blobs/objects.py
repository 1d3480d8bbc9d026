"""An object store that speaks S3, or another that obstore knows, with copies here of what was read.

Keys and secrets come from the environment, as other programs take them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and
AWS_ENDPOINT_URL for a store that is not Amazon's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from pdc.blobs.base import key_of, sharded
from pdc.blobs.cache import Cache
from pdc.domain.errors import BadSetting, StoreUnavailable

ADDRESSES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3")
SECONDS = timedelta(seconds=30)  # for one answer, and for all its tries
NO_PACKAGE = "PDC_IMAGES names an object store; that needs the Python package obstore: install it with pip, or the extra `s3`."
BAD_URL = "PDC_IMAGES is {url}, which cannot be used ({why}); it looks like s3://bucket/prefix."
NO_ANSWER = "The image store {url} does not answer as it should ({why}); check PDC_IMAGES and its keys. Nothing was changed."


class ObjectBlobs:
    """`store` is one of obstore's; `name` is what people call it."""

    def __init__(self, store: Any, name: str, cache: Cache) -> None:
        self.folder: Path | None = None
        self.store, self.name, self.cache = store, name, cache

    @classmethod
    def at(cls, url: str, cache: Cache) -> ObjectBlobs:
        """The store that a URL names. BadSetting where it cannot be used."""
        obstore = _obstore()
        client = {"timeout": SECONDS, "connect_timeout": timedelta(seconds=5), "allow_http": _plain_http()}
        retries = {"max_retries": 3, "retry_timeout": SECONDS}
        try:
            store = obstore.store.from_url(url, client_options=client, retry_config=retries)
        except (obstore.exceptions.BaseError, ValueError) as error:
            raise BadSetting(BAD_URL, url=repr(url), why=_first_line(error)) from None
        return cls(store, url, cache)

    def has(self, key: str) -> bool:
        return self.cache.get(key) is not None or self._about(key) is not None

    def write(self, key: str, data: bytes) -> None:
        if self._about(key) is None:
            with self._sentences():
                _obstore().put(self.store, sharded(key), data)

    def local(self, key: str) -> Path:
        return self.cache.get(key) or self.cache.put(key, self._read(key))

    def size(self, key: str) -> int:
        about = self._about(key)
        return about["size"] if about else 0

    def remove(self, key: str) -> None:
        with self._sentences(), suppress(FileNotFoundError):
            _obstore().delete(self.store, sharded(key))
        self.cache.drop(key)

    def all_keys(self) -> Iterator[str]:
        with self._sentences():
            for some in _obstore().list(self.store):
                yield from (key_of(one["path"]) for one in some)

    def sweep(self) -> int:
        return 0  # a part of an object is never kept, and the cache drops what is old

    def _read(self, key: str) -> bytes:
        with self._sentences():
            return bytes(_obstore().get(self.store, sharded(key)).bytes())

    def _about(self, key: str) -> Any | None:
        with self._sentences():
            try:
                return _obstore().head(self.store, sharded(key))
            except FileNotFoundError:
                return None

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """What the store refuses, as StoreUnavailable; FileNotFoundError stays as it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except _obstore().exceptions.BaseError as error:
            raise StoreUnavailable(NO_ANSWER, url=self.name, why=_first_line(error)) from error


def _obstore() -> Any:
    """The library, which is installed where an object store is used. BadSetting where it is not."""
    try:
        import_module("obstore.store")
        return import_module("obstore")
    except ModuleNotFoundError:
        raise BadSetting(NO_PACKAGE) from None


def _plain_http() -> bool:
    """Whether the store's own address asks for no TLS, as one on this machine does."""
    return any(os.environ.get(name, "").startswith("http://") for name in ADDRESSES)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
