"""The Review page while a sample is counted: what an open field adds to, what the list shows, and which field comes next."""

from __future__ import annotations

import pytest
from counted import ROW, SPERM, Bench, sperm

from pdc.domain.values import Question, Task
from pdc.review.counting.desk import FieldDesk


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("counts"))


@pytest.fixture
def desk(bench: Bench) -> FieldDesk:
    return FieldDesk(bench.counts)


def begin(bench: Bench, *fields: int) -> str:
    """A count of fresh images, so many a replicate."""
    sides = [bench.side("side", n) for n in fields]
    return bench.counts.start("sperm-concentration", "S-17", sides, reader="ada").id


def shas(bench: Bench, id: str) -> list[str]:
    return [f.sha256 for f in bench.counts.fields(id)]


def test_an_open_field_adds_to_the_other_fields_of_its_replicate_and_never_to_itself(bench: Bench, desk: FieldDesk):
    id = begin(bench, 3, 1)
    bench.counts.set_area(id, None, ROW, "ada")
    first, second, third, _ = shas(bench, id)
    bench.read(first, sperm(90, out=2))
    bench.read(second, sperm(60))
    for sha, before in ((first, 60), (second, 90), (third, 150)):
        found = desk.field(sha, "ada", SPERM)
        assert found and (found.before, found.earlier, found.least) == ({"sperm": before}, {}, 200)
        assert (found.at, found.of) == (shas(bench, id).index(sha) + 1, 3)


def test_what_comes_next_is_said_for_a_target_that_is_reached_and_for_one_that_is_not(bench: Bench, desk: FieldDesk):
    id = begin(bench, 2, 1)
    bench.counts.set_area(id, None, {"squares": 3}, "ada")
    found = desk.field(shas(bench, id)[0], "ada", SPERM)
    assert found and str(found.short) == "go on with the next field."
    assert str(found.reached) == "finish the row. 2 squares are left."
    bench.counts.set_area(id, None, ROW, "ada")
    found = desk.field(shas(bench, id)[0], "ada", SPERM)
    assert found and str(found.reached) == "begin replicate 2 of 2."


def test_a_field_under_another_question_counts_nowhere(bench: Bench, desk: FieldDesk):
    sha = shas(bench, begin(bench, 2, 2))[0]
    assert desk.field(sha, "ada", Question(Task.COUNT_AND_BOX, ("colony",))) is None
    assert desk.field(sha, "ada", Question(Task.COUNTING, SPERM.labels)) is None
    assert desk.field(sha, "ada", Question(Task.CNT_AND_POINT, (*SPERM.labels, "colony"))) is not None


def test_an_image_of_no_open_session_is_no_field(bench: Bench, desk: FieldDesk):
    assert desk.field(bench.image("alone.png", "elsewhere").sha256, "ada", SPERM) is None
    id = begin(bench, 2, 2)
    bench.counts.close(id, "ada")
    assert desk.field(shas(bench, id)[0], "ada", SPERM) is None


def test_a_field_that_was_passed_over_comes_again_once_the_later_ones_are_read(bench: Bench, desk: FieldDesk):
    id = begin(bench, 3, 1)
    first, second, third, fourth = shas(bench, id)
    assert desk.opened(id, "ada")[0] == first
    assert desk.next(id, "ada", first).sha256 == second  # skipped
    bench.read(second, sperm(3))
    assert desk.next(id, "ada", second).sha256 == third
    bench.read(third, sperm(3))
    bench.read(fourth, sperm(3))
    assert desk.next(id, "ada", fourth).sha256 == first
    assert desk.next(id, "ada", first) is None and desk.beside(id, "ada", first, -1).sha256 == fourth


def test_a_withdrawn_field_is_neither_listed_nor_comes_next(bench: Bench, desk: FieldDesk):
    id = begin(bench, 3, 1)
    first, second, third, _ = shas(bench, id)
    bench.counts.withdraw(id, second, "air bubble", "ada")
    assert second not in [f.sha256 for f in desk.fields(bench.counts.session(id))]
    assert desk.next(id, "ada", first).sha256 == third
    found = desk.field(third, "ada", SPERM)
    assert found and (found.at, found.of) == (2, 2)


def test_the_fields_ahead_are_those_not_read_under_the_sessions_question(bench: Bench, desk: FieldDesk):
    id = begin(bench, 3, 1)
    first, second, third, fourth = shas(bench, id)
    bench.read(second, sperm(1))
    ahead = desk.following(id, "ada", first)
    assert [(image.sha256, question) for image, question in ahead] == [(third, SPERM), (fourth, SPERM)]


def test_a_reader_at_the_end_is_told_whether_the_count_is(bench: Bench, desk: FieldDesk):
    id = begin(bench, 1, 1)
    bench.counts.set_area(id, None, ROW, "ada")
    first, second = shas(bench, id)
    bench.read(first, sperm(210))
    assert desk.end(id).startswith("Every field of this count is read")
    bench.read(second, sperm(205))
    assert desk.next(id, "ada", second) is None and desk.end(id).startswith("Nothing more has to be read")
