"""Several readers an image: who is given what, what each may see, and the consensus that is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_values import ASK, AT, SHA, a_review, an_image, url_of

from pdc.domain.errors import BadSetting, Forbidden, NotFound, SeveralReaders, Signed
from pdc.domain.values import Findings, Question, Review, Task
from pdc.review.reading.dealing import chosen, deal
from pdc.review.reading.reads import Reads
from pdc.store import Store
from pdc.store.reading.records import Signature, SignatureKind

pytestmark = pytest.mark.both_databases("nightly")

TRIO = ("anna", "bert", "carl")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(url_of(tmp_path))
    store.add_image(an_image())
    yield store
    store.close()


def read(store: Store, reader: str, turn: int = 1, **changes) -> Review:
    said = a_review(f"{reader} {turn}", author=reader, **changes)
    return store.save_read(said, turn=turn, key=said.id, base_revision=0)


def test_images_are_dealt_so_that_all_have_as_many_and_pairs_are_mixed():
    dealt = deal([f"{i:02}" for i in range(30)], TRIO, 2, {}, {})
    assert Counter(reader for _, reader in dealt) == {"anna": 20, "bert": 20, "carl": 20}
    pairs = Counter(frozenset(r for sha, r in dealt if sha == image) for image, _ in dealt)
    assert len(pairs) == 3 and all(len(pair) == 2 for pair in pairs)


def test_who_has_read_more_is_given_less_and_nobody_is_given_an_image_twice():
    dealt = deal(["a", "b", "c", "d"], TRIO, 2, {"anna": 4}, {"a": {"bert"}})
    assert len(dealt) == 7 and ("a", "bert") not in dealt
    given = Counter(reader for _, reader in dealt)
    assert given["anna"] < given["bert"] and given["anna"] < given["carl"]


def test_a_random_part_of_the_list_is_the_same_each_time():
    shas = [f"{i:02}" for i in range(20)]
    assert chosen(shas, 5) == chosen(shas, 5) == sorted(chosen(shas, 5)) and len(chosen(shas, 5)) == 5
    assert chosen(shas, 5, "another") != chosen(shas, 5)


def test_an_image_is_given_to_at_least_two_and_one_more_can_come_later(store: Store):
    reads = Reads(store)
    for readers, each in ((["anna"], None), ([" ", "anna"], None), (TRIO, 1)):
        with pytest.raises(BadSetting, match="at least 2 readers"):
            reads.assign([SHA], ASK, readers, "lead", each=each)
    with pytest.raises(NotFound):
        reads.assign(["f" * 64], ASK, TRIO, "lead")
    assert len(reads.assign([SHA], ASK, ["anna", "bert"], "lead")) == 2
    assert [e.reader for e in reads.assign([SHA], ASK, ["bert", "carl"], "lead")] == ["carl"]
    assert [t.given.reader for t in reads.open_reads()] == list(TRIO)


def test_where_images_are_private_nobody_is_given_any(store: Store):
    with pytest.raises(Forbidden):
        Reads(store, private=True).assign([SHA], ASK, TRIO, "lead")


def test_no_reader_is_withdrawn_without_a_reason_and_the_trail_keeps_it(store: Store):
    reads = Reads(store)
    reads.assign([SHA], ASK, TRIO, "lead")
    with pytest.raises(BadSetting, match="Say why carl"):
        reads.withdraw([SHA], ASK, "carl", "lead", " ")
    reads.withdraw([SHA], ASK, "carl", "lead", "on leave")
    assert reads.standing(SHA, ASK).readers == ("anna", "bert")
    assert [(e.kind, e.reader, e.by, e.note) for e in reads.trail(SHA, "lead")][-1] == ("withdrawn", "carl", "lead", "on leave")


def test_a_reader_has_their_part_until_the_consensus_is_made(store: Store):
    reads = Reads(store)
    reads.assign([SHA], ASK, ["anna", "bert"], "lead", shows_model=False)
    assert not reads.part("anna", SHA).finished and not reads.part("anna", SHA).given.shows_model
    assert reads.part("carl", SHA) is None
    read(store, "anna")
    assert reads.part("anna", SHA).finished and [t.given.reader for t in reads.open_reads()] == ["bert"]
    read(store, "bert")
    reads.adjudicate(SHA, ASK, Findings(), "carl")
    assert reads.part("anna", SHA) is None and reads.parts("bert") == {}


def test_nobody_sees_a_read_before_all_have_finished_and_no_reader_makes_the_consensus(store: Store):
    reads = Reads(store)
    reads.assign([SHA], ASK, ["anna", "bert"], "lead")
    read(store, "anna")
    assert reads.visible_reads("carl") == [] and reads.to_adjudicate("carl") == []
    with pytest.raises(SeveralReaders, match="1 of 2 readers have finished"):
        reads.adjudicate(SHA, ASK, Findings(), "carl")
    read(store, "bert")
    assert reads.visible_reads("anna") == [] and reads.to_adjudicate("anna") == []
    with pytest.raises(SeveralReaders, match="You may not make the consensus"):
        reads.adjudicate(SHA, ASK, Findings(), "anna")
    assert {r.review.author for r in reads.visible_reads("carl")} == {"anna", "bert"} and reads.to_adjudicate("carl") == [
        (SHA, ASK)
    ]


def test_who_was_withdrawn_sees_the_reads_of_the_others_no_more_than_before(store: Store):
    reads = Reads(store)
    reads.assign([SHA], ASK, TRIO, "lead")
    read(store, "anna"), read(store, "bert")
    reads.withdraw([SHA], ASK, "carl", "carl", "I would rather see theirs")
    assert reads.visible_reads("carl") == [] and reads.to_adjudicate("carl") == []
    with pytest.raises(SeveralReaders, match="You may not make the consensus"):
        reads.adjudicate(SHA, ASK, Findings(), "carl")
    assert reads.to_adjudicate("dora") == [(SHA, ASK)]


def test_the_consensus_names_the_reads_it_rests_on_and_is_the_truth(store: Store):
    reads = Reads(store)
    reads.assign([SHA], ASK, ["anna", "bert"], "lead")
    basis = {read(store, "anna").id, read(store, "bert").id}
    made = reads.adjudicate(SHA, ASK, Findings(), "carl")
    assert set(made.rests_on) == basis and made.author == "carl" and store.usable_reviews() == [made]
    assert reads.standing(SHA, ASK).settled and reads.to_adjudicate("carl") == []
    reads.assign([SHA], ASK, ["dora"], "lead")
    read(store, "dora")
    assert reads.to_adjudicate("carl") == [(SHA, ASK)]
    assert len(reads.adjudicate(SHA, ASK, Findings(), "carl").rests_on) == 3 and reads.to_adjudicate("carl") == []


def test_named_adjudicators_may_and_nobody_else(store: Store):
    reads = Reads(store, ("anna", "dora"))
    reads.assign([SHA], ASK, ["anna", "bert"], "lead")
    read(store, "anna")
    assert reads.part("anna", SHA) and reads.visible_reads("anna") == [] == reads.visible_reads("dora")
    read(store, "bert")
    assert reads.to_adjudicate("anna") == reads.to_adjudicate("dora") == [(SHA, ASK)] and reads.to_adjudicate("carl") == []
    assert reads.part("anna", SHA) is None and reads.part("bert", SHA) is not None


def test_an_image_is_given_again_to_who_has_finished_it_and_they_see_nothing_then(store: Store):
    reads = Reads(store)
    reads.assign([SHA], ASK, ["anna", "bert"], "lead")
    read(store, "anna")
    later = datetime.now(UTC) + timedelta(days=30)
    assert [(e.reader, e.turn) for e in reads.repeat([SHA], ASK, "lead", opens_at=later)] == [("anna", 2)]
    assert reads.part("anna", SHA).given.turn == 1  # it is not time yet
    read(store, "bert")
    reads.adjudicate(SHA, ASK, Findings(), "carl")
    assert [(e.reader, e.turn) for e in reads.repeat([SHA], ASK, "lead")] == [("bert", 2)]
    assert reads.part("bert", SHA).given.turn == 2 and reads.standing(SHA, ASK).complete
    read(store, "bert", turn=2)
    assert reads.part("bert", SHA) is None and reads.standing(SHA, ASK).settled
    assert sorted((r.review.author, r.turn) for r in reads.all_reads()) == [("anna", 1), ("bert", 1), ("bert", 2)]


def test_one_question_of_an_image_may_be_read_by_several_and_another_by_one(store: Store):
    reads, other = Reads(store), replace(ASK, task=Task.POINTING)
    reads.assign([SHA], ASK, ["anna", "bert"], "lead")
    alone = store.save_review(a_review(question=other), key="k", base_revision=0)
    assert store.usable_reviews() == [alone] and reads.standing(SHA, other) is None
    with pytest.raises(SeveralReaders, match="Nobody was asked"):
        reads.adjudicate(SHA, Question(Task.COUNTING, ("polyp",)), Findings(), "carl")


def test_a_signed_consensus_is_not_replaced(store: Store):

    reads = Reads(store)
    reads.assign([SHA], ASK, ["anna", "bert"], "lead")
    read(store, "anna"), read(store, "bert")
    made = reads.adjudicate(SHA, ASK, Findings(), "carl")
    store.add_signature(Signature(made.id, SHA, ASK, SignatureKind.SIGNED, 1, "carl", AT))
    with pytest.raises(Signed):
        reads.adjudicate(SHA, ASK, Findings(), "dora")
