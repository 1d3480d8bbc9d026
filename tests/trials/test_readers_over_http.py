"""Many readers at once over HTTP against a real process: every acknowledged save is there once, and a race has one winner."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from house import PASSWORD, Browser, bar_of
from lives import OverHttp, Saver, Server
from store_values import url_of

from pdc.domain.values import Question, Task
from pdc.store import Store
from pdc.web.auth import hash_password

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="needs fork")]
ASK = Question(Task.COUNT_AND_BOX, ("platelet",))
NAMES = ("alice", "bob")


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("many") / "home", PDC_LOGIN="on")
    server.home.mkdir()
    store = Store.open(url_of(server.home))
    for name in NAMES:
        store.add_user(name, hash_password(PASSWORD))
    store.close()
    server.start()
    yield server
    server.close()


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    store = Store.open(url_of(server.home))
    yield store
    store.close()


def logged_in(server: Server, name: str) -> Browser:
    browser = OverHttp(server).fresh()
    browser.log_in(name)
    return browser


def everybody_saves(server: Server, store: Store, readers: int, saves: int) -> float:
    """So many readers save so often, each an image of their own; saves a second. All are there, once, in their order."""
    first = logged_in(server, "alice")
    people = []
    for n in range(readers):
        people.append(
            Saver(OverHttp(server, first.cookies), first.upload(f"{readers}-{n}.png", f"#{n:02x}{readers:02x}20"), f"r{n}")
        )
    threads = [threading.Thread(target=person.work, args=(saves,)) for person in people]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - begun
    for person in people:
        assert len(person.told) == saves, person.name
        assert [m.id for r in store.reviews(person.sha256) for m in r.findings.marks] == person.told
    return readers * saves / taken


def drawn(id: str, x: float) -> dict[str, Any]:
    return {"id": id, "label": "platelet", "box": [x, 1, x + 8, 9], "origin": "human", "status": "open", "score": None}


def race(server: Server, store: Store, readers: list[Browser], sha: str, n: int) -> None:
    """Both have the image open; both save at the same moment. One review, one conflict that shows both, and a kept draft."""
    values = [reader.open(sha, "platelet") for reader in readers]
    before, ready, shown = len(store.reviews(sha)), threading.Barrier(2), {}

    def save(i: int) -> None:
        value = {**values[i], "marks": [drawn(f"{NAMES[i]}-{n}", 3.0 + 10 * i + n % 3)], "edits": 1}
        ready.wait()
        shown[i] = readers[i].run("save", bar_of(values[i]), None, value, {})

    threads = [threading.Thread(target=save, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [i for i in shown if "Saved, revision" in str(shown[i][4])]
    assert len(won) == 1 and len(store.reviews(sha)) == before + 1, shown
    winner, loser = NAMES[won[0]], NAMES[1 - won[0]]
    refused = shown[1 - won[0]]
    assert refused[6]["visible"] is True and winner in str(refused[4]) and "Your draft is kept" in str(refused[4])
    assert [m.id for m in store.draft(loser, sha, ASK).findings.marks] == [f"{loser}-{n}"]
    assert [m.id for m in store.current_review(sha, ASK).findings.marks] == [f"{winner}-{n}"]
    kept = store.draft(loser, sha, ASK)
    store.drop_draft(loser, sha, ASK, kept.key)  # so that the next race is even


def races(server: Server, store: Store, times: int) -> None:
    readers = [logged_in(server, name) for name in NAMES]
    sha = readers[0].upload(f"race {times}.png", "orange")
    for n in range(times):
        for reader in readers:
            reader.page = f"{reader.page[:8]}{n:024}"  # a page that was just opened
        race(server, store, readers, sha, n)


def test_every_acknowledged_save_of_several_readers_is_there_once(server: Server, store: Store):
    everybody_saves(server, store, readers=4, saves=5)


def test_of_two_readers_who_save_at_once_one_wins_and_the_other_keeps_their_work(server: Server, store: Store):
    races(server, store, 4)


@pytest.mark.nightly
def test_four_hundred_races_have_one_winner_each(server: Server, store: Store):
    races(server, store, 400)


@pytest.mark.nightly
def test_fifty_readers_save_forty_times_each(server: Server, store: Store):
    print(f"{everybody_saves(server, store, readers=50, saves=40):.1f} saves/s")
