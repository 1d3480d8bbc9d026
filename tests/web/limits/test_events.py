"""Events that wait in Gradio's queue: so many a page, so many pages, and nothing is kept for ever."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from house import House, living

from pdc.domain.errors import Busy
from pdc.web.limits.events import KEPT_SECONDS, MOST_OF_A_PAGE, MOST_PAGES, MOST_QUEUED, Events


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def house(tmp_path_factory: Any) -> Iterator[House]:
    with living(tmp_path_factory.mktemp("house")) as house:
        yield house


def queue_of(waiting: dict[str, set[str]]) -> Any:
    messages = {page: ["an outcome"] for page in waiting}
    return SimpleNamespace(
        pending_event_ids_session=waiting, pending_messages_per_session=messages, event_ids_to_events=dict.fromkeys(["running"])
    )


def events(waiting: dict[str, set[str]]) -> tuple[Events, Clock]:
    clock = Clock()
    return Events(SimpleNamespace(_queue=queue_of(waiting)), clock), clock


def test_a_page_that_takes_no_outcome_is_told_to_wait():
    asked, _ = events({"page": {f"e{n}" for n in range(MOST_OF_A_PAGE)}, "other": {"e"}})
    with pytest.raises(Busy, match="try again in 3 seconds"):
        asked.admit("page")
    asked.admit("other")


def test_what_nobody_came_for_is_let_go_and_what_runs_is_not():
    waiting = {"gone": {"done"}, "works": {"running"}, "took": set()}
    asked, clock = events(waiting)
    for page in list(waiting):
        asked.admit(page)
    clock.now += KEPT_SECONDS + 1
    asked.admit("new")
    assert set(waiting) == {"works"} and set(asked.joined) == {"works", "new"}
    assert set(asked.blocks._queue.pending_messages_per_session) == {"works", "took"}


def test_pages_beyond_the_most_are_told_to_wait_until_others_are_let_go():
    waiting = {f"page {n}": {"done"} for n in range(MOST_PAGES)}
    asked, clock = events(waiting)
    for page in list(waiting):
        asked.admit(page)
    with pytest.raises(Busy):
        asked.admit("one more")
    clock.now += KEPT_SECONDS + 1
    asked.admit("one more")
    assert waiting == {}


def test_a_page_that_only_joins_is_refused_over_http_and_the_queue_has_an_end(house: House):
    ada = house.reader("ada")
    said = [ada.join(house.handler("choose"), [None, None]) for _ in range(MOST_OF_A_PAGE + 5)]
    assert said[0].status_code == 200 and said[-1].status_code == 503
    assert said[-1].headers["retry-after"] == "3" and "Too much is asked" in said[-1].json()["error"]
    assert len(house.blocks._queue.pending_event_ids_session[ada.page]) == MOST_OF_A_PAGE
    assert house.blocks._queue.max_size == MOST_QUEUED
