"""What processes that share a database tell each other: who does what one of them should do, and which answer was first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from store_values import ASK, SHA, a_prediction, an_image, url_of

from pdc.store import Store
from pdc.store.together.duty import Duty

pytestmark = pytest.mark.both_databases("nightly")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """One database, opened twice as by two processes."""
    stores = Store.open(url_of(tmp_path)), Store.open(url_of(tmp_path))
    stores[0].add_image(an_image())
    yield stores
    for store in stores:
        store.close()


def test_one_of_two_does_the_work_until_it_is_gone(stores: tuple[Store, Store]):
    clock = Clock()
    one, other = (Duty(store, "sweep", 60, clock) for store in stores)
    assert one.mine() and one.mine() and not other.mine() and Duty(stores[1], "another", 60, clock).mine()
    clock.now += 40
    assert one.mine()  # it says so again, so the time runs anew
    clock.now += 40
    assert not other.mine()
    clock.now += 21
    assert other.mine() and not one.mine()
    other.end()
    assert one.mine()


def test_of_two_who_want_the_work_at_once_one_gets_it(stores: tuple[Store, Store]):
    duties, got = [Duty(stores[n % 2], "sweep") for n in range(8)], []
    threads = [Thread(target=lambda duty=duty: got.append(duty.mine())) for duty in duties]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(True) == 1 and len(got) == 8


def test_a_database_that_is_away_means_that_somebody_else_does_it(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path / 'gone.sqlite3'}")
    store.close()
    for path in tmp_path.iterdir():
        path.write_bytes(b"no database" * 1000)
    assert Duty(store, "sweep").mine() is False


def test_who_answers_second_takes_the_first_answer_and_asking_again_makes_another(stores: tuple[Store, Store]):
    first = stores[0].add_prediction(a_prediction("p1"), once=True)
    assert stores[1].add_prediction(a_prediction("p2"), once=True) == first
    assert [p.id for p in stores[0].predictions(SHA)] == ["p1"]
    again = stores[1].add_prediction(a_prediction("p3"))
    assert again.id == "p3" and stores[0].newest_prediction(SHA, ASK).id == "p3"


@pytest.mark.parametrize("change", [{"adapter": "better"}, {"version": "other"}, {"looks": 4}, {"experts": ("own",)}])
def test_an_answer_by_somebody_else_or_from_more_looks_is_another(stores: tuple[Store, Store], change: dict):
    stores[0].add_prediction(a_prediction("p1"), once=True)
    other = replace(a_prediction("p2"), **change)
    assert stores[1].add_prediction(other, once=True).id == "p2"
