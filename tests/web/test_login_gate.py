"""The gate before passwords: two at a time, and whoever fails often waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from databases import url_of

from pdc.domain.errors import Busy, PdcError, TooManyTries
from pdc.store import Store
from pdc.web.login_gate import AT_ONCE, FREE, MOST, WAITING, LoginGate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tried(gate: LoginGate, good: bool = False, name: str = "ada", address: str = "10.0.0.1") -> bool:
    return _run(partial(gate.check, name, address, lambda: good))


def _run(asked: Callable[[], Any]) -> Any:
    """In a thread of its own: a browser test may have left a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, asked).result()


def test_the_first_failures_cost_nothing_then_each_doubles_the_wait(store: Store, clock: Clock):
    gate = LoginGate(store, clock)
    for _ in range(FREE["name"]):
        assert tried(gate) is False
    waits = []
    for _ in range(12):
        with pytest.raises(TooManyTries, match=r"Wait \d+ seconds") as early:
            tried(gate, good=True)
        waits.append(int(str(early.value).split("Wait ")[1].split()[0]) - 1)
        clock.now += waits[-1] + 0.5
        assert tried(gate) is False
    assert waits[:4] == [2, 4, 8, 16] and waits[-1] == MOST


def test_the_right_password_is_taken_after_the_wait_and_forgets_the_failures(store: Store, clock: Clock):
    gate = LoginGate(store, clock)
    for _ in range(FREE["name"]):
        tried(gate)
    clock.now = 3
    assert tried(gate, good=True) and tried(gate, good=True)
    assert tried(gate) is False


def test_many_names_from_one_address_wait_too_and_another_address_does_not(store: Store, clock: Clock):
    gate = LoginGate(store, clock)
    for n in range(FREE["address"]):
        tried(gate, name=f"user {n}")
    with pytest.raises(TooManyTries):
        tried(gate, good=True, name="another")
    assert tried(gate, good=True, name="another", address="10.0.0.2")


def test_what_was_wrong_an_hour_ago_is_forgotten(store: Store, clock: Clock):
    gate = LoginGate(store, clock)
    for _ in range(FREE["name"] - 1):
        tried(gate)
    clock.now = 3601
    for _ in range(FREE["name"]):
        assert tried(gate) is False


def test_sixty_at_once_are_checked_two_at_a_time_and_the_last_are_sent_away(store: Store):
    gate, running, most, go = LoginGate(store), [0], [0], threading.Event()

    def slow() -> bool:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(30)
        running[0] -= 1
        return True

    async def all_at_once() -> list[Any]:
        said: list[Any] = []

        async def one(n: int) -> None:
            try:
                said.append(await gate.check(f"user {n}", f"10.0.1.{n}", slow))
            except PdcError as refused:
                said.append(type(refused))

        async with anyio.create_task_group() as tasks:
            for n in range(60):
                tasks.start_soon(partial(one, n))
            with anyio.fail_after(60):
                while most[0] < AT_ONCE or len(said) < 60 - AT_ONCE - WAITING:
                    await anyio.sleep(0.01)
            go.set()
        return said

    said = _run(all_at_once)
    assert most[0] == AT_ONCE
    assert said.count(True) == AT_ONCE + WAITING and said.count(Busy) == 60 - AT_ONCE - WAITING


def test_processes_over_one_database_count_together_and_keep_no_name(tmp_path: Path, clock: Clock):
    stores = [Store.open(url_of(tmp_path)) for _ in range(2)]
    gates = [LoginGate(store, clock) for store in stores]
    for n in range(FREE["name"]):
        assert tried(gates[n % 2], name="my password") is False
    for gate in gates:
        with pytest.raises(TooManyTries):
            tried(gate, good=True, name="my password")
    clock.now = 3
    assert tried(gates[1], good=True, name="my password") and tried(gates[0], name="my password") is False
    for store in stores:
        store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"my password" not in kept
