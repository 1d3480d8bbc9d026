"""How many requests a minute the API takes of a token."""

from __future__ import annotations

import pytest
from script_user import V1, Office

pytest.importorskip("limits")


def test_beyond_its_requests_a_token_is_told_when_to_come_again_and_others_go_on(place: Office, monkeypatch: pytest.MonkeyPatch):
    api = next(route.app for route in place.web.app.routes if getattr(route, "path", "") == V1)
    monkeypatch.setattr(api.state.rates, "per_minute", 3)
    fast, other = place.script("ada"), place.script("ada")
    answers = [fast.send("GET", "/me") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60 and list(answers[-1].json()) == ["error"]
    assert other.send("GET", "/me").status_code == 200
    assert place.web.get("/health").status_code == 200
