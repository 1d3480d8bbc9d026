"""Count sessions: fields are chosen fairly, read, summed from the stored reviews, and signed."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from counted import ROW, SPERM, Bench, sperm

from pdc.counting.sheet import BadSheet, differences
from pdc.domain.errors import BadSetting, NotFound, PdcError
from pdc.domain.label_changes import LabelChange
from pdc.domain.values import Question, Task, Verdict
from pdc.review.counting.state import FieldState

pytestmark = pytest.mark.both_databases("nightly")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """For what changes nothing."""
    bench = Bench(tmp_path_factory.mktemp("refusing"))
    bench.side("side 1", 2)
    return bench


def states(bench: Bench, id: str) -> list[str]:
    return [f.state for f in bench.counts.fields(id)]


def test_a_sample_is_counted_from_its_first_field_to_its_sheet(bench: Bench):
    session = bench.begin()
    id, counts = session.id, bench.counts
    counts.set_area(id, None, ROW, "ada")
    for n in (101, 103, 99, 107):
        field = counts.next_field(id, "ada")
        assert field is not None and field.state is FieldState.OPEN
        bench.read(field.sha256, sperm(n, out=2))
    assert counts.next_field(id, "ada") is None and states(bench, id) == ["read"] * 4
    assert str(counts.progress(id).said) == "206 of 200, replicate 2 of 2: enough, look at the result."
    counts.fill(id, "dilution factor", "2", reader="ada")
    counts.fill(id, "ejaculate volume", "3,5", reader="ada")
    sheet = counts.sheet(id, "ada")
    assert sheet.lines[0].k == 410 and sheet.lines[0].value == pytest.approx(10.2, abs=0.1) and sheet.verdict == "valid"
    assert sheet.heading.chosen == "all: 2 images of 'side 1'; all: 2 images of 'side 2'"
    assert [r.reader for r in sheet.sample.replicates] == ["ada", "ada"]
    kept = counts.sign(id, "final", "ada")
    assert counts.session(id).closed and differences(kept.text) == [] and json.loads(kept.text)["status"] == "final"


def test_a_count_says_where_it_stands_after_every_field(bench: Bench):
    id = bench.begin().id
    bench.counts.set_area(id, None, {"squares": 3}, "ada")
    said = [str(bench.counts.progress(id).said)]
    for n in (150, 60):
        bench.read(bench.counts.next_field(id, "ada").sha256, sperm(n))
        said.append(str(bench.counts.progress(id).said))
    assert said == [
        "0 of 200, replicate 1 of 2: go on with the next field.",
        "150 of 200, replicate 1 of 2: go on with the next field.",
        "210 of 200, replicate 1 of 2: finish the row. 4 squares are left.",
    ]


def test_the_next_field_is_in_the_next_replicate_once_a_replicate_has_its_number(bench: Bench):
    session = bench.begin((3, 2))
    bench.counts.set_area(session.id, None, ROW, "ada")
    bench.read(bench.counts.next_field(session.id, "ada").sha256, sperm(230))
    assert bench.counts.next_field(session.id, "ada").replicate == 2
    assert bench.counts.sample(session.id).ahead == 4 and bench.counts.sample(session.id).passed == ()


def test_a_field_is_read_once_all_labels_of_the_protocol_were_asked_for(bench: Bench):
    bench.side("film", 1)
    session = bench.counts.start("haemocytometer", "S-1", ["film"], reader="ada")
    sha = session.fields[0].sha256
    bench.read(sha, sperm(3, label="live cell"), question=Question(Task.COUNT_AND_BOX, ("live cell",)))
    assert states(bench, session.id) == ["open"]
    bench.read(sha, sperm(4, label="live cell"), question=Question(Task.BOUNDING, ("dead cell", "debris", "live cell")))
    assert states(bench, session.id) == ["read"] and bench.counts.sample(session.id).of(["live"]) == 4


def test_a_skipped_image_is_still_to_be_read(bench: Bench):
    session = bench.begin()
    draft = bench.service.open(session.fields[0].sha256, SPERM, "ada")
    assert bench.service.save(draft, Verdict.SKIPPED) and states(bench, session.id)[0] == "open"


def test_labels_that_were_renamed_since_are_still_counted(bench: Bench):
    session = bench.begin()
    bench.read(session.fields[0].sha256, sperm(5))
    bench.store.change_label("sperm", LabelChange.ADDED, by="ada")
    bench.store.change_label("sperm", LabelChange.RENAMED, "spermatozoon", by="ada")
    assert bench.counts.sample(session.id).of(["sperm"]) == 5 and states(bench, session.id)[0] == "read"


# choosing


def test_fields_at_random_are_spread_and_drawn_anew_from_their_seed(bench: Bench):
    shas = bench.side("smear", 12)
    first, again = (
        bench.counts.start("platelets-on-film", "S", ["smear"], "systematic random", 4, seed=7, reader="ada") for _ in "ab"
    )
    assert [f.sha256 for f in first.fields] == [f.sha256 for f in again.fields]
    places = [shas.index(f.sha256) for f in first.fields]
    assert [b - a for a, b in pairwise(places)] == [3, 3, 3]
    assert first.chosen == "systematic random: 4 of 12 images of 'smear', seed 7"


def test_the_order_in_which_images_are_listed_changes_nothing(bench: Bench):
    shas = bench.side("smear", 5)
    session = bench.counts.start("platelets-on-film", "S", [shas[::-1]], reader="ada")
    assert [f.sha256 for f in session.fields] == shas
    named = bench.counts.start("platelets-on-film", "S", [[shas[4], shas[1]]], "named", reader="ada")
    assert [f.sha256 for f in named.fields] == [shas[4], shas[1]] and named.chosen == "2 chosen by the reader"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"way": "doubt"}, "not chosen by doubt: that order is for learning"),
        ({"way": "least sure"}, "not chosen by doubt"),
        ({"way": "best"}, "Fields are chosen in one of these ways: all"),
        ({"way": "hot spot"}, "wants its fields chosen in one of these ways: all, systematic random, named"),
        ({"way": "systematic random", "n": 9}, "Between 1 and 2 fields"),
        ({"protocol": "sperms"}, "There is no protocol 'sperms'"),
        ({"sample": " "}, "needs a code"),
        ({"chamber": "Thoma"}, "There is no chamber 'Thoma'"),
        ({"replicates": []}, "Name the images"),
        ({"replicates": [[]]}, "Name the images"),
        ({"replicates": ["side 3"]}, "no image of the group 'side 3'"),
        ({"replicates": ["side 1", "side 1"]}, "twice. Each field is another picture"),
    ],
)
def test_what_makes_no_count_is_refused_with_a_sentence(refusing: Bench, words: dict, said: str):
    given = {"protocol": "sperm-concentration", "sample": "S", "replicates": ["side 1"], "reader": "ada"}
    with pytest.raises(PdcError, match=said):
        refusing.counts.start(**given | words)
    assert refusing.counts.sessions() == []


# deciding


def test_a_field_that_is_withdrawn_stands_on_the_sheet_with_its_reason(bench: Bench):
    session = bench.begin()
    first, second = (f.sha256 for f in session.fields[:2])
    bench.read(first, sperm(30))
    bench.read(second, sperm(20))
    with pytest.raises(BadSetting, match="Say why"):
        bench.counts.withdraw(session.id, first, " ", "ada")
    bench.counts.withdraw(session.id, first, "air bubble", "ada")
    sheet = bench.counts.sheet(session.id, "ada")
    assert sheet.sample.of(["sperm"]) == 20
    assert [(e.name, e.why, e.by) for e in sheet.heading.withdrawn] == [("side 1 0.png", "air bubble", "ada")]
    bench.counts.add_field(session.id, first, 1, "ada")
    assert bench.counts.sample(session.id).of(["sperm"]) == 50
    assert "1 chosen by the reader" in bench.counts.session(session.id).chosen


def test_an_image_that_was_retired_is_withdrawn_with_the_reason_that_was_given(bench: Bench):
    session = bench.begin((2,))
    for field in session.fields:
        bench.read(field.sha256, sperm(10))
    bench.service.retire([session.fields[0].sha256], "bob", "wrong patient")
    sheet = bench.counts.sheet(session.id)
    assert sheet.sample.of(["sperm"]) == 10 and sheet.sample.passed == ()
    assert [(w.name, w.why, w.by) for w in sheet.heading.withdrawn] == [("side 1 0.png", "retired: wrong patient", "bob")]


def test_fields_that_were_passed_over_are_said_and_make_the_count_an_estimate(bench: Bench):
    session = bench.begin((3, 1))
    bench.read(session.fields[1].sha256, sperm(20))
    sample = bench.counts.sample(session.id)
    assert sample.passed == ("side 1 0.png",) and sample.ahead == 2
    said = {o.rule: o.verdict for o in bench.counts.sheet(session.id).outcomes}
    assert said["fields passed over"] == "estimated" and said["fields ahead"] == "valid"


def test_what_is_filled_in_is_checked_and_the_newest_counts(bench: Bench):
    session = bench.begin()
    fill, id = bench.counts.fill, session.id
    for name, value, said in (
        ("dilution", 2, "This protocol asks for dilution factor"),
        ("dilution factor", "two", "is a number of 0 or more; this is 'two'"),
        ("dilution factor", float("inf"), "is a number"),
        ("days of abstinence", "x" * 300, "at most 200 characters"),
    ):
        with pytest.raises(BadSetting, match=said):
            fill(id, name, value, reader="ada")
    with pytest.raises(BadSetting, match="once for the sample"):
        fill(id, "dilution factor", 2, replicate=1, reader="ada")
    for value in (2, "4"):
        fill(id, "dilution factor", value, reader="ada")
    assert bench.counts.session(id).filled == {"dilution factor": 4.0}
    assert fill(id, "dilution factor", "", reader="ada").filled == {}
    assert [e.value for e in bench.counts.events(id) if e.kind == "fill"] == [2.0, 4.0, None]


def test_a_plate_has_its_own_dilution(bench: Bench):
    bench.side("plates", 2)
    session = bench.counts.start("colonies-bam", "S", ["plates"], reader="ada")
    with pytest.raises(BadSetting, match="say for which image"):
        bench.counts.fill(session.id, "dilution of the plate", 0.1, reader="ada")
    for field, dilution in zip(session.fields, (0.01, 0.001), strict=True):
        bench.counts.fill(session.id, "dilution of the plate", dilution, sha256=field.sha256, reader="ada")
        bench.read(field.sha256, sperm(240 if dilution == 0.01 else 30, label="colony"), question=SPERM_COLONY)
    assert bench.counts.sheet(session.id).lines[0].value == 25_000


SPERM_COLONY = Question(Task.COUNT_AND_BOX, ("colony",))


def test_notes_of_fields_reach_the_verdict(bench: Bench):
    session = bench.begin((2,))
    for field in session.fields:
        bench.read(field.sha256, sperm(5))
    with pytest.raises(BadSetting, match="asks for clumps, not for 'dirt'"):
        bench.counts.note(session.id, field.sha256, ["dirt"], "ada")
    bench.counts.note(session.id, field.sha256, ["clumps"], "ada")
    assert "clumps in 1 of 2 fields, more than 10%." in [str(o.said) for o in bench.counts.sheet(session.id).outcomes]
    bench.counts.note(session.id, field.sha256, [], "ada")
    assert not any("clumps" in o.said for o in bench.counts.sheet(session.id).outcomes)


def test_another_replicate_needs_other_pictures(bench: Bench):
    session = bench.begin((1,))
    with pytest.raises(BadSetting, match="twice"):
        bench.counts.add_replicate(session.id, "side 1", reader="ada")
    bench.side("side 2", 2)
    assert bench.counts.add_replicate(session.id, "side 2", reader="ada").replicates == 2


def test_a_closed_count_takes_nothing_until_it_is_reopened_with_a_reason(bench: Bench):
    session = bench.begin()
    sha = session.fields[0].sha256
    assert bench.counts.of_image(sha, "ada").place == 1
    bench.counts.close(session.id, "ada")
    assert bench.counts.of_image(sha, "ada") is None
    with pytest.raises(BadSetting, match=r"closed\. Re-open it"):
        bench.counts.withdraw(session.id, sha, "bubble", "ada")
    with pytest.raises(BadSetting, match="Say why"):
        bench.counts.reopen(session.id, "ada", "")
    bench.counts.reopen(session.id, "ada", "wrong lot")
    assert bench.counts.of_image(sha, "ada") is not None


# sheets


def test_a_final_sheet_is_amended_with_a_reason_and_stays_as_it_was(bench: Bench):
    session = bench.begin((1, 1))
    for field in session.fields:
        bench.read(field.sha256, sperm(50))
    id, counts = session.id, bench.counts
    with pytest.raises(BadSheet, match="dilution factor, ejaculate volume must be filled in"):
        counts.sign(id, "final", "ada")
    with pytest.raises(BadSheet, match="no final sheet yet"):
        counts.sign(id, "amended", "ada", "because")
    counts.fill(id, "dilution factor", 2, reader="ada")
    counts.fill(id, "ejaculate volume", 3, reader="ada")
    draft, final = counts.sign(id, "draft", "ada"), counts.sign(id, "final", "ada")
    with pytest.raises(BadSheet, match=r"final sheet\. Amend it"):
        counts.sign(id, "final", "bob")
    with pytest.raises(BadSheet, match="and why"):
        counts.sign(id, "amended", "bob")
    bench.read(session.fields[0].sha256, sperm(60), "bob")
    amended = counts.sign(id, "amended", "bob", "one row was missed")
    assert [(k.status, k.revision, k.amends) for k in counts.sheets(id)] == [
        ("draft", 1, None),
        ("final", 2, None),
        ("amended", 3, final.id),
    ]
    assert counts.kept(final.id) == final and counts.kept(draft.id) == draft
    assert json.loads(final.text)["results"][0]["k"] == 100 and json.loads(amended.text)["results"][0]["k"] == 110
    assert json.loads(amended.text)["why"] == "one row was missed" and differences(final.text) == []


def test_another_version_of_a_protocol_changes_no_count_that_was_begun(bench: Bench, tmp_path: Path):
    from pdc.settings import ASSETS

    own = json.loads((ASSETS / "protocols" / "sperm-concentration.json").read_text()) | {"name": "ours"}
    file = tmp_path / "protocols" / "ours.json"
    file.parent.mkdir()
    file.write_text(json.dumps(own))
    session = bench.begin(protocol="ours")
    bench.read(session.fields[0].sha256, sperm(40, out=3))
    before = bench.counts.sheet(session.id)
    file.write_text(json.dumps(own | {"version": 2, "border": {"kind": "all"}, "target": own["target"] | {"least": 10}}))
    after = bench.counts.sheet(session.id)
    assert after.protocol == before.protocol and after.lines == before.lines and after.outcomes == before.outcomes
    assert bench.counts.protocols()["ours"].version == 2


# who sees what


def test_a_count_is_seen_by_those_who_see_all_its_images(tmp_path: Path):
    bench = Bench(tmp_path, private=True)
    for name in ("a", "b"):
        bench.image(f"{name}.png", "slide", owner="ada")
    session = bench.counts.start("schistocytes", "S", ["slide"], reader="ada")
    assert bench.counts.sessions("ada") == [session] and bench.counts.sessions("bob") == []
    sha = session.fields[0].sha256
    assert bench.counts.of_image(sha, "bob") is None
    with pytest.raises(NotFound, match="no count"):
        bench.counts.session(session.id, "bob")
    with pytest.raises(NotFound):
        bench.counts.withdraw(session.id, sha, "why not", "bob")
    with pytest.raises(NotFound, match="no image of the group"):
        bench.counts.start("schistocytes", "S", ["slide"], reader="bob")
    with pytest.raises(NotFound):
        bench.counts.start("schistocytes", "S", [[sha]], "named", reader="bob")


# replicates are blind


def test_the_second_replicate_is_read_without_the_model_in_sight(bench: Bench):
    session = bench.begin((1, 1))
    first, second = (f.sha256 for f in session.fields)
    for sha in (first, second):
        bench.service.answer(bench.service.image(sha, "ada"), SPERM)
    assert len(bench.service.open(first, SPERM, "ada").findings.marks) == 7
    opened = bench.service.open(second, SPERM, "ada")
    assert opened.blind and opened.findings.marks == () and opened.prediction is None
    with pytest.raises(PdcError, match="is a blind read"):
        bench.service.predict(opened)
    assert bench.read(second, sperm(9)).blind
    assert not bench.service.hides(second, SPERM, "ada") and bench.service.hides(second, SPERM, "bob")
    assert bench.counts.of_image(second, "ada").state is FieldState.READ


def test_a_protocol_may_have_the_first_replicate_read_blind_too(bench: Bench):
    rules = bench.counts.protocols()["sperm-concentration"]
    rules = rules.model_copy(update={"replicates": rules.replicates.model_copy(update={"blind": True})})
    first = bench.begin((1,), protocol=rules).fields[0].sha256
    bench.service.answer(bench.service.image(first, "ada"), SPERM)
    assert bench.service.open(first, SPERM, "ada").findings.marks == () and bench.read(first, sperm(3)).blind


def test_what_was_read_before_with_the_model_in_sight_is_no_second_replicate(bench: Bench):
    first, second = bench.side("side 1", 1) + bench.side("side 2", 1)
    for sha in (first, second):
        bench.read(sha, sperm(8))
    session = bench.counts.start("sperm-concentration", "S", ["side 1", "side 2"], reader="ada")
    assert states(bench, session.id) == ["read", "open"]
    assert bench.service.open(second, SPERM, "ada").findings.marks == ()
    bench.read(second, sperm(11))
    assert states(bench, session.id) == ["read", "read"]
    assert [r.of(["sperm"]) for r in bench.counts.sample(session.id).replicates] == [8, 11]
