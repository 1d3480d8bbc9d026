"""The store: what goes in comes out, reviews are appended, refusals are sentences."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from databases import POSTGRESQL, SQLITE
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from store_values import ASK, AT, FOUND, SHA, a_prediction, a_review, an_adapter, an_image, url_of

from pdc.domain.errors import BadModel, BadQuestion, BadSetting, NotFound, StaleSave
from pdc.domain.values import AdapterStatus, Findings, Question, RunStatus, Task
from pdc.store import Digest, EventKind, RunRecord, Store

pytestmark = pytest.mark.both_databases


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    yield store
    store.close()


def refused_by_trigger(store: Store, statement: str) -> str:
    with pytest.raises(IntegrityError) as refusal, store._write() as session:
        session.execute(text(statement))
    return str(refusal.value.orig)


# what goes in comes out


def test_values_survive_a_restart(tmp_path: Path, store: Store):
    unreadable = a_prediction("p2", findings=None, raw="I see", adapter="x", cut=False, max_pixels=None, short_of_memory=False)
    store.add_prediction(a_prediction())
    store.add_prediction(unreadable)
    saved = store.save_review(a_review(prediction_id="p1"), key="k", base_revision=0)
    store.put_draft("bob", SHA, ASK, FOUND, 1, "p2")
    store.add_adapter(an_adapter())
    store.close()

    again = Store.open(url_of(tmp_path))
    assert again.images() == [an_image()]
    assert again.predictions(SHA) == [a_prediction(), unreadable]
    assert again.reviews() == [saved] == [a_review(prediction_id="p1")]
    draft = again.draft("bob", SHA, ASK)
    assert (draft.findings, draft.base_revision, draft.prediction_id) == (FOUND, 1, "p2")
    assert again.adapters() == [an_adapter()]
    again.close()


def test_times_are_kept_as_utc(store: Store):
    berlin = timezone(timedelta(hours=2))
    store.add_prediction(a_prediction(created_at=AT.astimezone(berlin)))
    assert store.prediction("p1").created_at.tzinfo is UTC
    assert store.prediction("p1").created_at == AT
    with pytest.raises(Exception, match="time zone"):
        store.add_prediction(a_prediction("p2", created_at=AT.replace(tzinfo=None)))


def test_the_first_image_of_a_sha256_wins(store: Store):
    assert store.add_image(an_image(name="other", group="other")) == an_image()
    assert len(store.images()) == 1


def test_labels_start_with_the_models_and_grow(store: Store):
    assert set(store.labels()) == {"red blood cell", "white blood cell", "platelet", "nucleus", "polyp"}
    assert len(store.labels()) == 5
    store.add_label("Mitose")
    store.add_label("Mitose")
    assert store.labels()[0] == "Mitose" and len(store.labels()) == 6
    with pytest.raises(BadQuestion):
        store.add_label(" bad ")


def test_latest_prediction_is_of_that_question_model_and_adapter(store: Store):
    other = Question(Task.BOUNDING, ASK.labels)
    store.add_prediction(a_prediction("p1"))
    store.add_prediction(a_prediction("p2", created_at=AT - timedelta(days=1)))
    store.add_prediction(a_prediction("p3", adapter="x"))
    store.add_prediction(a_prediction("p4", question=other))
    store.add_prediction(a_prediction("p5", model="big"))
    assert store.latest_prediction(SHA, ASK, "tiny", None).id == "p2"  # by arrival, whatever the clock says
    assert store.latest_prediction(SHA, ASK, "tiny", "x").id == "p3"
    assert store.latest_prediction(SHA, ASK, "big", "x") is None


def test_an_answer_of_other_weights_will_not_do_and_one_of_which_they_were_not_noted_only_where_that_is_said(store: Store):
    store.add_prediction(a_prediction("p1"))
    store.add_prediction(a_prediction("p2", version="old"))
    found = {versions: store.latest_prediction(SHA, ASK, "tiny", None, versions=versions) for versions in VERSIONS}
    assert [p and p.id for p in found.values()] == ["p2", "p2", "p1", None]
    assert store.prediction("p2").version == "old" and store.prediction("p1").version is None


VERSIONS = (), ("old",), ("new", None), ("new",)


def test_an_answer_keeps_its_experts_and_is_not_that_of_the_model_alone(store: Store):
    by_expert = replace(FOUND, marks=tuple(replace(m, expert="finder") for m in FOUND.marks))
    store.add_prediction(a_prediction("p1"))
    store.add_prediction(a_prediction("p2", findings=by_expert, experts=("finder",)))
    assert store.prediction("p2") == a_prediction("p2", findings=by_expert, experts=("finder",))
    assert store.latest_prediction(SHA, ASK, "tiny", None).id == "p1"
    assert store.latest_prediction(SHA, ASK, "tiny", None, ("finder",)).id == "p2"
    assert store.latest_prediction(SHA, ASK, "tiny", None, ("another",)) is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.image("b" * 64),
        lambda s: s.prediction("none"),
        lambda s: s.adapter("none"),
        lambda s: s.set_metrics("none", {}),
        lambda s: s.set_run_status("none", RunStatus.FAILED),
        lambda s: s.add_prediction(a_prediction(image_sha256="b" * 64)),
        lambda s: s.save_review(a_review(image_sha256="b" * 64), key="k", base_revision=0),
        lambda s: s.save_review(a_review(prediction_id="none"), key="k", base_revision=0),
        lambda s: s.put_draft("ada", "b" * 64, ASK, FOUND, 0, None),
        lambda s: s.remove_user("none"),
    ],
)
def test_what_is_not_there_is_not_found(store: Store, ask):
    with pytest.raises(NotFound, match=r"There is no .*\."):
        ask(store)


# reviews are appended, never changed


def test_revisions_are_appended_and_the_highest_is_current(store: Store):
    other = Question(Task.COUNT_AND_BOX, tuple(reversed(ASK.labels)))
    first = store.save_review(a_review(revision=99), key="k1", base_revision=0)
    second = store.save_review(a_review("r2", author="bob"), key="k2", base_revision=1)
    third = store.save_review(a_review("r3", question=other), key="k3", base_revision=0)
    assert [r.revision for r in (first, second, third)] == [1, 2, 1]
    assert store.current_review(SHA, ASK) == second
    assert store.current_reviews() == [second, third]
    assert store.reviews(SHA) == [first, second, third] and store.reviews("b" * 64) == []
    store.add_image(an_image("b" * 64))
    assert store.reviewed_images() == {SHA}


def test_the_same_key_returns_the_first_review_even_after_others(store: Store):
    first = store.save_review(a_review(), key="k1", base_revision=0)
    store.save_review(a_review("r2"), key="k2", base_revision=1)
    again = store.save_review(a_review("r3", author="bob"), key="k1", base_revision=0)
    assert again == first and len(store.reviews()) == 2


def test_a_stale_save_is_refused_with_a_name_and_the_draft_is_kept(store: Store):
    store.put_draft("bob", SHA, ASK, FOUND, 0, None)
    store.save_review(a_review(author="Dr. Ada"), key="k1", base_revision=0)
    with pytest.raises(StaleSave, match=r"Dr\. Ada saved this image at 2026-03-01 09:30 UTC"):
        store.save_review(a_review("r2", author="bob"), key="k2", base_revision=0)
    assert store.draft("bob", SHA, ASK).findings == FOUND
    assert len(store.reviews()) == 1
    with pytest.raises(StaleSave):
        store.save_review(a_review("r2"), key="k3", base_revision=7)


def test_a_save_drops_its_authors_draft_of_that_question_only(store: Store):
    other = Question(Task.POINTING, ASK.labels)
    for author, question in (("ada", ASK), ("ada", other), ("bob", ASK)):
        store.put_draft(author, SHA, question, FOUND, 0, None)
    store.put_draft("ada", SHA, ASK, FOUND, 0, None, key="k", seen=store.draft("ada", SHA, ASK).seen)
    store.save_review(a_review(), key="k", base_revision=0)
    assert store.draft("ada", SHA, ASK) is None
    assert store.draft("ada", SHA, other) and store.draft("bob", SHA, ASK)
    store.drop_draft("bob", SHA, ASK)
    assert store.draft("bob", SHA, ASK) is None


def test_a_draft_is_replaced_by_the_next(store: Store):
    store.put_draft("ada", SHA, ASK, FOUND, 0, None)
    store.put_draft("ada", SHA, ASK, Findings(), 2, None)
    assert store.draft("ada", SHA, ASK).findings == Findings()
    assert store.draft("ada", SHA, ASK).base_revision == 2


def test_each_tab_keeps_its_own_draft_until_it_saves(store: Store):
    store.put_draft("ada", SHA, ASK, FOUND, 0, None, key="one")
    seen = store.draft("ada", SHA, ASK).seen
    store.put_draft("ada", SHA, ASK, Findings(), 0, None, key="one")  # the first tab goes on after the second had opened it
    store.put_draft("ada", SHA, ASK, FOUND, 0, None, key="two", seen=seen)
    assert [d.key for d in store.drafts(SHA, ASK, "ada")] == ["one", "two"]
    store.save_review(a_review(), key="two", base_revision=0, seen=seen)
    assert [d.key for d in store.drafts(SHA, ASK)] == ["one"]


def test_events_are_listed_newest_of_each_kind(store: Store):
    store.add_events([SHA], EventKind.ASSIGNED, by="ada", reader="bob")
    store.add_events([SHA], EventKind.SENT_BACK, by="bob", note="blurred")
    store.add_events([SHA], EventKind.ASSIGNED, by="ada", reader=None)
    assert [(e.kind, e.reader, e.note) for e in store.events()] == [("sent_back", None, "blurred"), ("assigned", None, "")]
    with pytest.raises(NotFound):
        store.add_events([SHA, "c" * 64], EventKind.SENT_BACK, by="bob")
    assert len(store.events()) == 2


def test_digests_count_what_counts_and_add_up_the_doubt(store: Store):
    store.add_prediction(a_prediction())
    store.add_prediction(a_prediction("p2", findings=None))
    store.save_review(a_review(), key="k", base_revision=0)
    other = replace(ASK, labels=("cyst",))
    store.add_prediction(replace(a_prediction("p3"), question=other))
    assert store.answered_questions() == store.answered_questions(SHA) == {SHA: {ASK: "p2", other: "p3"}}
    store.add_prediction(a_prediction("p4"))
    assert list(store.answered_questions(SHA)[SHA].items()) == [(other, "p3"), (ASK, "p4")]
    assert store.answered_questions("c" * 64) == {}
    assert store.prediction_digests(["p1", "p2", "unknown"]) == {"p1": Digest({"polyp": 1}, 1 - (0.1 + 0.2))}
    assert [(r.id, r.author, r.revision) for r in store.review_lines()] == [("r1", "ada", 1)]
    assert store.review_lines("bob") == []


@pytest.mark.parametrize("table", ["images", "predictions", "reviews", "activations", "groups", "events"])
def test_the_database_itself_refuses_to_change_what_was_said(database: str, store: Store, table: str):
    store.add_prediction(a_prediction())
    store.save_review(a_review(), key="k", base_revision=0)
    store.add_adapter(an_adapter())
    store.activate("first", "tiny", by="ada", reason="")
    store.hold_out(["g"])
    store.add_events([SHA], EventKind.SENT_BACK, by="ada")
    column = {"events": "by", "images": "name", "predictions": "raw", "reviews": "author", "activations": "by", "groups": "side"}[
        table
    ]
    replaced = {SQLITE: f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}", POSTGRESQL: f"TRUNCATE {table} CASCADE"}
    assert "never changed" in refused_by_trigger(store, f"UPDATE {table} SET {column} = 'x'")
    assert "never changed" in refused_by_trigger(store, f"DELETE FROM {table}")
    assert "never changed" in refused_by_trigger(store, replaced[database])


# writers


def test_thirty_threads_saving_at_once_lose_nothing(store: Store):
    def save(i: int) -> str:
        question = Question(Task.BOUNDING, (f"label {i}",))
        for n in range(5):
            store.save_review(a_review(f"r{i}-{n}", question=question), key=f"k{i}-{n}", base_revision=n)
            assert store.current_review(SHA, question).revision == n + 1
        return question.labels[0]

    with ThreadPoolExecutor(30) as pool:
        labels = set(pool.map(save, range(30)))
    assert len(store.reviews()) == 150
    assert {r.question.labels[0] for r in store.current_reviews()} == labels
    assert {r.revision for r in store.current_reviews()} == {5}


def test_of_thirty_saves_of_one_revision_one_wins(store: Store):
    ready = threading.Barrier(30)

    def save(i: int) -> bool:
        ready.wait()
        try:
            store.save_review(a_review(f"r{i}"), key=f"k{i}", base_revision=0)
        except StaleSave:
            return False
        return True

    with ThreadPoolExecutor(30) as pool:
        assert sum(pool.map(save, range(30))) == 1
    assert [r.revision for r in store.reviews()] == [1]


@pytest.mark.sqlite_only
def test_a_database_in_memory_serves_threads():
    store = Store.open("sqlite://")
    store.add_image(an_image())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: (store.add_label(f"label {i}"), store.labels()), range(40)))
    assert len(store.labels()) == 45
    store.close()


@pytest.mark.sqlite_only
def test_sqlite_is_set_for_safety(store: Store):
    with store._write() as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1, "busy_timeout": 15000}


# adapters, groups, runs, users


def test_the_history_says_what_was_promoted_for_which_labels_who_and_why(store: Store):
    for name in ("first", "second"):
        store.add_adapter(an_adapter(name))
    store.add_adapter(an_adapter("elsewhere", base="big"))
    store.activate("elsewhere", "big", by="ada", reason="")
    assert store.activations("tiny") == []
    store.activate("first", "tiny", by="ada", reason="better", labels=("rod", "cell"))
    store.activate("second", "tiny", by="bob", reason="better still", labels=())
    second = store.activations("tiny")[-1]
    store.roll_back(second.seq, "first", "tiny", by="ada", reason="worse")
    store.activate(None, "tiny", by="ada", reason="all worse")
    found = [(a.adapter, a.by, a.reason, a.rolled_back, a.labels, a.undoes) for a in store.activations("tiny")]
    assert found == [
        ("first", "ada", "better", False, ("cell", "rod"), None),
        ("second", "bob", "better still", False, (), None),
        ("first", "ada", "worse", True, None, second.seq),
        (None, "ada", "all worse", False, None, None),
    ]


def test_an_adapter_has_a_name_of_its_own_and_one_base(store: Store):
    store.add_adapter(an_adapter())
    with pytest.raises(BadModel, match="already"):
        store.add_adapter(an_adapter())
    with pytest.raises(BadModel, match="does not fit"):
        store.activate("first", "big", by="ada", reason="")
    with pytest.raises(NotFound):
        store.activate("none", "tiny", by="ada", reason="")
    assert store.activations("tiny") == []


def test_metrics_make_a_candidate_evaluated_but_change_no_other_status(store: Store):
    store.add_adapter(an_adapter())
    store.set_metrics("first", {"f1": 0.7, "by_label": {"polyp": float("nan")}, "n": [1, 2]})
    assert store.adapter("first").status is AdapterStatus.EVALUATED
    assert store.adapter("first").metrics == {"f1": 0.7, "by_label": {"polyp": None}, "n": [1, 2]}
    store.activate("first", "tiny", by="ada", reason="")
    store.set_metrics("first", {"f1": 0.8})
    assert (store.adapter("first").metrics, store.adapter("first").status) == ({"f1": 0.8}, AdapterStatus.EVALUATED)


def test_a_group_never_changes_sides(store: Store):
    store.hold_out(["g1", "g2"])
    store.assign_training(["g3"])
    store.hold_out(["g1"])
    with pytest.raises(BadSetting, match="'g3' has been trained on"):
        store.hold_out(["g4", "g3"])
    with pytest.raises(BadSetting, match="'g1' is held out"):
        store.assign_training(["g1"])
    assert store.held_out_groups() == {"g1", "g2"} and store.training_groups() == {"g3"}


def test_runs_are_finished_when_they_are(store: Store):
    run = RunRecord("fold-1", "/runs/fold-1", RunStatus.RUNNING, AT)
    store.add_run(run)
    assert store.runs() == [run]
    with pytest.raises(BadSetting, match="already"):
        store.add_run(run)
    store.set_run_status("fold-1", RunStatus.COMPLETE, AT + timedelta(hours=1))
    assert store.runs() == [replace(run, status=RunStatus.COMPLETE, finished_at=AT + timedelta(hours=1))]


def test_users(store: Store):
    store.add_user("ada", "hash")
    with pytest.raises(BadSetting, match="already"):
        store.add_user("ada", "other")
    store.set_password("ada", "new")
    assert store.user("ada").password_hash == "new" and store.user("bob") is None
    store.remove_user("ada")
    assert store.users() == []
