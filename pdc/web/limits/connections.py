"""Connections that do not keep others out: whoever sends too slowly, or does not take what they asked for, is cut off.

uvicorn itself closes only those that are silent after an answer. Here the head of a request has a time, its body and the answer
a least speed; and where there are too many connections, the one that has been owing a head for the longest goes first.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SHARE = 2  # connections take at most one of so many of the files that may be open
MOST = 4_000
REST = 75  # seconds; longer than proxies and browsers keep a connection, which would send into one that is being closed


def most_connections(open_files: int) -> int:
    """How many there may be, of a process that may have so many files open."""
    return min(open_files // SHARE, MOST)


class TimedProtocol(H11Protocol):
    """One connection over HTTP/1.1, with clocks. All numbers are seconds, but `least_bytes`: so many must come in each
    `body_seconds` and go in each `taking_seconds`. While the server itself does not read, no clock of the body runs out."""

    head_seconds = 20.0
    rest_seconds = float(REST)
    body_seconds = 20.0
    least_bytes = 10_000
    taking_seconds = 60.0
    last_seconds = 10.0

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.owed: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
        self.since = self.loop.time()
        self.arrived = 0
        self.rests = False  # since an answer; the next request may take its time to begin
        self.clock: asyncio.TimerHandle | None = None
        self.taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency * 3 // 4:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self.arrived += len(data)
        begins, self.rests = self.rests, False
        super().data_received(data)
        self._look()
        if begins and self.owed is h11.IDLE:
            self._begin()

    def on_response_complete(self) -> None:
        self.rests = not self.conn.trailing_data[0]  # of the next request nothing is here yet
        super().on_response_complete()
        self._look()
        if self.owed is h11.SEND_BODY:  # the answer came first: a sender who does not stop is cut off
            self.loop.call_later(self.last_seconds, self._end_of, self.cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for clock in filter(None, (self.clock, self.taking)):
            clock.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._begin_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.taking is not None:
            self.taking.cancel()

    def _look(self) -> None:
        """Begin the clock of what is owed now: the head of a request, its body, or nothing."""
        state = self.conn.their_state
        owed = state if state in (h11.IDLE, h11.SEND_BODY) else None
        if owed is not self.owed:
            self.owed, self.since = owed, self.loop.time()
            self._begin()

    def _begin(self) -> None:
        self.arrived = 0
        if self.clock is not None:
            self.clock.cancel()
        seconds = self.body_seconds if self.owed is h11.SEND_BODY else self.rest_seconds if self.rests else self.head_seconds
        self.clock = self.loop.call_later(seconds, self._late) if self.owed else None

    def _late(self) -> None:
        if self.owed is h11.SEND_BODY and (self.flow.read_paused or self.arrived >= self.least_bytes):
            self._begin()
        else:
            self.transport.close()

    def _end_of(self, cycle: Any) -> None:
        if self.cycle is cycle and self.owed is h11.SEND_BODY:
            self.transport.abort()

    def _begin_taking(self) -> None:
        self.taking = self.loop.call_later(self.taking_seconds, self._taken, self.transport.get_write_buffer_size())

    def _taken(self, before: int) -> None:
        """Whether what waited to be taken has become less."""
        if before - self.transport.get_write_buffer_size() >= self.least_bytes:
            self._begin_taking()
        else:
            self.transport.abort()

    def _make_room(self) -> None:
        oldest = min(
            (c for c in self.connections if isinstance(c, TimedProtocol) and c._waits()), key=lambda c: c.since, default=self
        )
        if oldest is not self:
            oldest.transport.abort()

    def _waits(self) -> bool:
        return self.owed is h11.IDLE and not self.transport.is_closing()
