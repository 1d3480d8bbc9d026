"""Work that asks the store for much at once reads one moment, and nothing twice, until it writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, event, select
from store_values import ASK, FOUND, SHA, a_review, an_image, url_of

from pdc.domain.errors import NotFound
from pdc.store import Store
from pdc.store.tables import ImageRow

pytestmark = pytest.mark.both_databases("nightly")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    yield store
    store.close()


@contextmanager
def questions() -> Iterator[list[str]]:
    """What databases are asked meanwhile, anywhere in this process."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


def test_what_is_asked_again_in_one_moment_is_not_read_again(store: Store):
    with store.moment():
        first = store.current_review(SHA, ASK), store.read_tasks(SHA), store.open_counts(SHA)
        with questions() as asked:
            assert (store.current_review(SHA, ASK), store.read_tasks(SHA), store.open_counts(SHA)) == first
    assert not asked


def test_what_this_thread_writes_is_read_at_once(store: Store):
    with store.moment():
        assert store.current_review(SHA, ASK) is None
        saved = store.save_review(a_review(), key="k", base_revision=0)
        assert store.current_review(SHA, ASK) == saved
        store.put_draft("ada", SHA, ASK, FOUND, 1, None, "tab")
        assert store.draft("ada", SHA, ASK) is not None


def test_what_is_written_aside_is_read_at_once_and_the_rest_is_not_read_again(store: Store):
    with store.moment():
        first = store.current_review(SHA, ASK), store.read_tasks(SHA), store.open_counts(SHA)
        assert store.open_elsewhere("ben") == {}
        store.claim(SHA, "ada")
        store.record_view("ada", SHA)
        with questions() as asked:
            assert (store.current_review(SHA, ASK), store.read_tasks(SHA), store.open_counts(SHA)) == first
        assert not asked and store.open_elsewhere("ben") == {SHA: "ada"}
        saved = store.save_review(a_review(), key="k", base_revision=0)
        assert store.current_review(SHA, ASK) == saved


def test_reading_anew_forgets_what_was_kept_over_a_write(store: Store):
    with store.moment():
        assert store.current_review(SHA, ASK) is None
        store.claim(SHA, "ada")
        other = Thread(target=lambda: store.save_review(a_review(), key="k", base_revision=0))
        other.start()
        other.join()
        store.read_anew()
        assert store.current_review(SHA, ASK) is not None


def test_what_another_thread_writes_is_seen_after_the_moment(store: Store):
    with store.moment():
        assert store.current_review(SHA, ASK) is None
        other = Thread(target=lambda: store.save_review(a_review(), key="k", base_revision=0))
        other.start()
        other.join()
        assert store.current_review(SHA, ASK) is None
    assert store.current_review(SHA, ASK) is not None


def test_a_question_that_fails_leaves_the_moment_usable(store: Store):
    with store.moment():
        with pytest.raises(NotFound):
            store.image("f" * 64)
        assert store.image(SHA).sha256 == SHA


def test_who_is_still_reading_when_this_thread_writes_reads_on(store: Store):
    store.add_image(an_image("b" * 64))
    with store.moment():
        with store._read() as session:
            rows = iter(session.execute(select(ImageRow.sha256).order_by(ImageRow.seq)).yield_per(1))
            first = next(rows)
            store.add_image(an_image("c" * 64))
            assert [row[0] for row in (first, *rows)] == [SHA, "b" * 64]
        assert len(store.images()) == 3
