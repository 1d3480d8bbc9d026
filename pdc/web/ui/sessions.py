"""Whose a page is. Gradio keeps what a page has open under a hash that the browser made up, and that stands in addresses: it
is no secret. So a session belongs to the user it first ran for; nothing runs in it and nothing of it is told for anybody else.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from pdc.web.ui.screen import user_of

VISITED = "This page was opened by another visitor. Allow cookies for this site, then reload the page."


class Sessions:
    """The sessions of one interface, each with its owner. `visitors`: users have names that say nothing to them."""

    def __init__(self, blocks: gr.Blocks, *, visitors: bool) -> None:
        self.blocks, self.visitors = blocks, visitors

    def refusal(self, session_hash: str, user: str) -> str | None:
        """Why this user may not use that session; None when it is theirs, or nobody's yet."""
        holder = getattr(self.blocks, "state_holder", None)
        return self._refusal(holder.session_data.get(session_hash) if holder else None, user)

    def guard(self) -> None:
        """Stand before every handler of the interface, whichever way it is called."""
        process = self.blocks.process_api

        async def process_own(*args: Any, **named: Any) -> dict[str, Any]:
            state, request = named.get("state"), named.get("request")
            for user in map(user_of, request if isinstance(request, list) else [request]):
                if refused := self._refusal(state, user):
                    raise gr.Error(refused, duration=12, print_exception=False, title="That did not work")
                if state is not None:
                    state.owner = user
            return await process(*args, **named)

        self.blocks.process_api = process_own

    def _refusal(self, state: Any, user: str) -> str | None:
        owner = getattr(state, "owner", user)
        if owner == user:
            return None
        if self.visitors:
            return VISITED
        now = f"You are logged in as {user}, but this page was opened by {owner}; nothing was changed."
        return f"{now} Reload the page, then open the image again; what {owner} marked is kept."
