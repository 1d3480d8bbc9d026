"""Whose a page is. Gradio keeps what a page has open under a hash that the browser made up, and that stands in addresses: it
is no secret. So a session belongs to the user it first ran for; nothing runs in it and nothing of it is told for anybody else.
"""

from __future__ import annotations

from asyncio import Lock, Semaphore
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import gradio as gr

from pdc.domain.message import Message
from pdc.logs import REQUEST
from pdc.web.ui.screen import AT_ONCE, IN_TURN, error_shown, user_of
from pdc.web.ui.words import language_of

LOG_IN = Message("Please log in again; your work is kept.")
VISITED = Message("This page was opened by another visitor. Allow cookies for this site, then reload the page.")
OTHER_USER = (
    "You are logged in as {user}, but this page was opened by {owner}; nothing was changed. "
    "Reload the page, then open the image again; what {owner} marked is kept."
)


class Sessions:
    """The sessions of one interface, each with its owner. `visitors`: users have names that say nothing to them. `standing` says
    of a request what its user may do now; None once they may not make it, or where nobody logs in."""

    def __init__(self, blocks: gr.Blocks, *, visitors: bool, standing: Callable[[Any], object] = lambda request: None) -> None:
        self.blocks, self.visitors, self.standing, self.places = blocks, visitors, standing, Semaphore(AT_ONCE)

    def refusal(self, session_hash: str, user: str) -> Message | None:
        """Why this user may not use that session; None when it is theirs, or nobody's yet."""
        holder = getattr(self.blocks, "state_holder", None)
        return self._refusal(holder.session_data.get(session_hash) if holder else None, user)

    def is_event_of_another(self, id: object, user: str) -> bool:
        """Whether an event that waits or runs was begun by somebody else, also where its session is nobody's yet."""
        event = self.blocks._queue.event_ids_to_events.get(id) if isinstance(id, str) else None
        return event is not None and (event.username or user) != user

    def guard(self) -> None:
        """Stand before every handler of the interface, whichever way it is called, and before every further step of one."""
        process = self.blocks.process_api

        async def process_own(*args: Any, **named: Any) -> dict[str, Any]:
            state, request = named.get("state"), named.get("request")
            for asked in request if isinstance(request, list) else [request]:
                user = user_of(asked)
                if refused := self._refusal(state, user) or self._fallen(asked):
                    raise error_shown(refused, language=language_of(asked))
                if state is not None:
                    state.owner = user
                REQUEST.set(_id_of(asked))
            async with self._turn(named.get("block_fn", args[0] if args else None), state):
                return await process(*args, **named)

        self.blocks.process_api = process_own

    @asynccontextmanager
    async def _turn(self, handler: Any, state: Any) -> AsyncIterator[None]:
        """The turn of a handler that changes what a page works on: its page's events one after the other, as they came; those of
        other pages beside it. Every other handler has its turn at once."""
        if state is None or getattr(handler, "concurrency_id", None) != IN_TURN["concurrency_id"]:
            yield
            return
        state.turn = turn = getattr(state, "turn", None) or Lock()
        async with turn, self.places:
            yield

    def _fallen(self, asked: Any) -> Message | None:
        """Why a request that came in before may go no further: its login, its token or its user is gone meanwhile."""
        login = getattr(getattr(getattr(asked, "request", None), "state", None), "reader", None)
        return LOG_IN if login is not None and self.standing(asked.request) is None else None

    def _refusal(self, state: Any, user: str) -> Message | None:
        owner = getattr(state, "owner", user)
        if owner == user:
            return None
        if self.visitors:
            return VISITED
        return Message(OTHER_USER, user=user, owner=owner)


def _id_of(asked: Any) -> str | None:
    """The id of the request that began an event: its handler runs in a task of the queue, which knows nothing of it."""
    return getattr(getattr(getattr(asked, "request", None), "state", None), "request_id", None)
