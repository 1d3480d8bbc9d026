"""Model servers for tests: an app on a port of its own, and one that says what it is told to, as other makers' do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import uvicorn

ANSWER = '[{"label":"polyp","bbox_2d":[[28,28,112,140]],"counts":1}]'


@contextmanager
def serving(app, port: int = 0) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        pass
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Played(ThreadingHTTPServer):
    """Says what `say` makes of each request's (path, body): a status and JSON, or bytes after which the line breaks."""

    def __init__(self, say: Callable[[str, dict], tuple[int, object] | bytes]) -> None:
        self.asked: list[tuple[str, dict]] = []
        played = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def _answer(self, body: dict) -> None:
                played.asked.append((self.path, body))
                said = say(self.path, body)
                if isinstance(said, bytes):
                    self.wfile.write(said)
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                data = json.dumps(said[1]).encode()
                self.send_response(said[0])
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Played:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/"


def models(path: str) -> tuple[int, object] | None:
    return (200, {"object": "list", "data": [{"id": "pdc-tiny", "object": "model"}]}) if path == "/v1/models" else None


def chat(text: str, logprobs: object = None, end: str | None = "stop") -> tuple[int, object]:
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": end, "logprobs": logprobs}]}
