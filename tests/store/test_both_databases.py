"""What SQLite and PostgreSQL have to do alike, whatever each is used to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from databases import url_of
from sqlalchemy import func, select
from store_values import ASK, FOUND, SHA, a_review, an_image

from pdc.domain.errors import BadSetting
from pdc.store import EventKind, Store
from pdc.store.records import Effort
from pdc.store.tables import ImageRow

pytestmark = pytest.mark.both_databases


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path, store: Store) -> Iterator[Store]:
    """Another process, as far as the database can tell."""
    other = Store.open(url_of(tmp_path))
    yield other
    other.close()


@pytest.mark.parametrize("text", ["a\0b", "half \ud83d"])
def test_text_that_no_database_can_hold_is_refused_with_a_sentence(store: Store, text: str):
    with pytest.raises(BadSetting, match="cannot be stored; type it anew"):
        store.add_events([SHA], EventKind.SENT_BACK, by="ada", note=text)
    assert store.events() == []


def test_names_are_sorted_by_their_letters_and_not_by_the_rules_of_a_language(store: Store):
    for name in ("bob", "Zoe", "ada", "Ärzte"):
        store.add_user(name, "hash")
        store.add_label(name)
    assert [user.name for user in store.users()] == ["Zoe", "ada", "bob", "Ärzte"]
    assert [label for label in store.labels() if label in ("Zoe", "ada", "bob", "Ärzte")] == ["Zoe", "ada", "bob", "Ärzte"]


def test_one_reading_sees_one_moment_whatever_others_write_meanwhile(store: Store, other: Store):
    count = select(func.count()).select_from(ImageRow)
    with store._read() as session:
        before = session.scalar(count)
        other.add_image(an_image("b" * 64))
        assert session.scalar(count) == before == 1
    with store._read() as session:
        assert session.scalar(count) == 2


def test_a_number_that_is_too_large_is_a_sentence(store: Store):
    store.save_review(a_review(), key="k", base_revision=0)
    with pytest.raises(BadSetting, match="too large"):
        store.keep_effort("r1", Effort(1.0, 2**31, 1, {}))
    assert store.efforts("ada") == []


def put_or_drop(store: Store, i: int) -> None:
    if i % 2:
        store.put_draft("ada", SHA, ASK, FOUND, 0, None, "tab")
    else:
        store.drop_draft("ada", SHA, ASK, "tab")


WRITES = {
    "image": lambda store, i: store.add_image(an_image("c" * 64), owner="ada"),
    "owner": lambda store, i: store.add_image(an_image(), owner=f"reader {i % 3}"),
    "label": lambda store, i: store.add_label("Mitose"),
    "draft": lambda store, i: store.put_draft("ada", SHA, ASK, FOUND, 0, None, "tab"),
    "draft dropped": put_or_drop,
    "group": lambda store, i: store.hold_out(["g"]),
    "likeness": lambda store, i: store.keep_likenesses(1, {SHA: "x"}),
    "vector": lambda store, i: store.keep_vector(SHA, "m", b"\0\0"),
    "logout": lambda store, i: store.end_session("s"),
    "review": lambda store, i: store.save_review(a_review(), key="k", base_revision=0),
    "effort": lambda store, i: store.keep_effort("first", Effort(1.0, i, 1, {})),
}


@pytest.mark.parametrize("what", WRITES)
def test_the_same_written_by_several_at_once_is_stored_once_and_is_no_error(store: Store, other: Store, what: str):
    store.save_review(a_review("first", question=replace(ASK, labels=("polyp",))), key="first", base_revision=0)
    ready, write = Barrier(8), WRITES[what]

    def at_once(i: int) -> None:
        ready.wait()
        for _ in range(3):
            write((store, other)[i % 2], i)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(at_once, range(8)))
    assert store.labels().count("Mitose") == (what == "label") and len(store.images()) == 1 + (what == "image")
