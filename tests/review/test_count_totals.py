"""Whatever happens to the images of a count, its totals are the sums of the marks that are stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from counted import SPERM, Bench, sperm

from pdc.domain.errors import StaleSave
from pdc.domain.merge import Take
from pdc.domain.values import USABLE, Status, Verdict
from pdc.review.drafts import Draft

STEPS = 18


class Desks:
    """Two readers who do at random what readers do."""

    def __init__(self, bench: Bench, shas: list[str], seed: int) -> None:
        self.bench, self.shas, self.random = bench, shas, Random(seed)
        self.open: dict[str, Draft] = {}

    def step(self) -> None:
        reader = self.random.choice(("ada", "bob"))
        draft = self.open.get(reader) or self._opened(reader)
        what: Callable[[str, Draft], None] = self.random.choice(
            (self.edit, self.judge, self.undo, self.save, self.skip, self.leave)
        )
        what(reader, draft)

    def edit(self, reader: str, draft: Draft) -> None:
        self._keep(reader, draft, sperm(self.random.randrange(40), out=self.random.randrange(3)))

    def judge(self, reader: str, draft: Draft) -> None:
        marks = [replace(m, status=self.random.choice(list(Status))) for m in draft.findings.marks]
        self._keep(reader, draft, replace(draft.findings, marks=tuple(marks)))

    def undo(self, reader: str, draft: Draft) -> None:
        self._keep(reader, draft, replace(draft.findings, marks=draft.findings.marks[:-1]))

    def save(self, reader: str, draft: Draft, verdict: Verdict | None = None) -> None:
        service = self.bench.service
        try:
            self.open[reader], _ = service.save(draft, verdict)
        except StaleSave:
            self.open[reader], _ = service.save(service.resolve(draft, self.random.choice(list(Take))), verdict)

    def skip(self, reader: str, draft: Draft) -> None:
        self.save(reader, draft, Verdict.SKIPPED)

    def leave(self, reader: str, draft: Draft) -> None:
        self._opened(reader)

    def _opened(self, reader: str) -> Draft:
        self.open[reader] = self.bench.service.open(self.random.choice(self.shas), SPERM, reader)
        return self.open[reader]

    def _keep(self, reader: str, draft: Draft, findings) -> None:
        self.open[reader] = self.bench.service.edit(draft, findings)


def stored(bench: Bench, sha: str) -> int:
    """What the newest review says lies inside, counted by hand: a mark that ends before the last column and the last row."""
    reviews = bench.store.reviews(sha)
    if not reviews or reviews[-1].verdict not in USABLE:
        return 0
    marks = [m for m in reviews[-1].findings.marks if m.status in (Status.OPEN, Status.ACCEPTED)]
    return sum(m.shape.xyxy[2] < 39 and m.shape.xyxy[3] < 29 for m in marks)


@pytest.mark.parametrize("seed", range(2))
def test_totals_are_the_sums_of_stored_marks_after_every_edit_undo_conflict_and_kill(tmp_path: Path, seed: int):
    bench = Bench(tmp_path)
    session = bench.begin((2, 1))
    shas = [f.sha256 for f in session.fields]
    desks, most = Desks(bench, shas, seed), 0
    for step in range(STEPS):
        desks.step()
        sums = [sum(stored(bench, f.sha256) for f in session.fields if f.replicate == n) for n in (1, 2)]
        counted = [r.of(["sperm"]) for r in bench.counts.sample(session.id).replicates]
        assert counted + [0] * (2 - len(counted)) == sums, step
        most = max(most, *sums)
        if step == STEPS // 2:  # killed: what was open is lost, and nothing that was saved
            bench = desks.bench = Bench(tmp_path)
            desks.open.clear()
    assert sum(sums) == bench.counts.sheet(session.id).lines[0].k and most > 0
