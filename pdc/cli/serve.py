"""`pdc serve`: the review app, until it is stopped."""

from __future__ import annotations

import logging

from pdc.cli.entry import DONE
from pdc.cli.listening import answer_at, bound, url_of
from pdc.logs import in_json

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def serve() -> int:
    """Start the review app."""
    from pdc.compose import build
    from pdc.settings import Settings

    settings = Settings.from_env()
    with bound(settings.host, settings.port, "stop what does, or name another port with PDC_PORT") as place:
        app, warm_up, stop = build(settings)
        warm_up(_say)
        try:
            answer_at(place, app, lambda: _say(f"PDC is ready at {url_of(settings.host, settings.port)}"), app.state.life)
        finally:
            stop()
    return DONE


def _say(line: str) -> None:
    """On standard output; where a program reads the log, as a line of that, whatever its level."""
    log.info(line) if in_json() else print(line, flush=True)
