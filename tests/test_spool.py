"""Values on disk for the length of a piece of work."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from pdc.spool import PART, SHORT, Once, Spool, spooled


@pytest.mark.parametrize("n", [0, 1, SHORT - 1, SHORT, SHORT + 1, SHORT + 3 * PART + 7])
def test_a_spool_gives_back_what_was_added_in_order_as_often_as_it_is_asked(n: int):
    spool = Spool(f"row {i}" for i in range(n))
    assert len(spool) == n and list(spool) == list(spool) == [f"row {i}" for i in range(n)]
    assert list(zip(spool, spool, strict=True)) == [(f"row {i}", f"row {i}") for i in range(n)]


def test_a_spool_can_be_gone_through_while_more_comes():
    spool = Spool(range(SHORT - 1))
    seen: list[int] = []
    for value in spool:
        seen.append(value)
        if value < SHORT + PART:
            spool.append(SHORT - 1 + value)
    assert seen == list(spool)


def test_what_cannot_be_written_stays_in_memory():
    spool = Spool([lambda i=i: i for i in range(SHORT + 5)])
    assert [read() for read in spool] == list(range(SHORT + 5))


def test_a_few_values_are_a_tuple():
    assert spooled(iter("abc")) == ("a", "b", "c") and isinstance(spooled(range(SHORT)), Spool)


def test_a_text_is_new_once():
    once = Once()
    texts = [*(f"text {i}" for i in range(SHORT + 9)), "text 3", f"text {SHORT + 8}", "\udcff", "\udcff"]
    assert [t for t in texts if not once.add(t)] == ["text 3", f"text {SHORT + 8}", "\udcff"]
    assert len(once) == SHORT + 10 and "text 1" in once and "other" not in once


def test_many_values_take_no_more_memory_than_some():
    def peak(n: int) -> int:
        def values() -> Iterator[str]:
            return (f"{i:0200}" for i in range(n))

        tracemalloc.start()
        assert sum(map(len, Spool(values()))) == 200 * n
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(8 * SHORT) < 1.2 * peak(2 * SHORT)
