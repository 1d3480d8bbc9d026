"""Several readers an image in the store: their lines of reads, what counts as truth meanwhile, and signatures."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from store_values import ASK, AT, SHA, a_review, an_image, url_of

from pdc.domain.errors import SeveralReaders, Signed, StaleSave
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Findings, Question, Task, Verdict
from pdc.store import Store
from pdc.store.database import migrating, open_engine
from pdc.store.reading.records import ReaderChange, ReaderEvent, Signature, SignatureKind
from pdc.store.schema import _config

pytestmark = pytest.mark.both_databases("nightly")

NOW = AT + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    yield store
    store.close()


def give(store: Store, *readers: str, turn: int = 1, kind: ReaderChange = ReaderChange.GIVEN, question: Question = ASK) -> None:
    store.add_reader_events([ReaderEvent(SHA, question, kind, reader, "lead", AT, AT, turn) for reader in readers])


def a_read(reader: str, id: str = "", **changes):
    return a_review(id or f"of {reader}", author=reader, **changes)


def read(store: Store, reader: str, *, base: int = 0, turn: int = 1, **changes):
    said = a_read(reader, f"{reader} {turn} {base}", **changes)
    return store.save_read(said, turn=turn, key=f"key of {said.id}", base_revision=base)


def signature(review_id: str, kind: SignatureKind = SignatureKind.SIGNED, **changes) -> Signature:
    return replace(Signature(review_id, SHA, ASK, kind, 1, "ada", AT, "read and signed"), **changes)


def test_two_readers_each_have_a_line_of_revisions_and_neither_is_a_review(store: Store):
    give(store, "anna", "bert")
    first, other = read(store, "anna"), read(store, "bert")
    again = read(store, "anna", base=1, findings=Findings())
    assert (first.revision, other.revision, again.revision) == (1, 1, 2)
    assert store.reads(SHA, ASK) == {"anna": again, "bert": other}
    assert store.reviews() == store.current_reviews() == store.review_lines() == [] and store.current_ids() == {}
    assert store.label_uses() == {} and store.reviewed_images() == frozenset()


def test_a_read_is_refused_to_who_was_not_asked_and_to_who_was_withdrawn(store: Store):
    give(store, "anna", "bert")
    with pytest.raises(SeveralReaders, match="carl is not asked"):
        read(store, "carl")
    read(store, "bert")
    give(store, "bert", kind=ReaderChange.WITHDRAWN)
    with pytest.raises(SeveralReaders, match="bert is not asked to read this image any more"):
        read(store, "bert", base=1)
    assert store.reads(SHA, ASK) == {} and [r.review.author for r in store.read_revisions(SHA, ASK)] == ["bert"]


def test_a_read_saved_twice_is_one_and_one_that_was_overtaken_is_refused(store: Store):
    give(store, "anna", "bert")
    said = a_read("anna")
    assert store.save_read(said, turn=1, key="k", base_revision=0) == store.save_read(said, turn=1, key="k", base_revision=0)
    with pytest.raises(StaleSave):
        store.save_read(a_read("anna", "late"), turn=1, key="k2", base_revision=0)


def test_skipping_is_no_finished_read(store: Store):
    give(store, "anna", "bert")
    read(store, "anna", verdict=Verdict.SKIPPED)
    assert store.reads(SHA, ASK) == {} and [t.finished for t in store.read_tasks()] == [False, False]


def test_a_second_turn_of_a_reader_is_kept_apart_from_the_first(store: Store):
    give(store, "anna", "bert")
    first = read(store, "anna")
    give(store, "anna", turn=2)
    assert [t.finished for t in store.read_tasks() if t.given.reader == "anna"] == [True, False]
    second = read(store, "anna", turn=2, findings=Findings())
    assert [(r.review, r.turn) for r in store.all_reads()] == [(first, 1), (second, 2)] and store.reads(SHA, ASK)["anna"] == first


def test_what_several_readers_read_is_no_truth_before_the_consensus_and_then_the_consensus_is(store: Store):
    before = store.save_review(a_review("before"), key="before", base_revision=0)
    assert store.usable_reviews() == [before] and store.current_ids() == {SHA: [("before", Verdict.CORRECTED)]}
    give(store, "anna", "bert")
    one = read(store, "anna")
    assert store.usable_reviews() == [] and store.current_ids() == {} and store.unsettled() == {(SHA, ASK)}
    two = read(store, "bert")
    assert store.usable_reviews() == [] and store.current_ids() == {}
    with pytest.raises(SeveralReaders, match="only the consensus"):
        store.save_review(a_review("past them"), key="past", base_revision=1)
    made = store.save_review(a_review("consensus", rests_on=(one.id, two.id)), key="c", base_revision=1)
    assert made.rests_on == (one.id, two.id) and store.usable_reviews() == [made] and store.unsettled() == frozenset()
    assert store.consensus_bases() == {(SHA, ASK): {one.id, two.id}}
    with pytest.raises(SeveralReaders, match="has been made"):
        read(store, "anna", base=1)


def test_a_reader_who_comes_after_the_consensus_may_still_read_and_it_stays_truth(store: Store):
    give(store, "anna", "bert")
    basis = (read(store, "anna").id, read(store, "bert").id)
    made = store.save_review(a_review("consensus", rests_on=basis), key="c", base_revision=0)
    give(store, "carl")
    read(store, "carl")
    assert store.usable_reviews() == [made] and set(store.reads(SHA, ASK)) == {"anna", "bert", "carl"}


def test_once_all_readers_are_withdrawn_the_image_is_an_ordinary_one(store: Store):
    before = store.save_review(a_review("before"), key="before", base_revision=0)
    give(store, "anna", "bert")
    give(store, "anna", "bert", kind=ReaderChange.WITHDRAWN)
    assert store.usable_reviews() == [before]
    assert store.save_review(a_review("after"), key="after", base_revision=1).revision == 2
    assert [e.kind for e in store.reader_events()] == [ReaderChange.GIVEN] * 2 + [ReaderChange.WITHDRAWN] * 2


def test_readers_and_reads_are_found_under_a_label_renamed_since(store: Store):
    give(store, "anna", "bert")
    one = read(store, "anna")
    store.change_label("polyp", LabelChange.RENAMED, "adenoma", by="ada")
    now = Question(Task.COUNT_AND_BOX, ("adenoma", "Blutkörperchen"))
    assert store.reads(SHA, now)["anna"].id == one.id and store.unsettled() == {(SHA, now)}
    assert read(store, "anna", base=1, question=now).revision == 2 and list(store.reads(SHA, now)) == ["anna"]


def test_a_signed_review_takes_no_revision_until_it_is_reopened(store: Store):
    store.save_review(a_review(), key="k1", base_revision=0)
    store.add_signature(signature("r1"))
    with pytest.raises(Signed, match="ada signed revision 1 on 2026-03-01"):
        store.save_review(a_review("r2", author="bert"), key="k2", base_revision=1)
    assert list(store.signed()) == ["r1"]
    store.add_signature(signature("r1", SignatureKind.REOPENED, reason="a cell was missed"))
    assert store.signed() == {} and store.save_review(a_review("r2"), key="k2", base_revision=1).revision == 2
    assert [s.reason for s in store.signatures(SHA)] == ["", "a cell was missed"]


def test_where_readers_are_apart_a_signature_locks_only_its_own_readers_line(store: Store):
    store.save_review(a_review(), key="k1", base_revision=0)
    store.add_signature(signature("r1"))
    store.save_review(a_review("r2", author="bert"), key="k2", base_revision=1, apart=True)
    with pytest.raises(Signed):
        store.save_review(a_review("r3"), key="k3", base_revision=2, apart=True)


def test_a_signed_read_is_locked_too(store: Store):
    give(store, "anna", "bert")
    one = read(store, "anna")
    store.add_signature(signature(one.id, by="anna"))
    with pytest.raises(Signed, match="anna signed"):
        read(store, "anna", base=1)


@pytest.mark.parametrize("table", ["reader_events", "reads", "signatures"])
@pytest.mark.sqlite_only
def test_the_record_of_readers_and_signatures_cannot_be_rewritten(tmp_path: Path, store: Store, table: str):
    give(store, "anna", "bert")
    store.add_signature(signature(read(store, "anna").id))
    with sqlite3.connect(tmp_path / "pdc.sqlite3") as raw:
        for statement in (
            f"DELETE FROM {table}",
            f"UPDATE {table} SET at = at" if table != "reads" else "UPDATE reads SET turn = 2",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                raw.execute(statement)


@pytest.mark.sqlite_only
def test_a_database_from_before_there_were_several_readers_opens_with_its_reviews(tmp_path: Path):
    engine = open_engine(url_of(tmp_path))
    with migrating(engine) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
        at, labels, nothing = "2026-03-01 09:30:15.123456", '["polyp"]', '{"marks":[],"stated":{}}'
        image = "INSERT INTO images VALUES (1, ?, 'a.png', 640, 480, 'g', ?)"
        columns = "seq, id, key, image_sha256, task, labels, verdict, findings, author, revision, created_at, blind"
        review = f"INSERT INTO reviews ({columns}) VALUES (1, 'old', 'k', ?, 'count_and_box', ?, 'corrected', ?, 'ada', 1, ?, 0)"
        connection.exec_driver_sql(image, (SHA, at))
        connection.exec_driver_sql(review, (SHA, labels, nothing, at))
    engine.dispose()
    store = Store.open(url_of(tmp_path))
    (old,) = store.usable_reviews()
    assert (old.id, old.rests_on) == ("old", ()) and store.read_tasks() == [] and store.signatures() == []
    store.close()
