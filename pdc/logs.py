"""What PDC tells its log: a line for people, or one JSON object, each with the id of the request that it belongs to.

No line names an image, a patient or a reader, but for who tried to log in. Third-party libraries go through the same formatter.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any

REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""the id of the request that is served, or of the job that is done; threads that are begun for it have it too"""
CAME_IN = re.compile(r"(\bincoming[/\\]+[0-9a-f]{16}[/\\]+)[^'\"\n]+")  # a file of somebody's, under the name it came with
log = logging.getLogger(__name__)


class LogFormat(StrEnum):
    """How a message of the log is written."""

    TEXT = "text"
    JSON = "json"


class DiscreetFormatter(logging.Formatter):
    """Leaves names out of a traceback: those of files that came in, and the values of a row that PostgreSQL refuses."""

    def formatException(self, ei: Any) -> str:
        lines = super().formatException(ei).splitlines()
        return CAME_IN.sub(r"\1...", "\n".join(line for line in lines if not line.startswith("DETAIL:")))


class TextFormatter(DiscreetFormatter):
    """`WARNING pdc.web.app: sentence`, and the request in brackets."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        request = REQUEST.get()
        return super().formatMessage(record) + (f" [{request}]" if request else "")


class JsonFormatter(DiscreetFormatter):
    """One line a message, with a traceback as a field of its own; `fields` of the record stand beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._said(record), ensure_ascii=False, default=str)

    def _said(self, record: logging.LogRecord) -> Mapping[str, Any]:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, Any] = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        said["message"] = record.getMessage().strip()
        if request := REQUEST.get():
            said["request"] = request
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return said | getattr(record, "fields", {})


def begin(level: str, form: LogFormat) -> None:
    """Messages of at least this severity go to standard error, in this form; so do warnings and faults that nobody caught."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form is LogFormat.JSON else TextFormatter())
    logging.basicConfig(handlers=[handler])
    logging.getLogger().setLevel(level.upper())
    if form is LogFormat.JSON:
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def in_json() -> bool:
    """Whether a program reads the log."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What would be printed as plain lines."""
    if error is not None:
        log.critical("uncaught %s", kind.__name__, exc_info=(kind, error, trace))
