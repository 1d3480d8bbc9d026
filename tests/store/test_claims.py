"""Open images as rows: of several who claim one the first has it, and a claim that is not renewed runs out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from databases import ready_url_of
from sqlalchemy import select

from pdc.store import Store
from pdc.store.claims import queries
from pdc.store.claims.queries import claimed_by_others

pytestmark = pytest.mark.both_databases
A, B = "a" * 64, "b" * 64


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two processes, as far as the database can tell."""
    both = Store.open(ready_url_of(tmp_path)), Store.open(ready_url_of(tmp_path))
    yield both
    for store in both:
        store.close()


def test_of_many_who_are_sent_at_once_one_has_the_image(stores: tuple[Store, Store]):
    with ThreadPoolExecutor(8) as at_once:
        taken = list(at_once.map(lambda n: stores[n % 2].claim(A, f"reader-{n}", alone=True), range(8)))
    assert sum(taken) == 1
    winner = f"reader-{taken.index(True)}"
    assert stores[0].claim(A, winner, alone=True) and stores[1].open_elsewhere("nobody") == {A: winner}
    assert stores[0].open_elsewhere(winner) == {}


def test_by_hand_several_may_have_it_and_each_lets_go_of_their_own(stores: tuple[Store, Store]):
    store, other = stores
    assert store.claim(A, "ada") and other.claim(A, "ben") and store.claim(B, "ben")
    assert store.open_elsewhere("ada") == {A: "ben", B: "ben"} and other.open_elsewhere("ben") == {A: "ada"}
    with store._read() as session:
        assert set(session.scalars(claimed_by_others("ada"))) == {A, B}
        assert session.scalars(select(queries.ClaimRow.image_sha256).where(queries.ClaimRow.reader == "ada")).all() == [A]
    other.let_go(A, "ben")
    assert not store.claim(B, "ada", alone=True) and store.claim(A, "ada", alone=True)


def test_a_claim_that_is_not_renewed_runs_out_and_leaves_no_row(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queries, "CLAIMED_FOR", timedelta(seconds=-1))
    stores[0].claim(A, "ada")
    assert stores[1].open_elsewhere("ben") == {}
    monkeypatch.undo()
    assert stores[1].claim(A, "ben", alone=True)
    with stores[0]._read() as session:
        assert session.scalars(select(queries.ClaimRow.reader)).all() == ["ben"]
