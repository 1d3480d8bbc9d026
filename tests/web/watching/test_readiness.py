"""/health says that the process lives; /ready says whether to send it requests, and what is missing while not."""

from __future__ import annotations

import pytest
from house import Browser, House

from pdc.domain.errors import StoreUnavailable
from pdc.review.limits.disk import Disk
from pdc.store import Store
from pdc.web.watching import readiness
from pdc.web.watching.life import NOTICED, Life
from pdc.web.watching.readiness import AGAIN, KEPT, MISSING, Again, Readiness


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def away(*args: object) -> bool:
    raise StoreUnavailable("The database is away.")


def test_what_is_missing_is_named_and_an_error_is_missing_too():
    assert Readiness({}).now() == () and Readiness({"disk": lambda: True}).now() == ()
    assert Readiness({"database": away, "model": lambda: False, "disk": lambda: True}).now() == ("database", "model")


def test_whoever_asks_often_has_it_looked_up_once_a_second():
    looked, clock = [], Clock()
    ready = Readiness({"disk": lambda: bool(looked.append(1)) or len(looked) != 2}, clock)
    assert [ready.now() for _ in range(50)] == [()] * 50 and len(looked) == 1
    clock.now += KEPT
    assert ready.now() == ("disk",) and len(looked) == 2
    clock.now += KEPT
    assert ready.now() == ()


def test_a_model_server_that_was_away_at_the_start_is_asked_again_though_nobody_comes():
    tries, clock, there = [], Clock(), []
    again = Again(lambda: bool(there), lambda: tries.append(clock.now), clock)
    assert not again() and not tries
    clock.now += AGAIN
    assert not again() and not again() and len(tries) == 1
    there.append(True)
    clock.now += AGAIN
    assert again() and len(tries) == 1


def test_a_process_that_is_told_to_stop_waits_for_what_runs_but_not_for_ever(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    life = Life(seconds=10, running=1)
    assert not life.stopping and not life.is_over()
    life.stop()
    clock.now += NOTICED
    assert life.stopping and not life.is_over()
    life.running = 0
    assert life.is_over()
    life.running = 1
    clock.now += 10
    life.stop()
    assert life.is_over()


def test_the_routes_say_what_is_missing_without_a_login_and_without_places(house: House, monkeypatch: pytest.MonkeyPatch):
    knocking = Browser(house)
    said = knocking.send("GET", "/ready")  # no model server listens
    assert said.status_code == 503 and said.json() == {"ready": False, "missing": {"model": str(MISSING["model"])}}
    assert str(house.folder) not in said.text
    german = knocking.send("GET", "/ready", headers={"Accept-Language": "de"}).json()["missing"]["model"]
    assert german.startswith("Das Modell")
    monkeypatch.setattr(Disk, "free_bytes", lambda disk: 0)
    monkeypatch.setattr(Store, "_read", away)
    monkeypatch.setattr(house.web.app.state.life, "told", 0.0)
    monkeypatch.setattr(readiness, "KEPT", 0)
    assert set(knocking.send("GET", "/ready").json()["missing"]) == {"stopping", "database", "model", "disk"}
    health = knocking.send("GET", "/health")
    assert health.status_code == 200 and health.json()["status"] == "ok" and not health.json()["model_loaded"]
