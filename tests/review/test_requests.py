"""Requests in flight: one computation for the same question, the urgent first, and nothing computed for nobody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from desk import run

from pdc.review.requests import Cancelled, Priority, RequestTable, Watch

SCREEN, PREFETCH = Priority.SCREEN, Priority.PREFETCH


class Model:
    """Computes one request at a time, pass by pass; each pass waits until it is let go."""

    def __init__(self, passes: int = 3) -> None:
        self.passes, self.steps, self.began = passes, threading.Semaphore(0), []
        self.finished: list[str] = []
        self.stopped: list[str] = []

    def work(self, name: str):
        def compute(cancelled: Cancelled) -> Iterator[str]:
            self.began.append(name)
            for i in range(self.passes):
                assert self.steps.acquire(timeout=10)
                if cancelled():
                    self.stopped.append(name)
                    return
                yield f"{name} {i + 1}"
            self.finished.append(name)

        return compute

    def step(self, n: int = 1) -> None:
        self.steps.release(n)


def until(condition) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.002)


def ask(table: RequestTable, model: Model, name: str, priority: Priority = SCREEN) -> Watch[str]:
    return table.ask(name, priority, model.work(name))


def test_the_same_request_is_computed_once_and_every_watcher_gets_all_of_it():
    table, model = RequestTable(), Model()
    watches = [ask(table, model, "a") for _ in range(5)]
    model.step(3)
    assert [w.result() for w in watches] == ["a 3"] * 5 and model.began == ["a"]


def test_who_comes_late_sees_what_there_is_and_the_rest():
    table, model = RequestTable(), Model()
    first = ask(table, model, "a")
    model.step(2)
    until(lambda: first.request.parts == 2)
    late = iter(ask(table, model, "a"))
    assert next(late) == ("a 2", False)
    model.step()
    assert list(late)[-1] == ("a 3", True)


def test_a_reader_raises_the_rank_of_what_is_being_prefetched():
    table, model = RequestTable(), Model()
    prefetched = ask(table, model, "a", PREFETCH)
    until(lambda: model.began == ["a"])
    reader = ask(table, model, "a", SCREEN)  # before the others, so it is served before them
    others = [ask(table, model, name, SCREEN) for name in "bcdefg"]
    model.step(3)
    assert reader.result() == prefetched.result() == "a 3"
    model.step(18)
    assert [w.result() for w in others] == [f"{name} 3" for name in "bcdefg"]
    assert model.finished == list("abcdefg") and model.stopped == []


def test_a_prefetch_gives_way_to_a_screen_and_is_computed_after_it():
    table, model = RequestTable(), Model()
    later = ask(table, model, "later", PREFETCH)
    until(lambda: model.began == ["later"])
    now = ask(table, model, "now")
    model.step(4)
    assert now.result() == "now 3" and model.stopped == ["later"]
    model.step(3)
    assert later.result() == "later 3" and model.began == ["later", "now", "later"]


def test_a_screen_gives_way_to_nobody():
    table, model = RequestTable(), Model()
    first, second = ask(table, model, "first"), ask(table, model, "second")
    model.step(6)
    assert (first.result(), second.result()) == ("first 3", "second 3") and not model.stopped


def test_the_last_watcher_to_leave_stops_the_work_and_no_other_does():
    table, model = RequestTable(), Model(passes=100)
    one, two = ask(table, model, "a"), ask(table, model, "a", PREFETCH)
    model.step()
    until(lambda: one.request.parts == 1)
    one.leave()
    model.step()
    until(lambda: two.request.parts == 2)
    two.leave()
    model.step()
    until(lambda: model.stopped == ["a"])
    assert one.result() is None and two.result() is None
    again = ask(table, model, "a")
    assert again.request is not one.request


def test_what_nobody_waits_for_any_more_is_never_begun():
    table, model = RequestTable(), Model()
    first, dropped = ask(table, model, "first"), ask(table, model, "dropped")
    dropped.leave()
    model.step(3)
    assert first.result() == "first 3"
    until(lambda: not table._in_flight)
    assert model.began == ["first"]


def test_who_asks_for_what_is_being_stopped_gets_a_whole_answer():
    table, model = RequestTable(), Model()
    left = ask(table, model, "a")
    until(lambda: model.began == ["a"])
    left.leave()
    again = ask(table, model, "a")
    model.step(6)
    assert again.result() == "a 3"


def test_an_error_reaches_every_watcher_and_frees_the_table():
    def fails(cancelled: Cancelled) -> Iterator[str]:
        yield "part"
        raise ValueError("broken")

    table, model = RequestTable(), Model()
    for watch in [table.ask("a", SCREEN, fails) for _ in range(2)]:
        with pytest.raises(ValueError, match="broken"):
            watch.result()
    model.step(3)
    assert ask(table, model, "b").result() == "b 3"


def test_a_server_computes_several_at_once():
    table, model = RequestTable(at_once=3), Model()
    watches = [ask(table, model, name) for name in "abcd"]
    until(lambda: len(model.began) == 3)
    model.step(12)
    assert [w.result() for w in watches] == ["a 3", "b 3", "c 3", "d 3"]


def test_the_work_is_done_in_the_context_of_who_asked():
    who: ContextVar[str] = ContextVar("who", default="nobody")
    who.set("ada")
    assert RequestTable().ask("a", SCREEN, lambda cancelled: iter([who.get()])).result() == "ada"
    assert RequestTable().ask("b", SCREEN, lambda cancelled: (w for w in [who.get()])).result() == "ada"


def test_a_hundred_watchers_hold_no_thread_and_all_see_the_end():
    table, model = RequestTable(), Model()

    async def watch(name: str) -> list[tuple[str | None, bool]]:
        return [seen async for seen in ask(table, model, name)]

    async def all_of_them() -> list[list[tuple[str | None, bool]]]:
        before = threading.active_count()
        tasks = [asyncio.create_task(watch(f"{i % 4}")) for i in range(100)]
        await asyncio.sleep(0.05)
        assert threading.active_count() <= before + 1  # the one that computes
        model.step(12)
        return await asyncio.gather(*tasks)

    seen = run(all_of_them())
    assert [s[-1] for s in seen] == [(f"{i % 4} 3", True) for i in range(100)] and len(model.began) == 4


def test_a_watcher_who_leaves_sees_no_more_and_waits_no_longer():
    table, model = RequestTable(), Model()
    watch = ask(table, model, "a")

    async def see() -> list[tuple[str | None, bool]]:
        asyncio.get_running_loop().call_later(0.02, watch.leave)
        return [seen async for seen in watch]

    assert run(see()) == [(None, False)]


def test_many_threads_and_many_keys_end_with_every_answer():
    table = RequestTable(at_once=2)
    found: list[str] = []

    def reader(number: int) -> None:
        for i in range(20):
            key = f"{(number * 7 + i) % 10}"
            watch = table.ask(key, Priority(i % 2), lambda cancelled, key=key: iter([key]))
            if i % 5 == 4:
                watch.leave()
            else:
                found.append(watch.result() == key)

    threads = [threading.Thread(target=reader, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 16 * 16 and all(found)
    until(lambda: not table._in_flight)
