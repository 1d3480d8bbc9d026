"""Cookies that hold also where the page is shown inside a frame of another site, as that of a Space is."""

from __future__ import annotations

from fastapi import Response


def set_cookie(response: Response, name: str, value: str, seconds: int, *, framed: bool, secure: bool) -> None:
    """A cookie that no script reads; 0 seconds take it back. `framed`: kept apart for the site around the frame (Partitioned),
    which browsers allow that keep no other cookie of a frame."""
    same_site = "none" if framed else "strict"
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite=same_site, secure=framed or secure)
    if framed:  # Python's own cookies know the word from 3.14 on
        key, said = response.raw_headers[-1]
        response.raw_headers[-1] = key, said + b"; Partitioned"
