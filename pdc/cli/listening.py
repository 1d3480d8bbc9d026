"""A web app at an address: a taken port is a sentence, and it is said when questions are answered there."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pdc.web.watching.life import Life

log = logging.getLogger(__name__)
SWITCH_SECONDS = 0.0005  # after which a thread at work lets another go on; readers' events are many short steps
LAST_WORDS = 3  # seconds that open connections have to end once it is stopped


def url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def bound(host: str, port: int, change: str) -> Iterator[socket.socket]:
    """The address, taken before anything slow begins. BadSetting when it cannot be; `change` says where another is named."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port))
        except OSError as error:
            raise BadSetting(f"Nothing can listen at {url_of(host, port)} ({error.strerror}); {change}.") from None
        yield place


def answer_at(place: socket.socket, app: ASGIApp, ready: Callable[[], object], life: Life | None = None) -> None:
    """The app until it is stopped. `ready` is called once it answers. SIGTERM ends it in order, as `life` says: it is ready no
    more, what runs is answered, then it returns. Control-C, and a second SIGTERM, end it at once."""
    import uvicorn

    from pdc.web.limits.connections import REST, TimedProtocol, most_connections
    from pdc.web.limits.open_files import raised

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            if sig != signal.SIGTERM:
                super().handle_exit(sig, frame)
            elif life is None or life.stopping:
                self.should_exit = True
            else:
                log.warning("told to stop; running requests have %d s to end", life.seconds)
                life.stop()

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) or (life is not None and life.is_over())

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # No logging of its own: --log-level rules it too.
    config = uvicorn.Config(
        app,
        http=TimedProtocol,
        timeout_keep_alive=REST,
        ws="none",
        limit_concurrency=most_connections(raised()),
        log_config=None,
        log_level=None,
        access_log=False,  # it would tell addresses, with the names in them
        timeout_graceful_shutdown=LAST_WORDS,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    Server(config).run(sockets=[place])


def _is_news(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of pages that were still open when it was stopped: their requests end, as they should."""
    cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and "graceful shutdown exceeded" not in record.getMessage()
