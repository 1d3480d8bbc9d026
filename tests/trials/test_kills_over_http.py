"""kill -9 of the real server while readers save over HTTP and send again what was not acknowledged; and the start after it."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from lives import OverHttp, Saver, Server
from sqlalchemy import text
from store_values import url_of

from pdc.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")]
SAVERS = 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "home")
    yield server
    server.close()


def savers(server: Server, n: int = SAVERS, **how: bool) -> list[Saver]:
    """Each with an image of their own."""
    first = OverHttp(server).fresh()
    shas = [first.upload(f"{i}.png", f"#{40 + 20 * i:02x}4080") for i in range(n)]
    return [Saver(OverHttp(server), sha, f"s{i}", **how) for i, sha in enumerate(shas)]


def at_work(people: list[Saver], times: int = 1_000_000) -> list[threading.Thread]:
    threads = [threading.Thread(target=person.work, args=(times,)) for person in people]
    for thread in threads:
        thread.start()
    return threads


def stored(home: Path, sha256: str) -> list[str]:
    """The ids of the marks of all revisions, in their order; the database is whole."""
    store = Store.open(url_of(home))
    with store._engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    reviews = store.reviews(sha256)
    assert store.check_record().fault is None
    store.close()
    assert [r.revision for r in reviews] == list(range(1, len(reviews) + 1))
    return [mark.id for review in reviews for mark in review.findings.marks]


def lost_and_doubled(home: Path, people: list[Saver]) -> tuple[int, int]:
    """Acknowledged saves that are not there, and saves that are there twice."""
    lost = doubled = 0
    for person in people:
        saved = stored(home, person.sha256)
        lost += len(set(person.told) - set(saved))
        doubled += len(saved) - len(set(saved))
    return lost, doubled


def killed(server: Server, people: list[Saver], rounds: int, seed: int = 7) -> list[float]:
    """So many lives that end in the middle of saves; the seconds each took to start."""
    chance, started = random.Random(seed), []
    for _ in range(rounds):
        started.append(server.start())
        threads, done = at_work(people), sum(len(p.told) for p in people)
        while sum(len(p.told) for p in people) == done and any(t.is_alive() for t in threads):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.05, 0.4))
        server.kill()
        for thread in threads:
            thread.join()
        assert lost_and_doubled(server.home, people) == (0, 0)
    return started


def after_the_last(server: Server, people: list[Saver]) -> None:
    """One more life, in which everybody sends what is open, and saves once more."""
    server.start()
    for thread in at_work(people, 2):
        thread.join()
    assert lost_and_doubled(server.home, people) == (0, 0)
    assert all(person.pending is None for person in people)


def unanswered_then_sent_again(server: Server, life: str, **how: bool) -> list[Saver]:
    """A save whose server dies between the commit and the answer; somebody else saves; it is sent again."""
    server.start()
    people = savers(server, 1, **how)
    server.kill()
    server.start("dies")
    people[0].work(1)
    server.died()
    server.start(life)
    Saver(OverHttp(server), people[0].sha256, "other").work(1)
    people[0].work(1)
    assert people[0].told == ["s0-0"]
    server.kill()
    return people


def test_a_save_whose_answer_was_lost_is_stored_once_though_another_came_between(server: Server):
    people = unanswered_then_sent_again(server, "answers")
    assert stored(server.home, people[0].sha256) == ["s0-0", "other-0"]
    killed(server, people, 1)
    after_a_kill_everything_is_in_order(server)


@pytest.mark.nightly
def test_without_the_name_of_a_save_it_is_stored_twice(server: Server):
    """The negative control."""
    people = unanswered_then_sent_again(server, "answers unchecked", key=False)
    assert lost_and_doubled(server.home, people) == (0, 1)


def after_a_kill_everything_is_in_order(server: Server) -> None:
    """Half a file from a killed writer, and what an import left days ago, are gone at the next start."""
    home, images = server.home, server.home / "images"
    half = images / f".{'0' * 64}.png.00.part"
    half.write_bytes(b"half")
    os.utime(half, (time.time() - 3600,) * 2)
    (home / "incoming" / "x").mkdir(parents=True)
    (home / "incoming" / "x" / "marks.json").write_bytes(b"{")
    os.utime(home / "incoming" / "x", (time.time() - 3 * 86400,) * 2)
    children = psutil.Process(server.forker.pid).children(recursive=True)
    server.start()
    assert [path for path in home.rglob("*.part")] == [] and list((home / "incoming").glob("*")) == []
    assert [p for p in (home.parent / "tmp").iterdir() if p.is_file()] == []
    assert [p for p in children if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == [], "decoders outlive their server"
    assert OverHttp(server).fresh().send("GET", "/api/worklist").status_code == 200


@pytest.mark.nightly
def test_forty_kills_among_saves_lose_nothing_and_double_nothing(server: Server):
    server.start()
    people = savers(server, 4)
    server.kill()
    started = killed(server, people, 40)
    after_the_last(server, people)
    told = sum(len(person.told) for person in people)
    print(f"{told} acknowledged, 0 lost, 0 doubled; the slowest start took {max(started):.1f} s")
    assert told > 80
