"""Jobs as rows: taken by one worker only, put back when it dies, cancelled and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from databases import ready_url_of

from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.message import Message
from pdc.store import Store
from pdc.store.audit.lines import RecordFilter
from pdc.store.jobs.queries import GAVE_UP, MOST_TRIES
from pdc.store.jobs.records import JobState, Wanted

pytestmark = pytest.mark.both_databases


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two processes, as far as the database can tell."""
    both = Store.open(ready_url_of(tmp_path)), Store.open(ready_url_of(tmp_path))
    yield both
    for store in both:
        store.close()


@pytest.fixture
def store(stores: tuple[Store, Store]) -> Store:
    return stores[0]


def test_a_job_comes_back_as_it_was_asked_for(store: Store):
    made = store.add_job("export", {"format": "coco", "names": ["ä", None]}, "ada")
    assert made == store.job(made.id)
    assert (made.kind, made.asked, made.by) == ("export", {"format": "coco", "names": ["ä", None]}, "ada")
    assert (made.state, made.total, made.tries) == (JobState.QUEUED, None, 0)


def test_of_many_who_want_a_job_each_gets_another_one(stores: tuple[Store, Store]):
    wanted = {stores[0].add_job("export", {}, "ada").id for _ in range(6)}
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda i: stores[i % 2].take_job(["export"], f"worker {i}"), range(8)))
    assert sorted(job.id for job in taken if job) == sorted(wanted)


def test_a_worker_takes_only_the_kinds_that_it_knows_and_the_oldest_first(store: Store):
    store.add_job("train", {}, "ada")
    first, _ = store.add_job("export", {}, "ada"), store.add_job("import", {}, "ada")
    taken = store.take_job(["import", "export"], "w")
    assert taken and (taken.id, taken.state, taken.tries) == (first.id, JobState.RUNNING, 1)


def test_two_processes_cannot_ask_for_what_only_one_may_do(stores: tuple[Store, Store]):
    def ask(i: int) -> int | None:
        try:
            return stores[i % 2].add_job("train", {}, "ada", alone="train").id
        except BadSetting:
            return None

    with ThreadPoolExecutor(6) as pool:
        (made,) = [id for id in pool.map(ask, range(6)) if id]
    with pytest.raises(BadSetting, match=f"Job {made} does that already"):
        stores[1].add_job("train", {}, "bob", alone="train")
    stores[0].cancel_job(made, "ada")
    assert stores[1].add_job("train", {}, "bob", alone="train").id != made


def test_what_a_worker_tells_is_seen_by_others_with_its_message(stores: tuple[Store, Store]):
    made = stores[0].add_job("export", {}, "ada")
    stores[0].take_job(["export"], "w")
    stores[0].beat_job(made.id, "w", (3, 10, Message("image {n}", n=3)))
    seen = stores[1].job(made.id)
    assert (seen.done, seen.total, seen.words) == (3, 10, "image 3")
    assert isinstance(seen.words, Message) and seen.words.text == "image {n}"


def test_a_job_whose_worker_is_silent_goes_to_another_and_the_first_can_say_no_more(stores: tuple[Store, Store]):
    made = stores[0].add_job("predict", {}, "ada")
    stores[0].take_job(["predict"], "dead")
    assert stores[1].take_job(["predict"], "next", silent=60) is None
    again = stores[1].take_job(["predict"], "next", silent=-1)
    assert again and (again.id, again.tries) == (made.id, 2)
    assert stores[0].beat_job(made.id, "dead", (9, 9, "")) is None
    assert not stores[0].end_job(made.id, "dead", JobState.DONE)
    assert stores[0].job(made.id).state is JobState.RUNNING


def test_a_job_that_kills_its_workers_fails_at_the_last_try(store: Store):
    made = store.add_job("predict", {}, "ada")
    for n in range(MOST_TRIES):
        assert store.take_job(["predict"], f"w{n}", silent=-1)
    assert store.take_job(["predict"], "one more", silent=-1) is None
    assert (store.job(made.id).state, store.job(made.id).error) == (JobState.FAILED, GAVE_UP)


def test_a_job_whose_worker_is_stopped_in_good_order_has_lost_no_try(store: Store):
    made = store.add_job("predict", {}, "ada")
    store.take_job(["predict"], "w")
    store.release_job(made.id, "w")
    assert (store.job(made.id).state, store.job(made.id).tries) == (JobState.QUEUED, 0)


def test_what_a_process_does_itself_is_not_begun_again_when_it_dies(store: Store):
    made = store.add_job("train", {}, "ada", worker="by hand")
    assert made.state is JobState.RUNNING
    assert store.take_job(["train"], "w", silent=-1) is None
    assert store.job(made.id).state is JobState.FAILED


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(store: Store):
    waits, runs = store.add_job("export", {}, "ada"), store.add_job("import", {}, "ada")
    store.take_job(["import"], "w")
    assert store.cancel_job(waits.id, "bob").state is JobState.CANCELLED
    assert store.cancel_job(runs.id, "bob").state is JobState.RUNNING
    told = store.beat_job(runs.id, "w")
    assert told and told.cancelled_by == "bob"
    assert store.end_job(runs.id, "w", JobState.CANCELLED)
    with pytest.raises(BadSetting, match="has ended"):
        store.cancel_job(runs.id, "bob")


def test_a_cancelled_job_whose_worker_died_is_not_begun_again(store: Store):
    made = store.add_job("export", {}, "ada")
    store.take_job(["export"], "w")
    store.cancel_job(made.id, "ada")
    assert store.take_job(["export"], "next", silent=-1) is None
    assert store.job(made.id).state is JobState.CANCELLED


def test_a_job_is_tried_again_as_a_new_one_that_knows_the_first(store: Store):
    made = store.add_job("export", {"format": "voc"}, "ada")
    with pytest.raises(BadSetting, match="has not ended"):
        store.retry_job(made.id, "ada")
    store.cancel_job(made.id, "ada")
    again = store.retry_job(made.id, "bob")
    assert (again.parent, again.asked, again.by, again.state) == (made.id, {"format": "voc"}, "bob", JobState.QUEUED)


def test_jobs_are_listed_by_user_kind_and_state_page_by_page(store: Store):
    ids = [store.add_job(kind, {}, by).id for kind, by in (("export", "ada"), ("train", "bob"), ("export", "bob"))]
    store.cancel_job(ids[0], "ada")
    assert [j.id for j in store.jobs()] == ids[::-1]
    assert [j.id for j in store.jobs(Wanted(by="bob"))] == [ids[2], ids[1]]
    assert [j.id for j in store.jobs(Wanted(kinds=("export",), states=(JobState.QUEUED,)))] == [ids[2]]
    assert [j.id for j in store.jobs(Wanted(before=ids[2]), limit=1)] == [ids[1]]
    with pytest.raises(NotFound, match="no job 99"):
        store.job(99)


def test_who_asked_for_a_job_and_who_cancelled_it_is_in_the_record(store: Store):
    made = store.add_job("train", {}, "ada")
    store.cancel_job(made.id, "bob")
    said = [line for line in store.record_lines(RecordFilter()) if "job" in str(line.what)]
    assert [(line.who, line.kind) for line in said] == [("bob", "job_cancelled"), ("ada", "job_started")]
