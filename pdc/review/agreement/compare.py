"""Two readers' or more reads of the same images become rows of measures: what each image adds, then the measure of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pdc.domain.agreement.measures import Differences, Measured, Table, cohens_kappa, f1, icc, krippendorffs_alpha
from pdc.domain.agreement.objects import Group, Reads, group_marks
from pdc.domain.agreement.rows import Difference, Kind, Measure, Row
from pdc.domain.values import Findings, Question
from pdc.review.agreement.draws import Sums, estimate

Of = Callable[[Sums], Measured]


@dataclass(frozen=True, slots=True)
class Case:
    """One image under one question, and the finished reads of it."""

    image: str
    group: str
    question: Question
    reads: Reads

    def of(self, readers: Sequence[str]) -> Case:
        """The same with the reads of these only."""
        return Case(self.image, self.group, self.question, {r: self.reads[r] for r in readers})

    @property
    def complete(self) -> bool:
        """Whether every read says all that the image shows; else what is not marked was not denied."""
        return all(findings.complete for findings in self.reads.values())


@dataclass(frozen=True)
class Comparison:
    """The cases that two or more of `readers` read; `kind` says whether these are several or one at two times."""

    kind: Kind
    readers: tuple[str, ...]
    cases: tuple[Case, ...]

    def rows(self) -> Iterator[Row]:
        """Labels of matched objects; then objects and counts, of all labels together and of each."""
        marked = [c for c in self.cases if c.question.task.has_marks]
        whole = [c for c in self.cases if c.complete]
        if marked:
            yield self._labels_row(marked)
        if marked and len(self.readers) == 2:
            yield from self._object_rows([c for c in marked if c.complete])
        yield from self._count_rows([c for c in whole if len(c.reads) == len(self.readers)])

    def labels(self) -> tuple[str, ...]:
        """All that were asked, in order of appearance."""
        return tuple(dict.fromkeys(label for c in self.cases for label in c.question.labels))

    def differences(self, label: str | None) -> Iterator[Difference]:
        """The dots of the Bland-Altman plot of two readers."""
        for case in self._asking(label, [c for c in self.cases if c.complete]):
            one, other = _counts(case, self.readers, label)
            yield Difference(self.kind, (self.readers[0], self.readers[1]), label, case.image, one, other)

    def _row(self, label: str | None, measure: Measure, cases: Sequence[Case], sums: Sequence[Sums], of: Of, n: float) -> Row:
        found = estimate([c.group for c in cases], sums, of)
        return Row(self.kind, self.readers, label, measure, found, len(cases), round(n))

    def _labels_row(self, cases: Sequence[Case]) -> Row:
        """Kappa of two readers, alpha of more, on the labels of objects that two or more of them marked."""
        groups = [[g for g in group_marks(c.reads) if len(g.marks) > 1] for c in cases]
        labels = sorted({m.label for found in groups for g in found for m in g.marks.values()})
        two = len(self.readers) == 2
        sums = [_label_table(found, labels, self.readers if two else ()) for found in groups]
        of = partial(_of_table, cohens_kappa if two else krippendorffs_alpha, len(labels))
        return self._row(None, Measure.KAPPA if two else Measure.ALPHA, cases, sums, of, sum(map(len, groups)))

    def _object_rows(self, cases: Sequence[Case]) -> Iterator[Row]:
        groups = {id(c): group_marks(c.reads) for c in cases}
        for label in (None, *self.labels()):
            asked = self._asking(label, cases)
            sums = [_found(groups[id(c)], self.readers, label) for c in asked]
            if asked:
                yield self._row(label, Measure.F1, asked, sums, lambda s: f1(*s), sum(s[1] + s[2] for s in sums))

    def _count_rows(self, cases: Sequence[Case]) -> Iterator[Row]:
        for label in (None, *self.labels()):
            asked = self._asking(label, cases)
            counts = [_counts(c, self.readers, label) for c in asked]
            if not asked:
                continue
            if len(self.readers) == 2:
                apart = [(1.0, float(a - b), float((a - b) ** 2)) for a, b in counts]
                for measure, of in LIMITS.items():
                    yield self._row(label, measure, asked, apart, of, len(asked))
            sums = [(1.0, *map(float, c), sum(n**2.0 for n in c), sum(c) ** 2.0) for c in counts]
            yield self._row(label, Measure.ICC, asked, sums, _icc, len(asked))

    def _asking(self, label: str | None, cases: Sequence[Case]) -> list[Case]:
        return [c for c in cases if label is None or label in c.question.labels]


LIMITS = {
    Measure.BIAS: lambda s: Differences(*s).bias(),
    Measure.LOWER: lambda s: Differences(*s).limit(-1),
    Measure.UPPER: lambda s: Differences(*s).limit(1),
}


def _icc(sums: Sums) -> Measured:
    images, *readers, squares, squared_sums = sums
    return icc(images, readers, squares, squared_sums)


def _of_table(measure: Callable[[Table], Measured], size: int, sums: Sums) -> Measured:
    return measure([sums[i * size : (i + 1) * size] for i in range(size)])


def _label_table(groups: Sequence[Group], labels: Sequence[str], pair: Sequence[str]) -> list[float]:
    """Row by row: how often label i and label j met at one object; of a pair, the first reader's i and the second's j."""
    at = {label: i for i, label in enumerate(labels)}
    table = [0.0] * len(labels) ** 2
    for group in groups:
        said = [group.marks[r].label for r in pair] if pair else [m.label for m in group.marks.values()]
        met = [(said[0], said[1])] if pair else [(a, b) for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
        for a, b in met:
            table[at[a] * len(labels) + at[b]] += 1 / (len(said) - 1)
    return table


def _found(groups: Sequence[Group], readers: Sequence[str], label: str | None) -> tuple[float, float, float]:
    """(both, one, other): objects both marked with one label, and each reader's marks; of this label, or of all."""
    said = [[g.marks[r].label if r in g.marks else None for r in readers] for g in groups]
    wanted = [pair for pair in said if label is None or label in pair]
    both = sum(a == b for a, b in wanted)
    one, other = (sum(p[i] is not None if label is None else p[i] == label for p in wanted) for i in (0, 1))
    return float(both), float(one), float(other)


def _counts(case: Case, readers: Sequence[str], label: str | None) -> list[int]:
    return [_count(case.reads[r], case.question, label) for r in readers]


def _count(findings: Findings, question: Question, label: str | None) -> int:
    counts = Counter(findings.counts(question.task))
    return counts[label] if label is not None else sum(counts[n] for n in question.labels)
