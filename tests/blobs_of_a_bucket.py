"""A real object store over HTTP: moto's server in a thread, where it is installed; it speaks S3 as Amazon's does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1"}
BUCKET = "s3://pictures/lab"


@contextmanager
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The server, with an empty bucket; the environment says where it is."""
    pytest.importorskip("obstore")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(name, value)
    try:
        assert httpx.put(f"http://{host}:{port}/pictures").status_code == 200
        yield server
    finally:
        server.stop()
