"""What the first replicate counted is kept from whoever reads the next one, but from its own reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from counted import ROW, Bench, sperm

from pdc.domain.errors import ReadFirst
from pdc.review.counting.sessions import CountSessions


def test_another_reader_sees_no_number_of_the_first_replicate_before_the_second_is_read(tmp_path: Path):
    bench = Bench(tmp_path)
    session = bench.begin((1, 1))
    id, (first, second) = session.id, (f.sha256 for f in session.fields)
    bench.counts.set_area(id, None, ROW, "ada")
    assert bench.counts.sheet(id, "bob")
    bench.read(first, sperm(210))
    with pytest.raises(ReadFirst, match="is kept from you until"):
        bench.counts.sheet(id, "bob")
    kept = bench.counts.sign(id, "draft", "ada")
    with pytest.raises(ReadFirst, match="is kept from you until"):
        bench.counts.kept(kept.id, "bob")
    assert bench.counts.sheet(id, "ada").lines[0].k == 210
    bench.read(second, sperm(205), "bob")
    assert bench.counts.sheet(id, "bob").lines[0].k == bench.counts.sheet(id, "carl").lines[0].k == 415
    assert bench.counts.kept(kept.id, "bob").text == kept.text


def test_remembered_numbers_are_those_that_another_process_works_out(tmp_path: Path):
    bench = Bench(tmp_path)
    session = bench.begin((2,))
    first, second = (f.sha256 for f in session.fields)
    fresh = lambda: CountSessions(bench.store, tmp_path).sample(session.id)  # noqa: E731
    for n, sha in ((5, first), (7, second), (9, first)):
        bench.read(sha, sperm(n, out=1))
        assert bench.counts.sample(session.id) == fresh()
    bench.counts.set_area(session.id, first, {"shape": {"kind": "rectangle", "x": 4, "y": 4, "width": 6, "height": 6}}, "ada")
    bench.counts.note(session.id, second, ["clumps"], "ada")
    assert bench.counts.sample(session.id) == fresh() and fresh().of(["sperm"]) < 16
