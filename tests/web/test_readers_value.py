"""What the editor is told of several readers' marks, beside the consensus as it stands."""

from __future__ import annotations

from dataclasses import replace

from several_readers import ASK, found

from pdc.domain.agreement.consensus import propose
from pdc.domain.values import Findings, Status
from pdc.web.ui.agreement.readers import readers_value

READS = {"ada": found((0, "cell"), (60, "cell")), "bob": found((1, "cell"))}


def test_each_object_names_the_mark_proposed_for_it_and_everybodys_marks():
    proposed = propose(READS, ASK).findings
    told = readers_value(READS, ASK, proposed)
    assert told["names"] == ["ada", "bob"]
    assert [g["id"] for g in told["groups"]] == [m.id for m in proposed.marks]
    assert [(g["standing"], g["status"], sorted(g["marks"])) for g in told["groups"]] == [
        ("agreed", "open", ["ada", "bob"]),
        ("tied", "doubtful", ["ada"]),
    ]


def test_a_reader_who_was_added_later_finds_the_consensus_that_was_made_before():
    before = propose(READS, ASK).findings
    decided = Findings(tuple(replace(m, status=Status.ACCEPTED) for m in before.marks))
    more = {**READS, "eve": found((200, "cell"), (2, "cell"))}
    told = readers_value(more, ASK, decided)
    standing = {tuple(sorted(g["marks"])): g["id"] for g in told["groups"]}
    assert standing["ada", "bob", "eve"] == before.marks[0].id
    assert standing[("ada",)] == before.marks[1].id
    assert standing[("eve",)] not in {m.id for m in before.marks}


def test_the_same_name_never_stands_for_another_object_after_reads_have_changed():
    first = propose(READS, ASK).findings.marks[0].id
    other = propose({"ada": found((60, "cell")), "bob": found()}, ASK).findings.marks[0].id
    assert first.split("-")[0] == other.split("-")[0] == "c1" and first != other
